//go:build !cgo

package need

const loads = false
