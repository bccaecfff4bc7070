//go:build cgo

package need

// loads tells whether this build can load a C library.
const loads = true
