package local

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"conclave/vaultstate"
	"conclave/vaultstate/barrier"
	"conclave/vaultstate/storage"
)

// Begin registers an operation. An init or a recover is staged when it returns.
func (v *Vault) Begin(ctx context.Context, ask vaultstate.Operation) (_ vaultstate.Progress, err error) {
	defer v.busy()()
	op, err := newOperation(ask)
	if err != nil {
		return vaultstate.Progress{}, err
	}
	if v.op != nil && v.op.phase != vaultstate.PhaseCommitted {
		return vaultstate.Progress{}, fmt.Errorf("%s: %w", v.op.ID, vaultstate.ErrPending)
	}
	if err := v.kindFits(op); err != nil {
		return vaultstate.Progress{}, err
	}
	if v.o.Seal == nil {
		return vaultstate.Progress{}, fmt.Errorf("beginning %s: there is no HSM", op.Kind)
	}
	if v.o.NewSeal == nil && op.Kind == vaultstate.Rewrap {
		return vaultstate.Progress{}, fmt.Errorf("%w: a rewrap, without the key to wrap with", vaultstate.ErrUnsupported)
	}
	if err := v.takeLock(); err != nil {
		return vaultstate.Progress{}, err
	}
	defer func() {
		if err != nil {
			op.wipe()
			_ = v.unlock() // the first error tells more
		}
	}()
	if err := v.kindFits(op); err != nil { // now that nobody else can change it
		return vaultstate.Progress{}, err
	}
	if err := v.ready(ctx, op); err != nil {
		return vaultstate.Progress{}, err
	}
	op.phase = vaultstate.PhaseAuthority
	switch op.Kind {
	case vaultstate.Init:
		err = v.stage(ctx, op, nil)
	case vaultstate.Recover:
		err = v.recover(ctx, op)
	case vaultstate.ReEncrypt:
		err = v.oldTerms(ctx)
	case vaultstate.Rekey, vaultstate.RecoveryRekey, vaultstate.Rotate, vaultstate.GenerateRoot, vaultstate.Rewrap:
	}
	if err != nil {
		return vaultstate.Progress{}, err
	}
	v.op = op
	return op.progress(), nil
}

// kindFits tells init from the others before anything is touched.
func (v *Vault) kindFits(op *operation) error {
	is, err := v.initialized()
	switch {
	case err != nil:
		return err
	case is && op.Kind == vaultstate.Init:
		return vaultstate.ErrInitialized
	case !is && op.Kind != vaultstate.Init:
		return vaultstate.ErrNotInitialized
	case is:
		return nil
	}
	rubble, err := v.store.Rubble()
	if err != nil {
		return err
	}
	if len(rubble) > 0 {
		return fmt.Errorf("%w: the storage has no keyring but is not empty (%s): move that away, or use another directory",
			vaultstate.ErrCorrupt, strings.Join(rubble, ", "))
	}
	return nil
}

// ready looks at everything that must be so before people are asked for
// anything.
func (v *Vault) ready(ctx context.Context, op *operation) error {
	if err := v.store.Tidy(); err != nil {
		return err
	}
	list, err := v.store.Find()
	if err != nil {
		return err
	}
	for _, f := range list {
		if f.ID == op.ID || f.Is == storage.Ready {
			return fmt.Errorf("%w: %q is there from an earlier run: finish it or remove it", vaultstate.ErrPending, f.Dir())
		}
	}
	if err := v.store.Probe(); err != nil {
		return err
	}
	if err := v.noServer(ctx); err != nil {
		return err
	}
	if op.base, err = v.store.CoreDigest(); err != nil || op.Kind == vaultstate.Init {
		return err
	}
	if err := refuse(v.store); err != nil {
		return err
	}
	if err := refuseWrapped(ctx, v.store); err != nil {
		return err
	}
	if _, err := v.sealConfig(v.store); err != nil {
		return err
	}
	if op.Kind == vaultstate.Recover {
		return v.hasKeys() // whatever the old shares were, they authorise nothing here
	}
	cfg, err := v.config(v.store, barrier.RecoveryConfigPath, barrier.RecoveryConfig)
	if errors.Is(err, errAbsent) || err == nil && cfg.Shares == 0 {
		return fmt.Errorf("%w: it has no recovery keys, so nothing can be authorised", vaultstate.ErrUnsupported)
	}
	if err != nil {
		return err
	}
	if err := cfg.Validate(nil); err != nil {
		return fmt.Errorf("%w: its recovery key can never be used: %w", vaultstate.ErrUnsupported, err)
	}
	op.needed = cfg.Threshold
	return v.hasKeys()
}

// hasKeys looks for what the HSM opens. A server whose init failed at the HSM
// leaves a state without it.
func (v *Vault) hasKeys() error {
	for _, key := range []string{barrier.StoredKeysPath, barrier.RecoveryKeyPath} {
		blob, err := v.store.Get(key)
		if err != nil {
			return err
		}
		if blob == nil {
			return fmt.Errorf("%w: %q is not there: without it nobody can use this state, and an init that failed at the HSM leaves it so. Move the storage away and begin again", vaultstate.ErrCorrupt, key)
		}
		if _, err := v.o.Seal.Describe(blob); err != nil {
			return fmt.Errorf("reading %q: %w", key, err)
		}
	}
	return nil
}
