package local

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"conclave/vaultstate"
	"conclave/vaultstate/barrier"
	"conclave/vaultstate/storage"
)

// settleTime is how long after a swap both sides are looked at again. A server
// that was overlooked writes within seconds of being started.
const settleTime = 10 * time.Second

// Commit swaps the staged state in and opens it again from disk through the
// HSM. If it fails before the swap nothing has changed; if after (the outcome
// says when), a second call makes the checks again. Once they are done, a call
// returns the outcome again, with ErrCommitted.
func (v *Vault) Commit(ctx context.Context, id vaultstate.ID) (vaultstate.Outcome, error) {
	defer v.busy()()
	if op := v.op; op != nil && op.ID == id && op.phase == vaultstate.PhaseCommitted {
		if !op.checked {
			return v.check(ctx, op)
		}
		return op.outcome, fmt.Errorf("%s: %w", id, vaultstate.ErrCommitted)
	}
	phases := []vaultstate.Phase{vaultstate.PhaseReady}
	if v.op != nil && v.op.SkipProof {
		phases = append(phases, vaultstate.PhaseProof)
	}
	op, err := v.pending(id, phases...)
	if err != nil {
		return vaultstate.Outcome{}, err
	}
	if err := v.noServer(ctx); err != nil {
		return vaultstate.Outcome{}, err
	}
	var before []vaultstate.Check
	if op.Kind == vaultstate.ReEncrypt {
		if before, err = v.reencrypt(ctx, op); err != nil {
			return vaultstate.Outcome{}, err
		}
	}
	begun := v.o.Now()
	if err := op.staged.Swap(); err != nil {
		return vaultstate.Outcome{}, err
	}
	// From here on it is so, whatever the checks say.
	op.phase = vaultstate.PhaseCommitted
	op.outcome = vaultstate.Outcome{Kind: op.Kind, Before: op.before, After: op.after, Committed: v.o.Now()}
	op.outcome.Checks = append(before, vaultstate.Check{
		Text: "The new state is in place and on disk.", OK: true, Took: op.outcome.Committed.Sub(begun),
	})
	op.wipe()
	return v.check(ctx, op)
}

// check completes the outcome of an operation that is swapped in.
func (v *Vault) check(ctx context.Context, op *operation) (vaultstate.Outcome, error) {
	out := op.outcome
	out.Checks = slices.Clone(out.Checks)
	if err := v.afterSwap(ctx, op, &out); err != nil {
		return op.outcome, errors.Join(err, v.unlock())
	}
	op.outcome, op.checked = out, true
	return out, v.unlock()
}

func (v *Vault) afterSwap(ctx context.Context, op *operation, out *vaultstate.Outcome) error {
	if side, err := op.staged.Settled(); err != nil {
		return err
	} else if side != "" {
		return fmt.Errorf("after the commit of %s: %w: %s", op.ID, vaultstate.ErrChanged, side)
	}
	v.rewrapped = op.Kind == vaultstate.Rewrap
	begun := v.o.Now()
	o, err := v.open(ctx, v.store, v.live())
	if err != nil {
		return fmt.Errorf("opening the committed state: %w", err)
	}
	defer o.wipe()
	if !sameState(o.facts, op.after) {
		return fmt.Errorf("after the commit of %s: %w: the state holds other keys than were staged", op.ID, vaultstate.ErrChanged)
	}
	out.After = o.facts
	out.Checks = append(out.Checks, vaultstate.Check{
		Text: "Opened again from disk through the HSM: root key, keyring and recovery key are the staged ones.",
		OK:   true, Took: v.o.Now().Sub(begun),
	})
	if c, err := v.census(ctx, op, o); err != nil {
		return err
	} else {
		out.Checks = append(out.Checks, c)
	}
	if n := len(op.facts.Proven); op.facts.Shares > 0 {
		out.Checks = append(out.Checks, vaultstate.Check{
			Text: fmt.Sprintf("%d of %d shares were proven.", n, op.facts.Shares), OK: n == op.facts.Shares,
		})
	}
	return v.keep(op, out)
}

// census opens all of core/ and the added entries with the keys of the live
// state.
func (v *Vault) census(ctx context.Context, op *operation, o *opened) (vaultstate.Check, error) {
	begun := v.o.Now()
	c, err := v.count(ctx, v.store, o, "core/", nil)
	if err != nil {
		return vaultstate.Check{}, fmt.Errorf("opening the committed state: %w", err)
	}
	n := c.plain
	for _, of := range c.terms {
		n += of
	}
	for _, a := range op.staged.Added {
		record, err := v.store.Get(a.Key)
		if err != nil {
			return vaultstate.Check{}, err
		}
		plain, err := barrier.Open(record, a.Key, o.keyring.Key)
		if err != nil {
			return vaultstate.Check{}, fmt.Errorf("opening the committed state: %w", err)
		}
		plain.Wipe()
		n++
	}
	return vaultstate.Check{
		Text: fmt.Sprintf("%d entries of the new state were read again and open.", n), OK: true, Took: v.o.Now().Sub(begun),
	}, nil
}

