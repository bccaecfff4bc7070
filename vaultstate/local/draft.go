package local

import (
	"context"
	"errors"
	"fmt"

	"conclave/hsm/secret"
	"conclave/vaultstate"
	"conclave/vaultstate/barrier"
	"conclave/vaultstate/storage"
)

// draft is a new state in the making. It owns its keys.
type draft struct {
	changes  storage.Changes
	keyring  *barrier.Keyring // of the new state
	recovery secret.Bytes     // of the new state; empty: the old one stays
	rewrite  bool             // the keyring changed
	token    *barrier.Token
}

func (d *draft) wipe() {
	d.recovery.Wipe()
	d.keyring.Wipe()
	d.token.Wipe()
}

// draft makes the entries that the operation changes.
func (v *Vault) draft(ctx context.Context, op *operation, o *opened) (_ *draft, err error) {
	d := &draft{changes: storage.Changes{Put: map[string][]byte{}}}
	if o != nil {
		d.keyring = o.keyring.Clone()
	} else {
		root := secret.Random(barrier.KeySize)
		d.keyring = barrier.NewKeyring(root, v.o.Now())
		root.Wipe()
	}
	defer func() {
		if err != nil {
			d.wipe()
		}
	}()
	switch op.Kind {
	case vaultstate.Init:
		err = errors.Join(v.putSealConfig(d), putRoot(ctx, v.o.Seal, d), putRecovery(ctx, v.o.Seal, op, d, nil))
		d.rewrite = true
	case vaultstate.Rekey:
		root := secret.Random(barrier.KeySize)
		d.keyring.SetRoot(root)
		root.Wipe()
		err = putRoot(ctx, v.o.Seal, d)
		d.rewrite = true
	case vaultstate.RecoveryRekey, vaultstate.Recover:
		err = putRecovery(ctx, v.o.Seal, op, d, o.recCfg)
	case vaultstate.Rewrap:
		err = v.rewrap(ctx, op, d, o)
	case vaultstate.Rotate:
		_, err = d.keyring.Rotate(v.o.Now())
		d.rewrite = true
	case vaultstate.ReEncrypt:
		err = v.reencryptCore(ctx, op, d, o)
	case vaultstate.GenerateRoot:
	}
	if err == nil && d.rewrite {
		err = v.putKeyring(d)
	}
	if err == nil && op.RootToken {
		err = v.addToken(d)
	}
	if err != nil {
		return nil, fmt.Errorf("making the new state: %w", err)
	}
	return d, nil
}

func (v *Vault) putSealConfig(d *draft) (err error) {
	d.changes.Put[barrier.SealConfigPath], err = barrier.NewBarrierConfig().Encode()
	return err
}

// putRoot has the HSM wrap the root key.
func putRoot(ctx context.Context, seal Seal, d *draft) error {
	plain, err := barrier.EncodeStoredKeys(d.keyring.Root())
	if err != nil {
		return err
	}
	defer plain.Wipe()
	d.changes.Put[barrier.StoredKeysPath], err = seal.Wrap(ctx, plain)
	return err
}

// putRecovery makes a recovery key and has the HSM wrap it.
func putRecovery(ctx context.Context, seal Seal, op *operation, d *draft, old *barrier.SealConfig) (err error) {
	d.recovery = secret.Random(barrier.KeySize)
	if d.changes.Put[barrier.RecoveryKeyPath], err = seal.Wrap(ctx, d.recovery); err != nil {
		return err
	}
	d.changes.Put[barrier.RecoveryConfigPath], err = op.config(old).Encode()
	return err
}

// putKeyring writes the keyring and the copy of the root key. The copy goes
// where it is now; a new one where the flavour has it. OpenBao drops Vault's.
func (v *Vault) putKeyring(d *draft) (err error) {
	if d.changes.Put[barrier.KeyringPath], err = barrier.SealKeyring(d.keyring); err != nil {
		return err
	}
	ours, err := v.store.Get(barrier.RootKeyPath)
	if err != nil {
		return err
	}
	path := barrier.RootKeyPath
	if ours == nil && v.o.Flavour == HashiCorpVault {
		path = barrier.MasterPath
	} else {
		d.changes.Delete = append(d.changes.Delete, barrier.MasterPath)
	}
	d.changes.Put[path], err = barrier.SealRootKey(d.keyring, path)
	return err
}

// addToken makes a root token as a server would find it. Its entries are
// outside core/ and become live at Commit, the token's own last.
func (v *Vault) addToken(d *draft) error {
	record, err := v.store.Get(barrier.SaltPath)
	if err != nil {
		return err
	}
	var salt secret.Bytes
	if record != nil {
		salt, err = barrier.Open(record, barrier.SaltPath, d.keyring.Key)
	} else {
		salt = barrier.NewSalt()
		err = d.add(barrier.SaltPath, salt)
	}
	defer salt.Wipe()
	if err != nil {
		return err
	}
	prefix := barrier.PrefixOpenBao
	if v.o.Flavour == HashiCorpVault {
		prefix = barrier.PrefixVault
	}
	d.token = barrier.NewToken(prefix, v.o.Now())
	for _, e := range d.token.Entries(salt) {
		if err == nil {
			err = d.add(e.Path, e.Plain)
		}
		e.Plain.Wipe()
	}
	return err
}

func (d *draft) add(path string, plain secret.Bytes) error {
	term := d.keyring.Active()
	key, err := d.keyring.Key(term)
	if err != nil {
		return err
	}
	record, err := barrier.Seal(key, term, path, plain)
	if err != nil {
		return err
	}
	d.changes.Add = append(d.changes.Add, storage.Entry{Key: path, Value: record})
	return nil
}
