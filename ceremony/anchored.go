package ceremony

import (
	"context"
	"errors"
	"fmt"

	"conclave/ceremony/anchor"
	"conclave/ceremony/transcript"
	"conclave/hsm"
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
	written bool          // for this run's state
	moved   bool          // both keys of a rewrap have it
	says    string        // what was written, for the page of the checks
}

// The moments of the event.
const anchorFound, anchorBegun, anchorWritten, anchorLacking, anchorRemoved = "found", "begun", "written", "lacking", "removed"

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
	if err := r.recordAnchor(anchorFound, r.anchorKey(), a.Now, string(verdict)); err != nil {
		return nil, err
	}
	switch verdict {
	case anchor.Older:
		err = r.mismatch("an older state was put back, by the anchor in the HSM: " + why)
	case anchor.Unknown:
		err = r.mismatch("the anchor in the HSM is of another state: " + why)
	case anchor.Same, anchor.Next:
		err = r.compareRecord(a.Now)
	}
	if err != nil {
		return nil, err
	}
	n.looked = true
	return []string{fmt.Sprintf("the anchor in the HSM: %s, number %d of the vault", a.Now.Ceremony, a.Now.Sequence)}, nil
}

// compareRecord compares the record that was given with the one that the anchor
// names.
func (r *Run) compareRecord(now anchor.State) error {
	ro := r.env.Roster
	switch {
	case ro == nil:
		r.env.progress(Line{Mark: Warn, Text: fmt.Sprintf("no earlier record was given; the anchor names %s, number %d of the vault", now.Ceremony, now.Sequence)})
	case now.Sequence > ro.Sequence:
		return r.mismatch(fmt.Sprintf("the record that was given, %s, is number %d of the vault, and the anchor in the HSM names %s, number %d", ro.Ceremony, ro.Sequence, now.Ceremony, now.Sequence))
	case ro.AnchorHead != "" && ro.AnchorCeremony == now.Ceremony && ro.AnchorHead != now.Head:
		return r.mismatch(fmt.Sprintf("the record of %s that was given is not the one that the anchor in the HSM names", now.Ceremony))
	}
	return nil
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
		if err := r.settleAnchor(ctx, r.before); err != nil {
			return nil, err
		}
	}
	n.looked = true
	if n.lacking != "" {
		return []string{n.lacking}, nil
	}
	return []string{"the HSM had no anchor of this vault: from now on it has"}, nil
}

// anchorState is a state as an anchor writes it, with the record as it is now.
func (r *Run) anchorState(st vaultstate.State, events uint64, head string) anchor.State {
	seq := 1
	if o := r.env.Roster; o != nil {
		seq = o.Sequence + 1
	}
	return anchor.State{Sequence: seq, Ceremony: r.plan.ID, Key: st.SealKeyID, RecoveryKey: st.RecoveryKey.String(), RootKey: st.RootKey.String(),
		Term: activeTerm(st), Events: events, Head: head}
}

// stateNow is anchorState with the record's head.
func (r *Run) stateNow(st vaultstate.State) anchor.State {
	n, sum := r.env.Journal.Head()
	return r.anchorState(st, n, fmt.Sprintf("%x", sum))
}

// beginAnchor names the state to come before the swap. In a rewrap the new key has
// it as well: after the swap that is where it is looked for, also if the writing
// after it was cut off. A token that keeps none says so then.
func (r *Run) beginAnchor(ctx context.Context, staged *vaultstate.State) error {
	n := &r.anchoring
	if !n.there || n.lacking != "" || n.now.Revision == 0 || staged == nil {
		return nil
	}
	next := r.stateNow(*staged)
	if s := n.next; s != nil && s.Ceremony == next.Ceremony && s.RecoveryKey == next.RecoveryKey && s.RootKey == next.RootKey && s.Term == next.Term {
		return nil // written before a commit that failed
	}
	a := n.now.Begin(next)
	if err := r.putAnchor(ctx, r.first, r.anchorKey(), a); err != nil {
		return fmt.Errorf("before the swap: %w", err)
	}
	if r.moves() {
		if err := r.putAnchor(ctx, r.second, r.plan.NewKeyRef, a); err != nil && !errors.Is(err, hsm.ErrNoData) {
			return fmt.Errorf("before the swap: %w", err)
		}
	}
	n.now, n.next = a, &next
	return r.recordAnchor(anchorBegun, r.anchorKey(), next, "")
}

