//go:build goexperiment.runtimesecret

package secret

import (
	"runtime"
	rsecret "runtime/secret"
)

// Erases tells whether this build erases what f leaves behind in Do.
const Erases = true

// Do calls f, which uses a key outside the token. Where the build has
// runtime/secret, the registers, the stack and the heap that f used are erased
// before Do returns: a collection follows, since heap objects are erased when
// they are found dead. f must not start goroutines that use
// the key, nor call into C: that ends the process with a segmentation fault
// (Go 1.26).
func Do(f func()) {
	if rsecret.Enabled() {
		f() // the outer Do collects
		return
	}
	rsecret.Do(f)
	runtime.GC()
}
