package ceremony

import (
	"context"
	"errors"
	"time"

	"conclave/ceremony/custodian"
	"conclave/ceremony/plan"
	"conclave/ceremony/transcript"
	"conclave/hsm/secret"
	"conclave/vaultstate"
)

// Ceremony is a table of steps.
type Ceremony struct {
	ID    string // "recovery-rekey": the command, the kind in the header
	Title string // "RECOVERY REKEY"
	Word  string // what is typed to confirm: "REKEY"
	Steps []Step
}

// Step is one line of the script. Next returns the page to show now, judged
// from the run's state, or nil when the step is done: so a step may ask one
// thing, or every custodian in turn, or nothing.
type Step struct {
	ID    string
	Title string
	By    Role
	Only  func(*plan.Plan) bool // nil: always. Otherwise the ceremony of such a plan has no such step
	Needs func(*Run) bool       // nil: always. Otherwise the step is marked skipped
	Next  func(*Run) *page      // must not do I/O: what takes time is in a page's do
	Note  func(*Run) string     // "3 of 5", beside the title
	Redo  func(*Run)            // forgets what the step did; nil: it cannot be done again
}

// page is a prompt and what its answer does. do runs in a Job. It returns nil
// to go on, *again to ask again, *stop to end the run; any other error becomes
// a page that offers to try again.
type page struct {
	Prompt
	kept bool // no step would draw it again
	do   func(ctx context.Context, in Input) error
}

// Env is what a run needs from outside.
type Env struct {
	Plan  *plan.Plan
	Vault vaultstate.Vault
	HSM   HSM

	// OtherHSM is of a rewrap: the key that the vault moves to; of a retire: the
	// key that is destroyed, a Destroyer. Else nil.
	OtherHSM HSM
	Journal  Journal
	Shelf    Shelf
	Medium   Shelf             // the second medium; nil for none
	Roster   *custodian.Roster // of earlier records; nil if none was given
	Machine  Machine
	Named    []Named // the files that were named, as they were read
	Number   Numbering
	Custody  transcript.Head // of the vault's chain of custody; no events: there is none

	Now func() time.Time
	// ReadFile reads a file that somebody names, refusing more than so many bytes;
	// nil: none is asked for.
	ReadFile func(name string, most int64) ([]byte, error)
	// Sealed are the keys of a token that seal other vaults, by their records; nil:
	// nobody knows any.
	Sealed   func(serial string) ([]SealedBy, error)
	Network  func() ([]string, error) // the network interfaces that are up, but for the loopback
	Displays func() []string          // what else may show this screen, in sentences; may be nil
	Explain  func(error) Problem      // turns an error into three sentences
	Progress func(Line)               // a sub-step of Work; may be nil
	// Seal writes head.txt and the rest after the last event. A signature that
	// cannot be made is a transcript.ErrUnsigned: the rest is written. May be nil.
	Seal func(...transcript.Signer) error

	// PIN is tried once in place of a typed one, where the configuration or the
	// environment has it; Machine.Login says which. The run owns it. Empty: the
	// PIN is asked for.
	PIN secret.Bytes
	// Token is of a server, where the environment has it. The run owns it.
	Token secret.Bytes
}

// SealedBy is an HSM key, as blobs name it, and whose records say that it seals
// their vault.
type SealedBy struct{ Ref, Whose string }

// Numbering is this run among all of its directory, of whatever vault, those
// that were aborted or interrupted included. The zero value is none.
type Numbering struct {
	Run     int
	Head    string // of the transcript of the run before, "" if there is none
	Outcome string // of the run before
}

func (e Env) seal(signers ...transcript.Signer) error {
	if e.Seal == nil {
		return nil
	}
	return e.Seal(signers...)
}

func (e Env) progress(l Line) {
	if e.Progress != nil {
		e.Progress(l)
	}
}

// changed tells whether something is not what it claims: no retry, code 4.
func changed(err error) bool {
	return errors.Is(err, vaultstate.ErrChanged) || errors.Is(err, vaultstate.ErrCorrupt) || errors.Is(err, vaultstate.ErrPinned)
}
