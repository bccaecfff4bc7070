package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"conclave/vaultstate"
	"conclave/vaultstate/share"
)

// Adopt goes on with an operation that an earlier run began and that the server
// still has: left is what Status lists, ask is what was agreed then. Whatever
// differs is ErrChanged. Shares that wait for verification were handed out by
// that run: they are proven again, all of them. left.Set may name their set.
//
// An operation whose shares never left the program that began it is no use to
// anybody: Discard it.
func (v *Vault) Adopt(ctx context.Context, ask vaultstate.Operation, left vaultstate.Leftover) (vaultstate.Progress, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.op != nil && v.op.phase != vaultstate.PhaseCommitted {
		return vaultstate.Progress{}, fmt.Errorf("%s: %w", v.op.ID, vaultstate.ErrPending)
	}
	op, err := newOperation(ask, v.now())
	if err != nil {
		return vaultstate.Progress{}, err
	}
	if err := v.adopt(ctx, op, left); err != nil {
		return vaultstate.Progress{}, err
	}
	v.op.wipe()
	v.op = op
	return op.progress(), nil
}

func (v *Vault) adopt(ctx context.Context, op *operation, left vaultstate.Leftover) error {
	if op.Kind != left.Kind || op.Kind != vaultstate.RecoveryRekey && op.Kind != vaultstate.Rekey {
		return fmt.Errorf("%w: going on with the %s of an earlier run", vaultstate.ErrUnsupported, op.Kind)
	}
	if left.Set != "" {
		set, err := share.ParseSet(left.Set)
		if err != nil {
			return err
		}
		op.set = set
	}
	if err := v.prepareRekey(ctx, op); err != nil {
		return err
	}
	p, err := v.read(ctx, op)
	if err != nil {
		return fmt.Errorf("reading what is pending: %w", err)
	}
	if left.ID == "" {
		return errors.New("going on with an operation: its nonce is not given")
	}
	op.phase = vaultstate.PhaseAuthority
	op.nonce, op.verifyNonce, op.needed, op.sent = string(left.ID), p.VerificationNonce, p.Required, p.Progress
	if err := changed(op.differences(p)); err != nil {
		return err
	}
	if op.verifyNonce == "" {
		return nil
	}
	var q pending
	defer q.wipe()
	if err := v.ask(ctx, v.self, v.atWay(op, http.MethodGet, "verify"), op.way.inData, &q); err != nil {
		return fmt.Errorf("reading what is pending: %w", changedBy(err))
	}
	op.sent, op.verifySent = 0, q.Progress
	op.taken = true
	op.phase = vaultstate.PhaseProof
	return nil
}