// keep says where the old state is. Where core/ did not change there is none,
// and nothing is kept.
func (v *Vault) keep(op *operation, out *vaultstate.Outcome) error {
	if op.Kind == vaultstate.GenerateRoot {
		return op.staged.Remove()
	}
	if op.staged.Base != "" {
		out.Rollback = filepath.Join(op.staged.Dir(), "old")
	}
	return nil
}

func sameState(a, b vaultstate.State) bool {
	return a.Storage == b.Storage && a.RootKey == b.RootKey && a.RecoveryKey == b.RecoveryKey &&
		a.Shares == b.Shares && a.Threshold == b.Threshold && sameTerms(a.Terms, b.Terms)
}

// Settle waits, but not in a rehearsal, and looks at both sides again.
func (v *Vault) Settle(ctx context.Context, id vaultstate.ID) (vaultstate.Check, error) {
	v.mu.Lock() // not busy: it waits, and uses no key
	defer v.mu.Unlock()
	op, err := v.pending(id, vaultstate.PhaseCommitted)
	if err != nil {
		return vaultstate.Check{}, err
	}
	begun := v.o.Now()
	if !v.o.Practice {
		t := time.NewTimer(cmp.Or(v.o.Settle, settleTime))
		defer t.Stop()
		select {
		case <-ctx.Done():
			return vaultstate.Check{}, ctx.Err()
		case <-t.C:
		}
	}
	side, err := op.staged.Settled()
	if err != nil {
		return vaultstate.Check{}, err
	}
	c := vaultstate.Check{Text: "Nothing changed on either side since the commit.", OK: side == "", Took: v.o.Now().Sub(begun)}
	if side != "" {
		c.Text = "Since the commit something changed that this ceremony did not change: " + side + "."
		return c, fmt.Errorf("after the commit of %s: %w: %s", id, vaultstate.ErrChanged, side)
	}
	return c, nil
}

// Rollback puts the state from before a commit back.
func (v *Vault) Rollback(ctx context.Context, id vaultstate.ID) (vaultstate.State, error) {
	defer v.busy()()
	if err := v.idle(); err != nil {
		return vaultstate.State{}, err
	}
	f, err := v.find(id)
	if err != nil {
		return vaultstate.State{}, err
	}
	if err := v.noServer(ctx); err != nil {
		return vaultstate.State{}, err
	}
	if f.Is == storage.Broken {
		return vaultstate.State{}, fmt.Errorf("putting the state from before %s back: %w", id, vaultstate.ErrCorrupt)
	}
	if err := v.locked(f.Rollback); err != nil {
		return vaultstate.State{}, err
	}
	v.op, v.rewrapped = nil, false
	if is, err := v.initialized(); err != nil || !is {
		return vaultstate.State{}, err
	}
	o, err := v.open(ctx, v.store, v.o.Seal)
	if err != nil {
		return vaultstate.State{}, fmt.Errorf("opening the state that was put back: %w", err)
	}
	defer o.wipe()
	return o.facts, nil
}

// Retire removes what a ceremony left, and says what it was.
func (v *Vault) Retire(_ context.Context, id vaultstate.ID) (vaultstate.Leftover, error) {
	defer v.busy()()
	if err := v.idle(); err != nil {
		return vaultstate.Leftover{}, err
	}
	f, err := v.find(id)
	if err != nil {
		return vaultstate.Leftover{}, err
	}
	if err := v.locked(f.Clear); err != nil {
		return vaultstate.Leftover{}, err
	}
	if v.op != nil && v.op.ID == id {
		v.op = nil
	}
	return leftover(f), nil
}

// idle refuses while an operation is under way.
func (v *Vault) idle() error {
	if v.op != nil && v.op.phase != vaultstate.PhaseCommitted {
		return fmt.Errorf("%s: %w", v.op.ID, vaultstate.ErrPending)
	}
	return nil
}

// locked runs f under the storage's lock.
func (v *Vault) locked(f func() error) error {
	if err := v.takeLock(); err != nil {
		return err
	}
	return errors.Join(f(), v.unlock())
}
