package local

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"conclave/hsm/secret"
	"conclave/vaultstate"
	"conclave/vaultstate/barrier"
	"conclave/vaultstate/storage"
)

// A rewrap: the root key and the recovery key, which are all that the HSM wraps,
// are wrapped anew by another key, in the same token or another. The live state
// is opened through Seal until the swap, and through NewSeal from then on; what
// is staged always through NewSeal.

// made is what the new state of an operation is wrapped with.
func (v *Vault) made(op *operation) Seal {
	if op.Kind == vaultstate.Rewrap {
		return v.o.NewSeal
	}
	return v.o.Seal
}

// live is what the live state is wrapped with.
func (v *Vault) live() Seal {
	if v.rewrapped || v.swapped() {
		return v.o.NewSeal
	}
	return v.o.Seal
}

// swapped tells whether a rewrap is swapped in although its answer was lost.
func (v *Vault) swapped() bool {
	op := v.op
	if op == nil || op.Kind != vaultstate.Rewrap || op.staged == nil {
		return false
	}
	is, err := op.staged.Standing()
	return err == nil && (is == storage.Committed || is == storage.Overtaken)
}

// rewrap wraps both keys with the new seal, or makes new ones where that is
// asked for.
func (v *Vault) rewrap(ctx context.Context, op *operation, d *draft, o *opened) (err error) {
	if op.NewRoot {
		root := secret.Random(barrier.KeySize)
		d.keyring.SetRoot(root)
		root.Wipe()
		d.rewrite = true
	}
	if err := putRoot(ctx, v.o.NewSeal, d); err != nil {
		return err
	}
	if op.Shares > 0 {
		return putRecovery(ctx, v.o.NewSeal, op, d, o.recCfg)
	}
	d.changes.Put[barrier.RecoveryKeyPath], err = v.o.NewSeal.Wrap(ctx, o.recovery)
	return err
}

// sealKeyOf says what a state is wrapped with, without the HSM.
func (v *Vault) sealKeyOf(s *storage.Store) (string, error) {
	blob, err := s.Get(barrier.StoredKeysPath)
	if err != nil || blob == nil || v.o.Seal == nil {
		return "", err
	}
	ref, err := v.o.Seal.Describe(blob)
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", barrier.StoredKeysPath, err)
	}
	return ref.KeyID, nil
}

// Sealed lists every entry that the HSM wrapped: of the live state, of what is
// staged and of what is kept.
func (v *Vault) Sealed(ctx context.Context) ([]vaultstate.Sealed, error) {
	defer v.busy()()
	list, err := v.sealedIn(ctx, v.store, "", true)
	if err != nil {
		return nil, err
	}
	found, err := v.store.Find()
	if err != nil {
		return nil, err
	}
	for _, f := range found {
		var side *storage.Store
		where := "new"
		switch f.Is {
		case storage.Ready, storage.Stale:
			side = f.View()
		case storage.Committed, storage.Overtaken:
			side, where = f.Old(), "old"
		case storage.Broken:
			list = append(list, vaultstate.Sealed{Where: f.Dir()})
		}
		if side == nil {
			continue
		}
		more, err := v.sealedIn(ctx, side, filepath.Join(f.Dir(), where)+": ", false)
		if err != nil {
			// A swap that was cut off, or damage: nobody can say what is there.
			more = []vaultstate.Sealed{{Where: f.Dir()}}
		}
		list = append(list, more...)
	}
	return list, nil
}

// sealedIn looks at every entry of a state; of one that is not live, at core/
// alone. What cannot be read as a blob is listed without a key.
func (v *Vault) sealedIn(ctx context.Context, s *storage.Store, prefix string, live bool) ([]vaultstate.Sealed, error) {
	var list []vaultstate.Sealed
	err := s.Walk(func(key string) error {
		if err := ctx.Err(); err != nil || plainEntries[key] || !live && !strings.HasPrefix(key, "core/") {
			return err
		}
		value, err := s.Get(key)
		if err != nil || !sealedEntries[key] && !sealWrapped(value) {
			return err
		}
		at := vaultstate.Sealed{Where: prefix + key, Live: live}
		if ref, err := v.o.Seal.Describe(value); err == nil {
			at.SealKeyID, at.HMACKeyID, at.Mechanism = ref.KeyID, ref.HMACKeyID, ref.Mechanism
		}
		list = append(list, at)
		return nil
	})
	return list, err
}
