package ceremony

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"conclave/ceremony/plan"
	"conclave/ceremony/transcript"
	"conclave/vaultstate"
)

// state is what the steps of a run know so far. Jobs change it, one at a time.
type state struct {
	*device       // at hand: the first, but in a step that is about the second
	first, second *device

	plan    *plan.Plan
	op      vaultstate.ID // of the operation: the plan's id, or that of an earlier run which goes on
	events  int
	result  string // the last word of a run that was done
	working string // the piece of work whose end is not recorded yet

	begun     bool // the vault holds our operation
	committed bool
	lost      string // a server's answer was lost, and this is so; "" once work went on
	closed    bool   // the transcript has its last event

	present    []Person
	joined     []Person // who came besides the plan's people
	left       []Person // who was here
	aside      aside
	hello      opened
	status     vaultstate.Status
	before     vaultstate.State
	outcome    vaultstate.Outcome
	checks     []vaultstate.Check
	cards      cards
	challenges int // files with a challenge, so far
	quorum     quorum
	delivery   delivery
	proof      proof
	resume     resume
	agreed     vaultstate.Progress // what was agreed of the pending operation
	going      going
	guarded    bool // the pending operation was compared before it is confirmed
	overrides  []plan.Override
	deviations []Deviation
	parts      pinParts
	evidence   evidence
	approvals  approvals
	seat       seat
	aftermath  aftermath
	moved      newKey
	retiring   retiring
	drilling   drilling
	offline    offline
	signing    signing
	authority  authority
	notices    notices
	sealing    sealing
	anchoring  anchoring
	serving    serving
	adoption   adoption
}

// wipe clears every secret that the run holds.
func (r *Run) wipe() {
	r.env.PIN.Wipe()
	r.env.Token.Wipe()
	r.serving.given.Wipe()
	for _, d := range r.devices() {
		d.pin.wipe()
	}
	r.parts.wipe()
	for i := range r.parts.marks {
		r.parts.marks[i].wipe()
	}
	r.cards.wipe()
	r.quorum.wipe()
	r.authority.wipe()
	r.proof.wipe()
	r.delivery.wipe()
}

// stands says what state things are in, for every problem page.
func (r *Run) stands() string {
	switch {
	case r.lost != "":
		return r.lost
	case r.committed:
		return "The change is made: " + r.did() + "."
	case r.inGap():
		return gapText
	case r.begun && r.agreed.Counts:
		return "The server has done it already: " + r.did() + "."
	case r.begun && r.plan.Issues() && r.delivery.taken:
		return "Nothing counts yet: the vault is as it was. The new shares are void if the ceremony stops here."
	case r.retiring.stands() != "":
		return r.retiring.stands()
	case r.offline.stands() != "":
		return r.offline.stands()
	default:
		return "Nothing is changed: the vault is as it was."
	}
}

// cancel takes back what is pending and says how things stand then.
func (r *Run) cancel(ctx context.Context) string {
	if r.committed {
		return "The change was already made: " + r.did() + "."
	}
	if !r.begun {
		return cmp.Or(r.lost, r.retiring.stands(), r.offline.stands(), "Nothing was changed.")
	}
	gap := r.inGap()
	r.begun = false
	// The people's stop must reach the vault even if the front end is ending.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	err := r.env.Vault.Cancel(ctx, r.op)
	if errors.Is(err, vaultstate.ErrCommitted) && gap {
		r.begun = true
		return gapText + " The shares that were handed out are void: destroy them."
	}
	var lost *vaultstate.LostError
	if errors.As(err, &lost) {
		return lostState(lost) // the new shares may count: nobody calls them void
	}
	if errors.Is(err, vaultstate.ErrCommitted) {
		// An answer that was lost: the swap was made.
		r.committed = true
		return "The change was already made: " + r.did() + "."
	}
	if err != nil {
		return fmt.Sprintf("Nothing was changed, but what was prepared could not be removed (%v): the next start shows it.", err)
	}
	d := &r.delivery
	if set := d.set; set != "" {
		// Void before anybody can take the set for a valid one.
		if err := r.record("void", Program, "", transcript.Facts{"set": set, "reason": "the ceremony stopped before its commit"}); err != nil {
			return "Nothing was changed. The new shares are void: destroy them. The record does not say so: it could not be written."
		}
		if len(d.files) > 0 {
			if err := r.markVoid(set, "the ceremony stopped before its commit"); err != nil {
				return fmt.Sprintf("Nothing was changed. The new shares are void: destroy them. No file beside theirs says so (%v).", err)
			}
		}
		return "Nothing was changed. The new shares are void: destroy them."
	}
	if d.tokenOut {
		return "Nothing was changed. The root token that was handed out is not valid."
	}
	return "Nothing was changed."
}
