package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"conclave/hsm/secret"
	"conclave/vaultstate"
)

// submit sends as many shares as are needed, each after a look at what is
// pending.
func (v *Vault) submit(ctx context.Context, op *operation, quorum []secret.Bytes) error {
	if op.sent > 0 { // an earlier Submit got half of the way
		if err := v.restart(ctx, op); err != nil {
			return err
		}
	}
	for i, s := range quorum[:op.needed] {
		if err := v.guard(ctx, op); err != nil {
			return err
		}
		last := i == op.needed-1
		if last && op.commits() && !op.AtOnce {
			op.held.Wipe()
			op.held = s.Clone()
			op.phase = vaultstate.PhaseReady
			return nil
		}
		if err := v.hand(ctx, op, s, last); err != nil {
			return err
		}
	}
	return nil
}

// commits tells whether the server acts on the last share, with nothing to take
// or to verify after it: that share waits for Commit.
func (op *operation) commits() bool { return op.Kind == vaultstate.Rekey && op.auto }

// hand sends one share of the quorum, and deals with all that can come of it.
func (v *Vault) hand(ctx context.Context, op *operation, s secret.Bytes, last bool) error {
	var p pending
	defer p.wipe()
	switch err := v.sendShare(ctx, op, "update", op.nonce, s, &p); {
	case err == nil:
		op.sent++
	case reasonOf(err) == isQuorum:
		return v.wrongQuorum(ctx, op, err)
	case !answered(err):
		if !v.arrived(context.WithoutCancel(ctx), op, last) {
			return op.lose(err, "whether share %d of the quorum arrived is not known. The operation was not finished, as far as the server says", op.sent+1)
		}
		op.sent++
		if last {
			return v.lostEnd(context.WithoutCancel(ctx), op, err)
		}
		return nil
	default:
		return fmt.Errorf("handing in share %d of %d: %w", op.sent+1, op.needed, changedBy(err))
	}
	switch {
	case p.Complete:
		return v.finish(ctx, op, &p)
	case last:
		return fmt.Errorf("%w: the server has %d shares of %d and says that it is not done", vaultstate.ErrChangedThere, op.sent, op.needed)
	}
	return nil
}

// sendShare sends one share to an endpoint of the operation.
func (v *Vault) sendShare(ctx context.Context, op *operation, endpoint, nonce string, s secret.Bytes, to *pending) error {
	key := base64Text(s)
	defer key.Wipe()
	body := object(field{name: "key", secret: key}, field{name: "nonce", public: nonce})
	defer body.Wipe()
	c := v.atWay(op, http.MethodPut, endpoint)
	c.body, c.share = body, key
	return v.ask(ctx, v.self, c, op.way.inData, to)
}

// wrongQuorum sees to it that the operation stands, so that the good shares can
// be handed in again.
func (v *Vault) wrongQuorum(ctx context.Context, op *operation, cause error) error {
	q := &vaultstate.QuorumError{Given: op.needed, Needed: op.needed, Unseal: !op.auto}
	if err := v.restart(ctx, op); err != nil {
		return errors.Join(q, fmt.Errorf("beginning %s anew: %w", op.Kind, err))
	}
	return fmt.Errorf("%w (%w)", q, cause)
}

// arrived asks, after an answer that was lost, whether the share was counted.
func (v *Vault) arrived(ctx context.Context, op *operation, last bool) bool {
	p, err := v.read(ctx, op)
	if err != nil {
		return false
	}
	if last {
		return !p.Started || p.Nonce == op.nonce && p.VerificationNonce != ""
	}
	return len(op.differences(p)) == 0 && p.Progress == op.sent+1
}

// lostEnd is an answer to the last share that was lost, and with it what was
// made.
func (v *Vault) lostEnd(ctx context.Context, op *operation, cause error) error {
	if op.verification {
		p, err := v.read(ctx, op)
		if err == nil && p.Started && p.Nonce == op.nonce && p.VerificationNonce != "" {
			op.verifyNonce = p.VerificationNonce
			if err = v.restart(ctx, op); err == nil {
				return lost(cause, "the new shares were in it, and count for nothing. The operation was begun anew, and the quorum can be handed in again")
			}
		}
		return lost(cause, "the new shares were in it, and count for nothing without verification (%v)", err)
	}
	if op.commits() {
		return op.lose(cause, "the server says that nothing is pending any more. The root key is a new one, unless another node became active in between. Nothing that people hold depends on it")
	}
	return op.lose(cause, "the server says that nothing is pending any more. Shares or a token that nobody has may count now: look at the status, and make new ones")
}

// finish takes what the server made when the quorum was in.
func (v *Vault) finish(ctx context.Context, op *operation, p *pending) error {
	switch {
	case op.Kind == vaultstate.GenerateRoot:
		return v.takeToken(ctx, op, p)
	case op.Shares == 0:
		op.early, op.phase = op.AtOnce, vaultstate.PhaseReady
		return nil // under an HSM seal; some servers answer with keys that mean nothing
	}
	if p.VerificationRequired != op.verification {
		return fmt.Errorf("%w: the server says that verification is required: %t, and %t was agreed", vaultstate.ErrChangedThere, p.VerificationRequired, op.verification)
	}
	op.verifyNonce = p.VerificationNonce
	op.early = !op.verification
	if want := op.fingerprints(); !op.early && !slices.EqualFunc(p.PGP, want, strings.EqualFold) {
		return errors.Join(fmt.Errorf("%w: the server says that the new shares went to the PGP keys %s, and %s were agreed",
			vaultstate.ErrChangedThere, list(p.PGP), list(want)), v.stop(ctx, op))
	}
	shares, err := op.issueOf(p.Keys)
	if err != nil {
		if op.early {
			return op.lose(err, "the new shares count already, and cannot be read: with the root token or another quorum, make new ones")
		}
		return errors.Join(fmt.Errorf("taking the new shares: %w", err), v.stop(ctx, op))
	}
	if op.issue == nil {
		op.issue = &vaultstate.Issue{}
	}
	op.issue.Set, op.issue.Shares = op.set.String(), shares
	op.phase = vaultstate.PhaseIssue
	if op.nonce == "" && op.verification { // begun and done in one answer, which names no nonce
		q, err := v.read(ctx, op)
		if err != nil {
			return fmt.Errorf("reading what is pending: %w", err)
		}
		if err := changed(op.differences(q)); err != nil {
			return err
		}
		op.nonce = q.Nonce
	}
	return nil
}
