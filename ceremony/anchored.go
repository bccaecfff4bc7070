package ceremony

import (
	"context"
	"fmt"

	"conclave/ceremony/anchor"
	"conclave/ceremony/transcript"
	"conclave/vaultstate"
)

// The HSM keeps a note of the vault, where the plan says so: putting back an
// older copy of the storage, with the record of that day, does not reach it. One
// that is there is compared by every ceremony, before anybody is asked for a
// share, and kept up to date by every ceremony, whatever its plan says.

// anchoring is where the note stands.
type anchoring struct {
	looked  bool
	there   bool // in the token, or to be made
	now     anchor.Anchor
	next    *anchor.State // of a commit that begins
	lacking string        // why there is none though there should be, in a sentence
	named   bool          // it names this run
	written bool          // for this run's state
	moved   bool          // both keys of a rewrap have it
	says    string        // what was written, for the page of the checks
}

// The moments of the event.
const anchorFound, anchorNamed, anchorBegun, anchorWritten, anchorLacking, anchorRemoved = "found", "named", "begun", "written", "lacking", "removed"

// anchorKey is the wrapping key that the note stands beside: the one that the
// storage names, whatever it is called in a configuration.
func (r *Run) anchorKey() string {
	if r.status.Initialized {
		return r.before.SealKeyID
	}
	return r.first.key.Ref
}

// compareAnchor reads the note that belongs to the wrapping key.
func (r *Run) compareAnchor(ctx context.Context) ([]string, error) {
	n := &r.anchoring
	values, err := r.hsm.Data(ctx, anchor.Label(r.anchorKey()))
	if err != nil {
		return nil, fmt.Errorf("reading the vault's anchor in the HSM: %w", err)
	}
	a, ok, err := anchor.Latest(values)
	if err != nil {
		return nil, r.mismatch(fmt.Sprintf("what the HSM keeps as the anchor of %s cannot be read (%v)", r.anchorKey(), err))
	}
	if !ok {
		return r.noAnchor(ctx)
	}
	n.now, n.there = a, true
	verdict, why := anchor.Unknown, "this storage is not initialised"
	if r.status.Initialized {
		verdict, why = a.Judge(r.anchorState(r.before, 0, ""))
	}
	missing := ""
	switch verdict {
	case anchor.Older:
		why = "an older state was put back, by the anchor in the HSM: " + why
	case anchor.Unknown:
		why = "the anchor in the HSM is of another state: " + why
	case anchor.Same, anchor.Next:
		missing, why = r.compareRecord(a.Now)
	}
	if err := r.recordAnchor(anchorFound, r.anchorKey(), a.Now, string(verdict), missing); err != nil {
		return nil, err
	}
	if why != "" {
		if err := r.mismatch(why); err != nil {
			return nil, err
		}
	}
	n.looked = true
	return []string{fmt.Sprintf("the anchor in the HSM: %s, number %d of the vault", a.Now.Ceremony, a.Now.Sequence)}, nil
}

// compareRecord compares the record that was given with the one that the anchor
// names. It returns what does not fit, and the ceremony whose record is missing.
// That is kept in mind: the record of this run, too, has a number, and the next
// would fit the anchor by it.
func (r *Run) compareRecord(now anchor.State) (missing, why string) {
	ro := r.env.Roster
	switch {
	case ro == nil:
		r.env.progress(Line{Mark: Warn, Text: fmt.Sprintf("no earlier record was given; the anchor names %s, number %d of the vault", now.Ceremony, now.Sequence)})
	case now.Sequence > ro.Sequence:
		return now.Ceremony, fmt.Sprintf("the record that was given, %s, is number %d of the vault, and the anchor in the HSM names %s, number %d: its record is missing, also if it was stopped", ro.Ceremony, ro.Sequence, now.Ceremony, now.Sequence)
	case ro.AnchorMissing != "":
		return ro.AnchorMissing, fmt.Sprintf("the record of %s was missing when %s was held, and nobody answered for that", ro.AnchorMissing, ro.Ceremony)
	case ro.AnchorHead != "" && ro.AnchorCeremony == now.Ceremony && ro.AnchorHead != now.Head:
		return "", fmt.Sprintf("the record of %s that was given is not the one that the anchor in the HSM names", now.Ceremony)
	}
	return "", ""
}

