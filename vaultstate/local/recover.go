package local

import (
	"context"
	"fmt"

	"conclave/hsm/secret"
	"conclave/vaultstate"
)

var _ vaultstate.Tester = (*Vault)(nil)

// recover stages a new recovery key without a quorum: whoever holds the HSM's
// PIN and the storage can do that anyway. On whose authority it is done the
// ceremony asks, and its record says.
func (v *Vault) recover(ctx context.Context, op *operation) error {
	o, err := v.open(ctx, v.store, v.o.Seal)
	if err != nil {
		return err
	}
	defer o.wipe()
	if o.facts.Storage != op.base {
		return fmt.Errorf("%s: %w", op.ID, vaultstate.ErrChanged)
	}
	return v.stage(ctx, op, o)
}

// Test opens the recovery key through the HSM and compares. Nothing is begun.
func (v *Vault) Test(ctx context.Context, shares []secret.Bytes) error {
	defer v.busy()()
	o, err := v.open(ctx, v.store, v.o.Seal)
	if err != nil {
		return err
	}
	defer o.wipe()
	return authorise(o, shares)
}
