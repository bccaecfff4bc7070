//go:build !mmapfallback

package secret

// forceFallback is set by the build tag mmapfallback, with which the leak scan
// builds a program whose pages it can read.
const forceFallback = false
