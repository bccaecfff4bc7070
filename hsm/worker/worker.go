// Package worker keeps a vendor's PKCS#11 library in a process of its own.
//
// The program starts itself again (/proc/self/exe, marked in argv[0]); Child,
// called first in main, turns that process into the worker. The two speak over
// a socket pair in frames of one fixed size, so that not even the length of a
// PIN shows outside.
//
// It promises:
//   - a library that hangs is killed with its process when the time limit of
//     the call passes (ErrTimeout); one that crashes takes nothing else with it
//     (*EndedError);
//   - the child hardens itself before it loads the library, has no descriptor
//     but the socket and /dev/null, belongs to a session of its own (no
//     terminal, no ctrl+c), and gets only the environment that Environment
//     lists;
//   - PINs and plaintexts lie in secret.Bytes on both sides and in frames; what
//     the PKCS#11 binding copies in the child is wiped there, in C by the
//     allocator (see Environment), in vector registers by quietly;
//   - the child logs in at the token only when it is told to, and tries a kept
//     PIN again only in Relogin; the kept PIN is wiped at Logout and after a
//     login that failed.
//
// It does not promise that the library keeps no copy of its own: it has the
// token's secrets, and they end with the process. The kernel's socket buffers
// hold a frame until it is read.
//
// It knows codes, not their meaning: hsm turns a Fault into a sentence.
package worker

import (
	"errors"
	"fmt"
	"os"

	"conclave/hsm/secret"
)

// marker is argv[0] of the worker.
const marker = "conclave-hsm-worker"

// Child serves and exits if this process was started as the worker, and
// returns at once otherwise. It is the first call of main, after
// secret.Harden, and of every TestMain whose tests use hsm.
func Child() {
	if len(os.Args) != 1 || os.Args[0] != marker {
		return
	}
	secret.Harden() // exec reset it; the parent reports what cannot be had
	os.Exit(serve(os.NewFile(3, "parent")))
}

// The errors of a Client besides a Fault.
var (
	ErrTimeout     = errors.New("the call took longer than allowed, its process was killed")
	ErrNotLoggedIn = errors.New("nobody is logged in")
	ErrNoPIN       = errors.New("the PIN was not kept")
	ErrStale       = errors.New("the handle is from before a login, logout or restart")
	ErrTooLong     = errors.New("too long for a frame")
)

// Fault is a PKCS#11 call that did not return CKR_OK.
type Fault struct {
	Call string // "C_Login"
	Code uint   // its CK_RV
}

func (f *Fault) Error() string { return fmt.Sprintf("%s returned 0x%X", f.Call, f.Code) }

// LoadError says why the library could not be loaded, in the loader's words.
type LoadError struct{ Reason string }

func (e *LoadError) Error() string { return "loading the library: " + e.Reason }

// EndedError says how the child ended: by itself, or by whose hand.
type EndedError struct{ How string }

func (e *EndedError) Error() string { return "the worker process ended: " + e.How }
