package ceremony

import (
	"context"
	"errors"
	"fmt"

	"conclave/ceremony/transcript"
	"conclave/vaultstate"
)

// commitStep makes the staged state the vault's, in one swap, opens it again
// from disk through the HSM, and looks at both sides once more a while later.
func commitStep(title string) []Step {
	return step("commit", title, Program, func(r *Run) *page {
		switch a := &r.aftermath; {
		case r.remote():
			return r.commitAtServer()
		case !r.committed:
			return r.work("commit", r.swapping(), r.commit)
		case !a.checked:
			return r.work("check what was committed", Prompt{IfPowerFails: "the change is made."}, r.checkAgain)
		case !a.looked:
			return r.work("watch the storage for other writers", Prompt{IfPowerFails: "the change is made."}, r.lookAgain)
		}
		if p := r.anchorToWrite(r.outcome.After); p != nil {
			return p
		}
		return r.listBoth()
	})
}

const swapText = "swapped in, one rename, and opened again through the HSM"

// swapping is the page of the swap. A re-encrypt has long work before it.
func (r *Run) swapping() Prompt {
	if r.plan.Kind == vaultstate.ReEncrypt {
		return Prompt{IfPowerFails: "every entry opens, as before; the same command goes on.",
			Lines: []Line{{Text: "every entry encrypted anew, and read again with the newest key alone"}, {Text: swapText}}}
	}
	return Prompt{IfPowerFails: "the vault is as before or as agreed; the program says which at the next start.", Lines: []Line{{Text: swapText}}}
}

func (r *Run) commit(ctx context.Context) ([]string, error) {
	// From here on the people cannot stop it: a swap is not interrupted.
	ctx = context.WithoutCancel(ctx)
	if err := errors.Join(r.isOffline(), r.guard(ctx)); err != nil {
		return nil, err
	}
	if now := r.plan.HashHex(); now != r.hello.agreedPlan {
		return nil, fmt.Errorf("before the swap: the plan in memory is not the one that was agreed to (%s, now %s): %w", r.hello.agreedPlan, now, vaultstate.ErrChanged)
	}
	if !r.remote() {
		r.env.progress(Line{Mark: Now, Text: r.swapping().Lines[0].Text})
	}
	if err := r.beginAnchor(ctx, r.agreed.Staged); err != nil {
		return nil, err
	}
	if w, ok := r.env.Vault.(vaultstate.Watcher); ok {
		w.Watch(r.tenths())
	}
	out, err := r.env.Vault.Commit(ctx, r.op)
	if err != nil && !r.isCommitted(ctx) {
		return nil, r.provenWrong(err)
	}
	// It is so, whatever comes after.
	if out.Before.Storage == (vaultstate.Digest{}) {
		out.Before = r.before
	}
	r.committed, r.outcome, r.checks = true, out, out.Checks
	r.delivery.wipe()
	if e := r.record("swapped", Program, "", transcript.Facts{"before": out.Before.Storage.String(), "after": out.After.Storage.String(), "set": r.delivery.set}); e != nil {
		return nil, e
	}
	if err != nil {
		return nil, fmt.Errorf("after the swap: %w", err)
	}
	return r.checked(out)
}

// isCommitted asks what is so after an error: the answer may have been lost
// though the swap was made, or what failed is a check after it.
func (r *Run) isCommitted(ctx context.Context) bool {
	got, err := r.env.Vault.Progress(ctx, r.op)
	return err == nil && got.Phase == vaultstate.PhaseCommitted
}

// checked records what came of the swap.
func (r *Run) checked(out vaultstate.Outcome) ([]string, error) {
	facts := stateFacts(out.After)
	b := out.Before
	facts["digest_before"], facts["recovery_key_before"], facts["root_key_before"] = b.Storage.String(), b.RecoveryKey.String(), b.RootKey.String()
	if out.Kind == vaultstate.Rewrap {
		facts["seal_key_before"], facts["mechanism_before"] = b.SealKeyID, b.Mechanism
		facts["hmac_key"], facts["hmac_key_before"] = out.After.SealHMACKeyID, b.SealHMACKeyID
	}
	facts["shares_before"], facts["threshold_before"] = b.Shares, b.Threshold
	facts["rollback"] = out.Rollback
	if !out.Committed.IsZero() {
		facts["committed"] = stamp(out.Committed)
	}
	facted(facts, lists{"terms_before": termTexts(b), "checks": checkTexts(out.Checks)})
	if err := r.record("outcome", Program, "", facts); err != nil {
		return nil, err
	}
	for _, c := range out.Checks {
		if !c.OK && !r.plan.SkipProof && !r.remote() {
			return nil, fmt.Errorf("%w: after the swap: %s", vaultstate.ErrCorrupt, c.Text)
		}
		r.env.progress(Line{Mark: markOf(c), Text: c.Text, Took: c.Took})
	}
	r.aftermath.checked = true
	return checkTexts(out.Checks), nil
}

