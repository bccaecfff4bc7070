//go:build goexperiment.runtimesecret && !race

package secret

import "time"

// PauseFor has the collections afterwards come so much later, until restore.
func PauseFor(d time.Duration) (restore func()) {
	again.mu.Lock()
	defer again.mu.Unlock()
	was := pauses
	pauses = []time.Duration{d, d}
	return func() {
		again.mu.Lock()
		defer again.mu.Unlock()
		pauses = was
	}
}
