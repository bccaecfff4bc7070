package local

import (
	"context"
	"fmt"

	"conclave/vaultstate"
	"conclave/vaultstate/storage"
)

// leftovers is what earlier runs left, but not the pending operation's own.
func (v *Vault) leftovers() ([]vaultstate.Leftover, error) {
	found, err := v.store.Find()
	if err != nil {
		return nil, err
	}
	var list []vaultstate.Leftover
	for _, f := range found {
		if v.op != nil && v.op.ID == f.ID && v.op.phase != vaultstate.PhaseCommitted {
			continue
		}
		list = append(list, leftover(f))
	}
	return list, nil
}

func leftover(f storage.Found) vaultstate.Leftover {
	l := vaultstate.Leftover{ID: f.ID, Kind: f.Kind, Set: f.Set, Path: f.Dir(), Made: f.Made}
	switch f.Is {
	case storage.Ready:
		l.State = "staged"
		switch {
		case f.Phase == storage.PhaseIssued:
			l.Text = "A new state is staged and what it issued is with people. It does not count yet. The ceremony can go on, or the set is removed and void."
		case hasIssue(f):
			l.Text = "A new state is staged. What it would issue never left the program: remove it and begin again."
		default:
			l.Text = "A new state is staged and waits for its commit. The ceremony can go on, or it is removed."
			if f.Kind == vaultstate.ReEncrypt {
				l.Text += " Entries may have been encrypted anew already: with both keys in the keyring they are as good as before, and the same command does the rest."
			}
		}
	case storage.Stale:
		l.State = "staged"
		l.Text = "A new state is staged, but the live state has changed since. It can only be removed; its set is void."
	case storage.Committed:
		l.State, l.CanUndo = "rollback", f.Base != f.New
		l.Text = "The state from before this ceremony is kept. It can be put back, until a server has run. Remove it when it is no longer wanted: whoever can write the storage can put it back as well."
		if f.Kind == vaultstate.Rewrap {
			l.Text += " It is wrapped with the HSM key that was replaced; the vault with the new one, which has to be named from now on."
		}
	case storage.Overtaken:
		l.State = "rollback"
		l.Text = "The state from before this ceremony is kept, as evidence only: the live state has changed since, and to go back would lose that. Remove it when it is no longer wanted."
	case storage.Broken:
		l.State = "broken"
		l.Text = "A staging that did not get done, or was damaged. Nothing of it counts. Remove it."
	}
	return l
}

// hasIssue tells whether people would receive something of it.
func hasIssue(f storage.Found) bool {
	x, err := decodeFacts(f.Facts)
	return err == nil && (x.Shares > 0 || x.Accessor != "")
}

func (v *Vault) find(id vaultstate.ID) (storage.Found, error) {
	found, err := v.store.Find()
	if err != nil {
		return storage.Found{}, err
	}
	for _, f := range found {
		if f.ID == id {
			return f, nil
		}
	}
	return storage.Found{}, fmt.Errorf("%s: %w", id, vaultstate.ErrNoOperation)
}

// restore is the operation that a staging directory speaks of, without its
// secrets.
func (v *Vault) restore(f storage.Found) (*operation, error) {
	if f.Is == storage.Broken {
		return nil, fmt.Errorf("%s: %w: what was staged is damaged", f.ID, vaultstate.ErrCorrupt)
	}
	x, err := decodeFacts(f.Facts)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", f.ID, vaultstate.ErrCorrupt, err)
	}
	op := &operation{
		Operation: vaultstate.Operation{
			ID: f.ID, Kind: f.Kind, Shares: x.Shares, Threshold: x.Threshold,
			SkipProof: x.SkipProof, RootToken: x.Accessor != "",
		},
		facts: x, set: f.Set, staged: f.Staged,
	}
	if op.base, err = f.BaseDigest(); err != nil {
		return nil, err
	}
	if f.Kind == vaultstate.Rewrap && f.Is == storage.Ready {
		if op.after.SealKeyID, err = v.sealKeyOf(f.View()); err != nil {
			return nil, err
		}
	}
	switch {
	case f.Is == storage.Committed, f.Is == storage.Overtaken:
		op.phase = vaultstate.PhaseCommitted
	case f.Phase == storage.PhaseStaged && (x.Shares > 0 || x.Accessor != ""):
		op.phase = vaultstate.PhaseIssue
	case len(x.Proven) < x.Shares:
		op.phase = vaultstate.PhaseProof
	default:
		op.phase = vaultstate.PhaseReady
	}
	return op, nil
}

