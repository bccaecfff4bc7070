package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"conclave/hsm/secret"
	"conclave/vaultstate"
	"conclave/vaultstate/share"
)

// Commit does what makes the operation count, where the server left that to us,
// and then asks the server what is so.
func (v *Vault) Commit(ctx context.Context, id vaultstate.ID) (vaultstate.Outcome, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	phases := []vaultstate.Phase{vaultstate.PhaseReady}
	if v.op != nil && v.op.SkipProof {
		phases = append(phases, vaultstate.PhaseProof)
	}
	op, err := v.pendingHere(id, phases...)
	if err != nil {
		return vaultstate.Outcome{}, err
	}
	out := vaultstate.Outcome{Kind: op.Kind, Before: op.before, After: op.before, Checks: op.outcome.Checks}
	switch {
	case op.Kind == vaultstate.Rotate:
		err = v.commitRotate(ctx, op, &out)
	case op.Kind == vaultstate.GenerateRoot:
		v.checkToken(ctx, op, &out)
	case op.Kind == Unseal:
		err = v.commitUnseal(ctx, op, &out)
	case op.commits() && !op.early:
		err = v.commitHeld(ctx, op)
	case op.verification && op.Shares > 0:
		err = v.commitVerified(ctx, op)
	}
	if err != nil {
		return vaultstate.Outcome{}, err
	}
	op.phase = vaultstate.PhaseCommitted
	out.Committed = v.now()
	if op.Shares > 0 {
		op.learnKey(&out.After)
		v.checkCounts(ctx, op, &out)
	} else if op.commits() {
		out.Checks = append(out.Checks, vaultstate.Check{Text: "The server says that the root key is a new one, wrapped by its seal.", OK: true})
	}
	if op.Kind == vaultstate.Init && !op.RootToken && op.token.Len() > 0 {
		check, _ := v.revoke(ctx, op.token) // what failed is in the check
		out.Checks = append(out.Checks, check)
	}
	if op.RootToken && op.token.Len() > 0 {
		v.issued.Wipe()
		v.issued = op.token.Clone()
	}
	op.wipe()
	op.outcome = out
	return out, nil
}

// learnKey names the new recovery key, which the proven shares make.
func (op *operation) learnKey(after *vaultstate.State) {
	after.Shares, after.Threshold = op.Shares, op.Threshold
	_, shares := op.provenShares()
	if !op.auto || len(shares) < op.Threshold {
		return
	}
	key, err := shares[0].Clone(), error(nil)
	if op.Threshold > 1 {
		key.Wipe()
		key, err = share.Combine(shares[:op.Threshold])
	}
	defer key.Wipe()
	if err == nil {
		after.RecoveryKey = vaultstate.KeyDigest("recovery-key", key)
	}
}

// checkCounts asks whether the server has the new number of shares.
func (v *Vault) checkCounts(ctx context.Context, op *operation, out *vaultstate.Outcome) {
	began := v.now()
	s, err := v.sealStatus(ctx, v.self)
	check := vaultstate.Check{
		Text: fmt.Sprintf("The server says that it is initialised, with %d shares and the threshold %d.", s.N, s.T),
		OK:   err == nil && s.Initialized && s.N == op.Shares && s.T == op.Threshold, Took: v.now().Sub(began),
	}
	if err != nil {
		check.Text = fmt.Sprintf("The server was not asked for its shares: %v.", err)
	}
	out.Checks = append(out.Checks, check)
}

// commitHeld sends the share that was kept, on which the server acts.
func (v *Vault) commitHeld(ctx context.Context, op *operation) error {
	if err := v.guard(ctx, op); err != nil {
		return err
	}
	err := v.hand(ctx, op, op.held, true)
	var q *vaultstate.QuorumError
	if errors.As(err, &q) {
		op.held.Wipe()
		op.phase = vaultstate.PhaseAuthority
	}
	return err
}

// commitVerified sends a threshold of the proven shares to the server's
// verification, which makes the new ones count.
func (v *Vault) commitVerified(ctx context.Context, op *operation) error {
	if op.verifySent > 0 { // an earlier Commit got half of the way
		if err := v.restartVerification(ctx, op); err != nil {
			return err
		}
	}
	_, shares := op.provenShares()
	if len(shares) < op.Threshold {
		return fmt.Errorf("verifying the new shares: %w: %d were proven, and %d are needed", vaultstate.ErrNotReady, len(shares), op.Threshold)
	}
	for i, s := range shares[:op.Threshold] {
		if err := v.guard(ctx, op); err != nil {
			return err
		}
		done, err := v.verifyWith(ctx, op, s, i == op.Threshold-1)
		if err != nil {
			return err
		}
		if done {
			return nil
		}
	}
	return fmt.Errorf("%w: the server has %d of the new shares and says that they are not verified", vaultstate.ErrChangedThere, op.Threshold)
}

func (v *Vault) verifyWith(ctx context.Context, op *operation, s secret.Bytes, last bool) (done bool, err error) {
	var p pending
	defer p.wipe()
	switch err := v.sendShare(ctx, op, "verify", op.verifyNonce, s, &p); {
	case err == nil:
		op.verifySent++
		return p.Complete, nil
	case reasonOf(err) == isQuorum:
		q := &vaultstate.QuorumError{Given: op.Threshold, Needed: op.Threshold, Unseal: !op.auto}
		op.unprove(nil)
		op.verifySent = 0
		if err := v.learnVerification(ctx, op); err != nil {
			return false, errors.Join(q, err)
		}
		return false, fmt.Errorf("%w (%w)", q, err)
	case !answered(err):
		return v.lostVerification(ctx, op, last, err)
	default:
		return false, fmt.Errorf("verifying the new shares: %w", changedBy(err))
	}
}

