//go:build !cgo

package worker

import "os"

// Available tells whether this build can load a PKCS#11 library.
const Available = false

func serve(*os.File) int { return 1 }