// Resume goes on with what an earlier run staged, after opening it again
// through the HSM. The quorum was asked for before it was staged.
func (v *Vault) Resume(ctx context.Context, id vaultstate.ID) (_ vaultstate.Progress, err error) {
	defer v.busy()()
	if v.op != nil && v.op.ID == id {
		return v.guard()
	}
	if err := v.idle(); err != nil {
		return vaultstate.Progress{}, err
	}
	f, err := v.find(id)
	if err != nil {
		return vaultstate.Progress{}, err
	}
	op, err := v.restore(f)
	if err != nil {
		return vaultstate.Progress{}, err
	}
	switch {
	case op.phase == vaultstate.PhaseIssue:
		return op.progress(), fmt.Errorf("%s: %w: its shares or its token were lost with the program and never left it; remove it and begin again", id, vaultstate.ErrNotReady)
	case f.Is == storage.Stale, f.Is == storage.Overtaken:
		return op.progress(), fmt.Errorf("%s: %w (%s)", id, vaultstate.ErrChanged, f.Is)
	}
	if err := v.takeLock(); err != nil {
		return op.progress(), err
	}
	defer func() {
		if err != nil {
			_ = v.unlock() // the first error tells more
		}
	}()
	if err := v.noServer(ctx); err != nil {
		return op.progress(), err
	}
	if f.Is == storage.Committed {
		if err := v.finish(ctx, op); err != nil {
			return op.progress(), err
		}
		v.op = op
		return op.progress(), nil
	}
	if err := v.openBoth(ctx, op); err != nil {
		return op.progress(), err
	}
	v.op = op
	return op.progress(), nil
}

// finish does what a run that ended right after its swap did not get to. The
// checks are left to Commit. When the swap was, nobody knows.
func (v *Vault) finish(ctx context.Context, op *operation) error {
	if err := op.staged.Swap(); err != nil {
		return err
	}
	o, err := v.open(ctx, v.store, v.made(op))
	if err != nil {
		return fmt.Errorf("opening the committed state: %w", err)
	}
	op.after, v.rewrapped = o.facts, op.Kind == vaultstate.Rewrap
	o.wipe()
	op.before = op.after
	switch old := op.staged.Old(); {
	case op.staged.Base == "":
		op.before = vaultstate.State{}
	case old != nil:
		if o, err = v.open(ctx, old, v.o.Seal); err != nil {
			return fmt.Errorf("opening the state from before: %w", err)
		}
		op.before = o.facts
		o.wipe()
	}
	op.outcome = vaultstate.Outcome{Kind: op.Kind, Before: op.before, After: op.after}
	return nil
}

// openBoth opens the live and the staged state again.
func (v *Vault) openBoth(ctx context.Context, op *operation) error {
	if op.staged.Base != "" {
		o, err := v.open(ctx, v.store, v.o.Seal)
		if err != nil {
			return err
		}
		op.before, op.needed = o.facts, o.facts.Threshold
		o.wipe()
	}
	view := op.staged.View()
	o, err := v.open(ctx, view, v.made(op))
	if err != nil {
		return fmt.Errorf("opening what was staged: %w", err)
	}
	defer o.wipe()
	op.after = o.facts
	if _, err := v.count(ctx, view, o, "core/", nil); err != nil {
		return fmt.Errorf("opening what was staged: %w", err)
	}
	return nil
}
