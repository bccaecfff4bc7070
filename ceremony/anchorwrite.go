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

// What is written into the HSM's note of the vault, and when it is said in the
// record: after the writing.

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
	return r.recordAnchor(anchorBegun, r.anchorKey(), next, "", "")
}

// settleAnchor writes the state that is so beside its key. After a rewrap the
// other key has it, too: what it wrapped is an older state.
func (r *Run) settleAnchor(ctx context.Context, st vaultstate.State, moment string) error {
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
	return r.recordAnchor(moment, st.SealKeyID, now, "", "")
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

func (r *Run) recordAnchor(moment, key string, s anchor.State, verdict, missing string) error {
	facts := transcript.Facts{"moment": moment, "key": key, "ceremony": s.Ceremony, "sequence": s.Sequence, "events": int(s.Events), //nolint:gosec // a count of lines
		"head": s.Head, "recovery_key": s.RecoveryKey, "root_key": s.RootKey, "term": int(s.Term), "seal_key": s.Key}
	for name, v := range map[string]string{"verdict": verdict, "missing": missing} {
		if v != "" {
			facts[name] = v
		}
	}
	return r.record("anchor", Program, "", facts)
}
