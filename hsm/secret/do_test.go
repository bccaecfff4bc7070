//go:build goexperiment.runtimesecret && !race

package secret_test

import (
	"runtime"
	"testing"
	"time"

	"conclave/hsm/secret"
)

// collections is how many collections were asked for meanwhile.
func collections(f func()) uint32 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.NumForcedGC - before.NumForcedGC
}

func TestCollections(t *testing.T) {
	defer secret.PauseFor(time.Hour)()
	use := func() { secret.Do(func() {}) }
	if n := collections(use); n != 1 {
		t.Errorf("a Do was followed by %d collections", n)
	}
	if n := collections(func() { secret.Do(func() { use(); use() }) }); n != 1 {
		t.Errorf("a Do around two was followed by %d collections", n)
	}
	var end func()
	if n := collections(func() { end = secret.Gather(); use(); use() }); n != 0 {
		t.Errorf("%d collections before the end of what is gathered", n)
	}
	second := secret.Gather()
	if n := collections(end); n != 0 {
		t.Errorf("%d collections before the last of two ended", n)
	}
	if n := collections(end); n != 0 {
		t.Errorf("the same end counted twice: %d collections", n)
	}
	if n := collections(second); n != 1 {
		t.Errorf("%d collections at the end of both", n)
	}
	if n := collections(secret.Gather()); n != 0 {
		t.Errorf("%d collections where there was nothing", n)
	}
	if n := collections(use); n != 1 {
		t.Errorf("a Do afterwards was followed by %d collections", n)
	}
}

// TestAgain: two more collections follow, and no third.
func TestAgain(t *testing.T) {
	defer secret.PauseFor(time.Millisecond)()
	n := collections(func() {
		secret.Do(func() {})
		time.Sleep(200 * time.Millisecond)
	})
	if n != 3 {
		t.Errorf("%d collections, want one and two more", n)
	}
}
