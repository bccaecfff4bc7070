package term

import (
	"os"
	"testing"
	"unsafe"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
	xterm "golang.org/x/term"
)

// wipeString zeroes the canary of a test, which is a copy on the heap.
func wipeString(s *string) {
	clear(unsafe.Slice(unsafe.StringData(*s), len(*s)))
	*s = ""
}

// openQuiet makes a terminal that nobody reads.
func openQuiet(t *testing.T) *terminal {
	t.Helper()
	far, near, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = far.Close(); _ = near.Close() })
	if _, err := xterm.MakeRaw(int(near.Fd())); err != nil {
		t.Fatal(err)
	}
	return &terminal{t: t, far: far, near: near, tap: atOnce(NewTap(near))}
}

// queued is how many bytes were typed and not read.
func queued(t *testing.T, f *os.File) int {
	t.Helper()
	n, err := unix.IoctlGetInt(int(f.Fd()), unix.TIOCINQ)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// atOnce takes what comes from the first moment: most tests are not about that.
func atOnce(t *Tap) *Tap {
	t.grace = 0
	return t
}
