//go:build !goexperiment.runtimesecret

package secret

// Erases tells whether this build erases what f leaves behind in Do.
const Erases = false

// Do calls f, which uses a key outside the token. This build has no
// runtime/secret: what f copied stays in the heap until it is overwritten.
func Do(f func()) { f() }

// Gather does nothing: no Do collects in this build.
func Gather() (end func()) { return func() {} }