// settleAnchor writes the state that is so beside its key. After a rewrap the
// other key has it, too: what it wrapped is an older state.
func (r *Run) settleAnchor(ctx context.Context, st vaultstate.State) error {
	n := &r.anchoring
	now := r.stateNow(st)
	a := n.now.Settle(now)
	live, other := r.first, r.second
	if r.committed && r.moves() {
		live, other = r.second, r.first
	}
	if err := r.putAnchor(ctx, live, st.SealKeyID, a); err != nil {
		return r.anchorLacks(err)
	}
	// A rewrap was cut off after its swap: what the old key wrapped is an older
	// state, as far as this token has that key's anchor.
	if old := n.now.Now.Key; !r.moves() && n.now.Revision > 0 && old != st.SealKeyID {
		if err := r.putAnchor(ctx, live, old, a); err != nil {
			return r.anchorLacks(err)
		}
	}
	n.now, n.next = a, nil
	if r.moves() && (r.committed || n.moved) {
		if err := r.putMoved(ctx, live, other, a); err != nil {
			return err
		}
		n.moved = true
	}
	n.says = fmt.Sprintf("The HSM keeps the anchor of this state: number %d of the vault.", now.Sequence)
	return r.recordAnchor(anchorWritten, st.SealKeyID, now, "")
}

// moves tells whether this ceremony has a key that the vault moves to.
func (r *Run) moves() bool { return r.second != nil && !r.second.doomed }

// putMoved leaves beside the key that is not the vault's where the vault is.
func (r *Run) putMoved(ctx context.Context, live, other *device, a anchor.Anchor) error {
	key := r.before.SealKeyID
	if other == r.second {
		key = r.plan.NewKeyRef
	}
	if key == a.Now.Key {
		a.Now.Key += " in the token " + live.token.Serial
	}
	return r.putAnchor(ctx, other, key, a)
}

// anchorLacks goes on without an anchor where the token keeps none. Where it is
// the login or the connection that failed, the work is done again.
func (r *Run) anchorLacks(err error) error {
	if !errors.Is(err, hsm.ErrNoData) || r.anchoring.now.Revision > 0 && !r.moves() {
		return err
	}
	n := &r.anchoring
	n.lacking = "This token keeps no data object: the vault has no anchor in the HSM."
	r.env.progress(Line{Mark: Warn, Text: n.lacking})
	return r.record("anchor", Program, "", transcript.Facts{"moment": anchorLacking, "key": r.anchorKey(), "problem": r.env.Explain(err).Happened})
}

func (r *Run) putAnchor(ctx context.Context, d *device, key string, a anchor.Anchor) error {
	b, err := a.Encode()
	if err != nil {
		return err
	}
	return r.with(d, func() error {
		if err := d.hsm.PutData(ctx, anchor.Label(key), b); err != nil {
			return fmt.Errorf("writing the vault's anchor into the HSM: %w", err)
		}
		return nil
	})
}

func (r *Run) recordAnchor(moment, key string, s anchor.State, verdict string) error {
	facts := transcript.Facts{"moment": moment, "key": key, "ceremony": s.Ceremony, "sequence": s.Sequence, "events": int(s.Events), //nolint:gosec // a count of lines
		"head": s.Head, "recovery_key": s.RecoveryKey, "root_key": s.RootKey, "term": int(s.Term), "seal_key": s.Key}
	if verdict != "" {
		facts["verdict"] = verdict
	}
	return r.record("anchor", Program, "", facts)
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
			if err := r.settleAnchor(ctx, st); err != nil {
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