// lostVerification asks what became of a share whose answer was lost.
func (v *Vault) lostVerification(ctx context.Context, op *operation, last bool, cause error) (done bool, err error) {
	p, asked := v.read(context.WithoutCancel(ctx), op)
	if asked != nil {
		return false, op.lose(cause, "whether the new shares count is not known (%v). Try a share of each set before anything is thrown away", asked)
	}
	if last && !p.Started {
		s, err := v.sealStatus(ctx, v.self)
		if err == nil && s.N == op.Shares && s.T == op.Threshold && (s.N != op.before.Shares || s.T != op.before.Threshold) {
			return true, nil
		}
		return false, op.lose(cause, "nothing is pending any more: either the new shares count now, or another node became active and the old ones still do. Try a share of each before anything is thrown away")
	}
	op.verifySent++ // more or less: the next Commit begins the verification anew
	return false, lost(cause, "the new shares do not count yet. Trying again sends them anew")
}

// restartVerification has the server forget the verification's shares.
func (v *Vault) restartVerification(ctx context.Context, op *operation) error {
	body := nonceBody(op.verifyNonce)
	defer body.Wipe()
	c := v.atWay(op, http.MethodDelete, "verify")
	c.body = body
	if err := v.tell(ctx, v.self, c); err != nil {
		return fmt.Errorf("beginning the verification anew: %w", changedBy(err))
	}
	op.verifySent = 0
	return v.learnVerification(ctx, op)
}

// learnVerification takes the nonce of a verification that the server began
// anew, if the rest is as agreed.
func (v *Vault) learnVerification(ctx context.Context, op *operation) error {
	p, err := v.read(ctx, op)
	if err != nil {
		return fmt.Errorf("reading what is pending: %w", err)
	}
	was := op.verifyNonce
	op.verifyNonce = p.VerificationNonce
	if err := changed(op.differences(p)); err != nil || p.VerificationNonce == "" {
		op.verifyNonce = was
		return errors.Join(err, fmt.Errorf("beginning the verification anew: %w", vaultstate.ErrChangedThere))
	}
	return nil
}

// checkToken asks whether the token that was made is one.
func (v *Vault) checkToken(ctx context.Context, op *operation, out *vaultstate.Outcome) {
	if op.token.Len() == 0 {
		out.Checks = append(out.Checks, vaultstate.Check{OK: true,
			Text: "The token went to a PGP key: whether the server knows it cannot be asked from here."})
		return
	}
	began := v.now()
	info, err := v.lookup(ctx, op.token)
	check := vaultstate.Check{Text: "The server says that the new token is a root token.", OK: err == nil && isRoot(info), Took: v.now().Sub(began)}
	if !check.OK {
		check.Text = "The server does not say that the new token is a root token."
	}
	out.Checks = append(out.Checks, check)
}

// Cancel ends an operation that does not count yet, at the server too. A token
// that was made is revoked. Of one whose answer was lost, so that nobody knows
// whether it counts, it is that ErrLost again.
func (v *Vault) Cancel(ctx context.Context, id vaultstate.ID) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	op, err := v.pendingHere(id, vaultstate.PhaseAuthority, vaultstate.PhaseIssue, vaultstate.PhaseProof, vaultstate.PhaseReady)
	if err != nil {
		return err
	}
	switch {
	case op.Kind == vaultstate.Init:
		return v.cancelInit(ctx, op)
	case op.Kind == vaultstate.Rotate:
		err = op.lost
	case op.Kind == Unseal:
		err = v.forgetNodes(ctx, op)
	case op.Kind == vaultstate.GenerateRoot && op.early && op.lost != nil:
		err = op.lost
	case op.Kind == vaultstate.GenerateRoot && op.early:
		if op.token.Len() == 0 {
			return fmt.Errorf("%s: %w: the token went to a PGP key, and counts: whoever decrypts it revokes it", id, vaultstate.ErrCommitted)
		}
		_, err = v.revoke(ctx, op.token)
	case op.early:
		return fmt.Errorf("%s: %w: without verification the new shares count since the quorum was in", id, vaultstate.ErrCommitted)
	default:
		err = v.cancelPending(ctx, op)
	}
	if err != nil && (op.lost == nil || !errors.Is(err, op.lost)) {
		return err
	}
	op.wipe()
	v.op = nil
	return err
}

// cancelPending cancels what is pending at the server if it is ours.
func (v *Vault) cancelPending(ctx context.Context, op *operation) error {
	p, err := v.read(ctx, op)
	if op.lost != nil && (err != nil || !p.Started || p.Nonce != op.nonce) {
		return op.lost
	}
	if err != nil {
		return fmt.Errorf("reading what is pending: %w", err)
	}
	if !p.Started || p.Nonce != op.nonce {
		return nil // ours is gone, and a stranger's is not ours to cancel
	}
	return v.stop(ctx, op)
}

func (v *Vault) cancelInit(ctx context.Context, op *operation) error {
	if op.gap && op.nonce != "" {
		if err := v.cancelPending(ctx, op); err != nil {
			return err
		}
		op.onlyToken()
		return fmt.Errorf("%s: %w: the server stays initialised, without recovery keys. Its root token is the only authority: with it, a recovery rekey makes them; else clear its storage", op.ID, vaultstate.ErrCommitted)
	}
	return fmt.Errorf("%s: %w: an init is not undone; clear the server's storage and begin again", op.ID, vaultstate.ErrCommitted)
}
