//go:build linux

package secret_test

import (
	"bytes"
	"os/exec"
	"runtime"
	"testing"

	"conclave/hsm/secret"
)

// TestStart starts children from many threads: each must be without new rights,
// as /proc says of it.
func TestStart(t *testing.T) {
	grep, err := exec.LookPath("grep")
	if err != nil {
		t.Fatal(err)
	}
	said := make(chan string)
	for range 8 {
		go func() {
			runtime.LockOSThread() // a thread of its own, which ends with it
			var out bytes.Buffer
			cmd := exec.CommandContext(t.Context(), grep, "NoNewPrivs", "/proc/self/status")
			cmd.Stdout = &out
			if err := secret.Start(cmd); err != nil {
				said <- err.Error()
				return
			}
			_ = cmd.Wait() // what it printed tells
			said <- out.String()
		}()
	}
	for range 8 {
		if got := <-said; got != "NoNewPrivs:\t1\n" {
			t.Errorf("a child says %q of itself", got)
		}
	}
}
