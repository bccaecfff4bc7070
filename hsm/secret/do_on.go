//go:build goexperiment.runtimesecret

package secret

import (
	"runtime"
	rsecret "runtime/secret"
	"sync"
	"time"
)

// Erases tells whether this build erases what f leaves behind in Do.
const Erases = true

// Do calls f, which uses a key outside the token. Where the build has
// runtime/secret, the registers, the stack and the heap that f used are erased
// before Do returns: a collection follows, since heap objects are erased when
// they are found dead (but see Gather), and two more beside what comes after. f
// must not start goroutines that use the key, nor call into C: that ends the
// process with a segmentation fault (Go 1.26).
func Do(f func()) {
	if rsecret.Enabled() {
		f() // the outer Do collects
		return
	}
	rsecret.Do(f)
	if !gathering.later() {
		collect()
	}
}

// Gather has every Do that ends before the returned function is called leave its
// collection to that function: one for all. It is for an operation of milliseconds
// that uses many keys, not for one that waits for people. Unlike in Do, anything
// may be called meanwhile. Where several overlap, the last one to end collects.
func Gather() (end func()) {
	gathering.begin()
	return sync.OnceFunc(func() {
		if gathering.end() {
			collect()
		}
	})
}

// collect erases what is dead, and does so twice more a while later, beside the
// work: where a thread is stopped in the middle of anything, its frame is read
// word by word, and can seem to hold what nothing holds any more.
func collect() {
	runtime.GC()
	again.begin()
}

// repeats are the collections that follow the last one that was asked for.
type repeats struct {
	mu    sync.Mutex
	timer *time.Timer
	next  int // index into pauses
}

var (
	again  repeats
	pauses = []time.Duration{300 * time.Millisecond, 2 * time.Second}
)

func (r *repeats) begin() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.next = 0
	if r.timer == nil {
		r.timer = time.AfterFunc(pauses[0], r.run)
		return
	}
	r.timer.Reset(pauses[0])
}

func (r *repeats) run() {
	runtime.GC()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.next++; r.next < len(pauses) {
		r.timer.Reset(pauses[r.next])
	}
}

// gathering is how many Gather have not ended, and whether a Do left its
// collection to them.
var gathering gatherings

type gatherings struct {
	mu  sync.Mutex
	n   int
	due bool
}

func (g *gatherings) begin() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.n++
}

func (g *gatherings) later() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.due = g.due || g.n > 0
	return g.n > 0
}

func (g *gatherings) end() (collect bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.n--
	collect = g.n == 0 && g.due
	g.due = g.due && !collect
	return collect
}
