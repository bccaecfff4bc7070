package courier

import (
	"context"
	"os"
	"runtime"

	"golang.org/x/sys/unix"

	"conclave/hsm/secret"
	"conclave/vaultstate/server"
)

// called tells that this program's main calls Child. One that does not would,
// started again, do its whole work again: a test binary, all of its tests.
var called bool

// Child sends a request and exits if this process was started as the courier,
// and returns at once otherwise. It is called in main after secret.Harden, and
// in every TestMain whose tests send requests so.
func Child() {
	called = true
	if len(os.Args) != 1 || os.Args[0] != marker {
		return
	}
	// No new privileges is a thing of each thread: serve asks this one. No other
	// needs it, since nothing is started here.
	runtime.LockOSThread()
	secret.Harden() // exec reset it
	os.Exit(serve(os.NewFile(3, "parent")))
}

// serve is the life of the child.
func serve(parent *os.File) int {
	if err := writeReady(parent, lacks()); err != nil {
		return 1
	}
	r, err := readRequest(parent)
	if err != nil {
		return 1
	}
	defer wipe(r)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		_, _ = parent.Read(make([]byte, 1)) // nothing more comes: the parent is gone
		cancel()
	}()
	a, err := server.Send(ctx, r)
	defer a.Body.Wipe()
	if err := writeAnswer(parent, a, err); err != nil {
		return 1
	}
	return 0
}

// What of the hardening could not be had: one bit each of the ready message.
const (
	undumpable uint64 = 1 << iota
	noCore
	noNewPrivs
)

// lacks asks the kernel what is so, whatever was tried.
func lacks() (bits uint64) {
	if on, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0); err != nil || on != 0 {
		bits |= undumpable
	}
	var core unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &core); err != nil || core.Cur != 0 || core.Max != 0 {
		bits |= noCore
	}
	if on, err := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0); err != nil || on != 1 {
		bits |= noNewPrivs
	}
	return bits
}