// checkAgain has the commit made whole, where something failed after the swap:
// the disk did not say that it has it, or the HSM did not answer.
func (r *Run) checkAgain(ctx context.Context) ([]string, error) {
	out, err := r.env.Vault.Commit(context.WithoutCancel(ctx), r.op)
	if err != nil && !errors.Is(err, vaultstate.ErrCommitted) {
		return nil, err
	}
	if out.Before.Storage == (vaultstate.Digest{}) {
		out.Before = r.before
	}
	r.outcome, r.checks = out, out.Checks
	return r.checked(out)
}

// lookAgain compares both sides of the swap with what they were, a while after
// it: a server that held the old keys would have written by then.
func (r *Run) lookAgain(ctx context.Context) ([]string, error) {
	st, err := r.env.Vault.Status(ctx)
	if err != nil {
		return nil, err
	}
	r.aftermath.left, r.aftermath.older = nil, nil
	for _, l := range st.Pending {
		switch {
		case l.ID == r.op:
			r.aftermath.left = &l
		case l.State == "rollback":
			r.aftermath.older = append(r.aftermath.older, l)
		}
	}
	var check vaultstate.Check
	if s, ok := r.env.Vault.(vaultstate.Settler); ok {
		got, err := s.Settle(ctx, r.op)
		if err != nil {
			return nil, err
		}
		check = got
	} else {
		if st.Storage != r.outcome.After.Storage {
			return nil, fmt.Errorf("%w: the live side of the swap is not what was committed", vaultstate.ErrChanged)
		}
		check = vaultstate.Check{Text: "The storage is what was committed.", OK: true}
	}
	r.checks = append(r.checks, check)
	r.aftermath.looked = true
	return []string{check.Text}, nil
}

// unseal opens the vault through the HSM, and every entry of it if the plan
// says so.
func unseal(r *Run) *page {
	if r.aftermath.checked {
		if p := r.anchorToWrite(r.before); p != nil {
			return p
		}
		return r.listBoth()
	}
	what := "open the vault and read what the HSM protects"
	if r.plan.Deep {
		what = "open the vault and read every entry"
	}
	fails := "nothing has been changed."
	if s := r.offline.stands(); s != "" {
		fails = s
	}
	if r.retiring.destroyed {
		fails = "the old HSM key is destroyed; the vault is as it was."
	}
	return r.work(what, Prompt{IfPowerFails: fails}, func(ctx context.Context) ([]string, error) {
		o, ok := r.env.Vault.(vaultstate.Opener)
		if !ok {
			return nil, vaultstate.ErrUnsupported
		}
		tenths := r.tenths()
		st, checks, err := o.Open(ctx, r.plan.Deep, func(done, total int) { tenths("entries", done, total) })
		if err != nil {
			return nil, err
		}
		r.before, r.checks = st, checks
		for _, c := range checks {
			r.env.progress(Line{Mark: markOf(c), Text: c.Text, Took: c.Took})
		}
		r.aftermath.checked = true
		return checkTexts(checks), nil
	})
}

// tenths says of long work how far it is, ten times.
func (r *Run) tenths() func(what string, done, total int) {
	last, tenth := "", -1
	return func(what string, done, total int) {
		if what != last {
			last, tenth = what, -1
		}
		if total > 0 && 10*done/total > tenth {
			tenth = 10 * done / total
			r.env.progress(Line{Mark: Now, Text: fmt.Sprintf("%d of %d %s", done, total, what)})
		}
	}
}

func markOf(c vaultstate.Check) Mark {
	if c.OK {
		return Good
	}
	return Bad
}
