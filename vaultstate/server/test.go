package server

import (
	"context"
	"errors"
	"fmt"

	"conclave/hsm/secret"
	"conclave/vaultstate"
)

var _ vaultstate.Tester = (*Vault)(nil)

// Test has the server say whether shares make the recovery key: it makes a root
// token of their authority, which is revoked before Test returns, and which nobody
// sees. Its audit log shows both.
func (v *Vault) Test(ctx context.Context, shares []secret.Bytes) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.op != nil && v.op.phase != vaultstate.PhaseCommitted {
		return fmt.Errorf("%s: %w", v.op.ID, vaultstate.ErrPending)
	}
	op, err := newOperation(vaultstate.Operation{ID: "drill", Kind: vaultstate.GenerateRoot}, v.now())
	if err != nil {
		return err
	}
	defer op.wipe()
	op.phase = vaultstate.PhaseAuthority
	if err := v.beginRoot(ctx, op); err != nil {
		return err
	}
	err = op.checkQuorum(shares)
	if err == nil {
		err = v.submit(ctx, op, shares)
	}
	var q *vaultstate.QuorumError
	if errors.As(err, &q) { // nothing stays pending
		return errors.Join(err, v.stop(context.WithoutCancel(ctx), op))
	}
	if err != nil {
		return err
	}
	if _, err := v.revoke(context.WithoutCancel(ctx), op.token); err != nil {
		return lost(err, "the shares make the recovery key. The root token that the server made of them may still count: revoke it")
	}
	return nil
}