// noAnchor: a record that says that there is one is told that it is gone. Where
// the plan wants one it is made now, of the state as it is.
func (r *Run) noAnchor(ctx context.Context) ([]string, error) {
	n, ro := &r.anchoring, r.env.Roster
	if ro != nil && ro.Anchor != "" && r.hello.adopted == "" {
		if err := r.mismatch(fmt.Sprintf("the HSM has no anchor beside its key %s, and %s left one beside %s", r.anchorKey(), ro.AnchorCeremony, ro.Anchor)); err != nil {
			return nil, err
		}
	}
	if !r.plan.Anchor {
		n.looked = true
		return []string{"the HSM keeps no anchor of this vault: an older storage with the record of its day would not be found"}, nil
	}
	n.there = true
	if r.status.Initialized {
		if err := r.settleAnchor(ctx, r.before, anchorWritten); err != nil {
			return nil, err
		}
		n.named = true
	}
	n.looked = true
	if n.lacking != "" {
		return []string{n.lacking}, nil
	}
	return []string{"the HSM had no anchor of this vault: from now on it has"}, nil
}

// nameRun has the anchor name this run before anybody is asked for a share. One
// that is stopped or cut off from here on is known to the next, whatever becomes
// of its record: most of them cannot, or would not, write anything at their end.
func (r *Run) nameRun() *page {
	n := &r.anchoring
	return r.work("name this run in the vault's anchor", Prompt{IfPowerFails: "the vault is as it was; the anchor may name this run."},
		func(ctx context.Context) ([]string, error) {
			if err := r.settleAnchor(ctx, r.before, anchorNamed); err != nil {
				return nil, err
			}
			n.named = true
			return []string{fmt.Sprintf("the anchor names this run, number %d of the vault, also if it is stopped", n.now.Now.Sequence)}, nil
		})
}

// unnamed tells whether there is an anchor that does not name this run yet.
func (r *Run) unnamed() bool {
	n := &r.anchoring
	return n.there && !n.named && n.lacking == "" && r.status.Initialized
}

// anchorToWrite is the work that brings the note up to date, after the change or
// where nothing changes.
func (r *Run) anchorToWrite(st vaultstate.State) *page {
	n := &r.anchoring
	if !n.there || n.written || n.lacking != "" {
		return nil
	}
	return r.work("write the vault's anchor into the HSM", Prompt{IfPowerFails: "the vault is as it is now; the next ceremony writes the anchor."},
		func(ctx context.Context) ([]string, error) {
			if err := r.settleAnchor(ctx, st, anchorWritten); err != nil {
				return nil, err
			}
			n.written = true
			if n.lacking != "" {
				return []string{n.lacking}, nil
			}
			return []string{n.says}, nil
		})
}

// anchorPutBack brings the note up to date after the old state was put back. Of
// an init there was none.
func (r *Run) anchorPutBack() *page {
	n := &r.anchoring
	if r.plan.Kind != vaultstate.Init {
		return r.anchorToWrite(r.before)
	}
	if !n.there || n.written || n.lacking != "" {
		return nil
	}
	return r.work("remove the vault's anchor from the HSM", Prompt{IfPowerFails: "the storage is empty as before."}, func(ctx context.Context) ([]string, error) {
		if err := r.first.hsm.PutData(ctx, anchor.Label(r.outcome.After.SealKeyID), nil); err != nil {
			return nil, fmt.Errorf("removing the vault's anchor from the HSM: %w", err)
		}
		n.written, n.says = true, ""
		return []string{"the HSM keeps no anchor of a vault that is not there"}, r.record("anchor", Program, "", transcript.Facts{"moment": anchorRemoved, "key": r.outcome.After.SealKeyID})
	})
}

// anchorLine is what the page of the checks says of it.
func (r *Run) anchorLine() []Line {
	switch n := r.anchoring; {
	case n.lacking != "":
		return []Line{{Mark: Warn, Text: n.lacking}}
	case n.says != "":
		return []Line{{Mark: Good, Text: n.says}}
	}
	return nil
}
