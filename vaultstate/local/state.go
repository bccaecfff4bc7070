package local

import (
	"context"
	"errors"
	"fmt"

	"conclave/hsm"
	"conclave/hsm/secret"
	"conclave/vaultstate"
	"conclave/vaultstate/barrier"
	"conclave/vaultstate/storage"
)

// errAbsent says that an entry is not there.
var errAbsent = errors.New("there is no such entry")

// opened is a state with its keys. The owner wipes it.
type opened struct {
	keyring  *barrier.Keyring
	recovery secret.Bytes // empty if the vault has none
	recCfg   *barrier.SealConfig
	facts    vaultstate.State

	recoverySealKeyID string // what the recovery key is wrapped with
}

func (o *opened) wipe() {
	if o == nil {
		return
	}
	o.recovery.Wipe()
	if o.keyring != nil {
		o.keyring.Wipe()
	}
}

// open opens the state of s through the HSM: the stored root key, the keyring
// with it, and the recovery key.
func (v *Vault) open(ctx context.Context, s *storage.Store, seal Seal) (_ *opened, err error) {
	if seal == nil {
		return nil, errors.New("opening the state: there is no HSM")
	}
	o := &opened{}
	defer func() {
		if err != nil {
			o.wipe()
		}
	}()
	record, err := s.Get(barrier.KeyringPath)
	if err != nil {
		return nil, err
	}
	if record == nil {
		return nil, vaultstate.ErrNotInitialized
	}
	if _, err := v.sealConfig(s); err != nil {
		return nil, err
	}
	if err := refuse(s); err != nil {
		return nil, err
	}
	plain, err := unwrap(ctx, seal, s, barrier.StoredKeysPath, &o.facts)
	if err != nil {
		return nil, err
	}
	defer plain.Wipe()
	root, err := barrier.ParseStoredKeys(plain)
	if err != nil {
		return nil, err
	}
	defer root.Wipe()
	if o.keyring, err = barrier.OpenKeyring(record, root); err != nil {
		return nil, fmt.Errorf("opening the keyring with the root key that the HSM holds: %w", err)
	}
	if err := v.openRecovery(ctx, s, seal, o); err != nil {
		return nil, err
	}
	if o.facts.Storage, err = s.CoreDigest(); err != nil {
		return nil, err
	}
	o.facts.RootKey = vaultstate.KeyDigest("root-key", o.keyring.Root())
	o.facts.Terms = o.keyring.Terms()
	return o, nil
}

// openRecovery: a vault without recovery keys is a vault, too (OpenBao makes
// them so); that nothing can be authorised on it is said where it matters.
func (v *Vault) openRecovery(ctx context.Context, s *storage.Store, seal Seal, o *opened) error {
	cfg, err := v.config(s, barrier.RecoveryConfigPath, barrier.RecoveryConfig)
	if errors.Is(err, errAbsent) || err == nil && cfg.Shares == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	var ref vaultstate.State
	o.recovery, err = unwrap(ctx, seal, s, barrier.RecoveryKeyPath, &ref)
	if err != nil {
		return err
	}
	if ref.Mechanism == hsm.RSAOAEP && o.facts.Mechanism != hsm.RSAOAEP {
		// A blob names its key, and any RSA key in the token will do: with its
		// public key anybody makes such a one. Nobody makes one of the root key,
		// which is not known to them.
		return fmt.Errorf("%w: the recovery key is wrapped with RSA-OAEP (%q), which anybody can do, and the root key with %s. Conclave never leaves it so", vaultstate.ErrChanged, ref.SealKeyID, o.facts.Mechanism)
	}
	o.recCfg, o.recoverySealKeyID = cfg, ref.SealKeyID
	o.facts.Shares, o.facts.Threshold = cfg.Shares, cfg.Threshold
	o.facts.RecoveryKey = vaultstate.KeyDigest("recovery-key", o.recovery)
	return nil
}

func unwrap(ctx context.Context, seal Seal, s *storage.Store, key string, facts *vaultstate.State) (secret.Bytes, error) {
	blob, err := s.Get(key)
	if err != nil {
		return secret.Bytes{}, err
	}
	if blob == nil {
		return secret.Bytes{}, fmt.Errorf("reading %q: %w: %w", key, vaultstate.ErrCorrupt, errAbsent)
	}
	ref, err := seal.Describe(blob)
	if err != nil {
		return secret.Bytes{}, fmt.Errorf("reading %q: %w", key, err)
	}
	facts.SealKeyID, facts.SealHMACKeyID, facts.Mechanism = ref.KeyID, ref.HMACKeyID, ref.Mechanism
	plain, err := seal.Unwrap(ctx, blob)
	if err != nil {
		return secret.Bytes{}, fmt.Errorf("opening %q with the HSM's key %q: %w", key, ref.KeyID, err)
	}
	return plain, nil
}

// config is errAbsent if there is none.
func (v *Vault) config(s *storage.Store, key string, kind barrier.ConfigKind) (*barrier.SealConfig, error) {
	b, err := s.Get(key)
	if err != nil {
		return nil, err
	}
	if b == nil {
		return nil, fmt.Errorf("reading %q: %w", key, errAbsent)
	}
	return barrier.ParseSealConfig(b, kind)
}

// sealConfig must be there: a server refuses a state without it.
func (v *Vault) sealConfig(s *storage.Store) (*barrier.SealConfig, error) {
	cfg, err := v.config(s, barrier.SealConfigPath, barrier.BarrierConfig)
	if errors.Is(err, errAbsent) {
		err = fmt.Errorf("%w: %w", vaultstate.ErrCorrupt, err)
	}
	return cfg, err
}

// refuse names entries with which a state is of a kind that is not ours.
func refuse(s *storage.Store) error {
	for key, why := range map[string]string{
		"core/status/self-init": "its self-initialisation did not end, and a server refuses to unseal it",
		"barrier/init":          "it is from before the first Vault releases",
	} {
		b, err := s.Get(key)
		if err != nil {
			return err
		}
		if b != nil {
			return fmt.Errorf("%w: %s (%q)", vaultstate.ErrUnsupported, why, key)
		}
	}
	return nil
}
