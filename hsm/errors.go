package hsm

import (
	"context"
	"errors"
	"fmt"
	"time"

	"conclave/hsm/worker"
)

// Error is a failed PKCS#11 call: a sentence for people, the call and its code
// in brackets, and one of the errors of this package to branch on.
type Error struct {
	Call     string // "C_Login"
	Code     uint   // its CK_RV
	Sentence string
	err      error // nil: none of ours
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s (%s, %s)", e.Sentence, e.Call, ckrText(e.Code))
}

func (e *Error) Unwrap() error { return e.err }

// tokenContext is what a sentence about a failed call may name.
type tokenContext struct {
	Lib, Label, Serial         string
	KeyLabel, KeyID, Mechanism string
	HMACKeyLabel, HMACKeyID    string
	PIN                        PINState
	MinPIN, MaxPIN             int
}

// explain turns what a worker's call returned into an error of this package.
func explain(err error, limit time.Duration, c tokenContext) error {
	var f *worker.Fault
	var load *worker.LoadError
	var ended *worker.EndedError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.As(err, &f):
		return newError(f.Call, f.Code, c)
	case errors.As(err, &load):
		return fmt.Errorf("%w: %s. Check the path, and that the vendor's client is installed for this kind of machine", ErrNoLibrary, load.Reason)
	case errors.Is(err, worker.ErrTimeout):
		return fmt.Errorf("%w (%s); its library was stopped. It may still finish inside: check the HSM, do not pull it out", ErrTimeout, limit)
	case errors.As(err, &ended):
		return fmt.Errorf("%w: %s", ErrWorker, ended.How)
	case errors.Is(err, worker.ErrNotLoggedIn):
		return ErrNotLoggedIn
	case errors.Is(err, worker.ErrNoPIN):
		return fmt.Errorf("%w: the PIN is not kept, enter it again", ErrNotLoggedIn)
	}
	return err
}

// explain is the same with what is known of this token.
func (t *Token) explain(err error, limit time.Duration) error {
	return explain(err, limit, t.context())
}
