package vaultstate

import (
	"errors"
	"fmt"
)

// The errors that callers branch on. Others are failures.
var (
	ErrInitialized    = errors.New("the vault is already initialised")
	ErrNotInitialized = errors.New("the vault is not initialised")
	ErrNoOperation    = errors.New("no such operation is pending")
	ErrPending        = errors.New("another operation is pending")
	ErrTaken          = errors.New("the new shares were already handed out")
	ErrCommitted      = errors.New("the operation is already committed")
	ErrNotReady       = errors.New("the operation is not ready for this")
	ErrChanged        = errors.New("the state changed and this ceremony did not change it")
	ErrServerRunning  = errors.New("a server runs on this storage")
	ErrLocked         = errors.New("another Conclave holds this storage")
	ErrCorrupt        = errors.New("the state is damaged")
	ErrUnsupported    = errors.New("this state is of a kind that Conclave does not change")
	ErrNothing        = errors.New("there is nothing to do")
	ErrNoExchange     = errors.New("this file system cannot exchange two directories")
	ErrTooManySubsets = errors.New("too many combinations of shares to find the wrong one")
	ErrNoToken        = errors.New("there is no such token")
	// Of a running server.
	ErrPinned  = errors.New("the server shows another certificate than before")
	ErrUnsafe  = errors.New("this connection is not safe")
	ErrSealed  = errors.New("the server is sealed")
	ErrStandby = errors.New("this node is not the active one")
	ErrClosed  = errors.New("the server does not offer this")
	ErrToken   = errors.New("the server wants another token")
	ErrLost    = errors.New("the server's answer was lost")
	ErrRefused = errors.New("the server refuses this") // for a reason that none of the others is
	// ErrChangedThere is ErrChanged of a server.
	ErrChangedThere error = changedThere{}

	ErrSingleValue = errors.New("the root key is not split under an HSM seal") // S2
)

// LostError is ErrLost: a request was sent, and what came of it is not known, or
// not in anybody's hands. So is what is so now as far as the server could be
// asked, one or more sentences without the last full stop.
type LostError struct {
	So  string
	Err error
}

func (e *LostError) Error() string {
	if e.Err == nil {
		return ErrLost.Error() + ": " + e.So
	}
	return ErrLost.Error() + ": " + e.So + ": " + e.Err.Error()
}

func (e *LostError) Unwrap() []error {
	if e.Err == nil {
		return []error{ErrLost} // a nil in the list is against the rules of package errors
	}
	return []error{ErrLost, e.Err}
}

type changedThere struct{}

func (changedThere) Error() string        { return "changed at the server" }
func (changedThere) Is(target error) bool { return target == ErrChanged }

// QuorumError says that the shares do not make the key. Wrong lists the indexes
// (Submit) or share numbers (Verify) that are shown to be wrong; empty means
// that one of them is, but not which.
type QuorumError struct {
	Given, Needed int
	Wrong         []int
	Unseal        bool  // they are of a server's unseal key
	Err           error // ErrTooManySubsets, or nil
}

func (e *QuorumError) Error() string {
	key := "recovery key"
	if e.Unseal {
		key = "unseal key"
	}
	switch {
	case len(e.Wrong) > 0:
		return fmt.Sprintf("%d of the %d shares do not belong to this %s", len(e.Wrong), e.Given, key)
	case e.Err != nil:
		return fmt.Sprintf("the %d shares do not make the %s: %v", e.Given, key, e.Err)
	}
	return fmt.Sprintf("the %d shares do not make the %s", e.Given, key)
}

func (e *QuorumError) Unwrap() error { return e.Err }
