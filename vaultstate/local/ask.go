package local

import (
	"encoding/base64"
	"fmt"
	"strings"

	"conclave/vaultstate"
	"conclave/vaultstate/barrier"
	"conclave/vaultstate/pgp"
	"conclave/vaultstate/storage"
)

// newOperation checks what is asked, and reads its PGP keys.
func newOperation(ask vaultstate.Operation) (*operation, error) {
	if err := storage.CheckID(ask.ID); err != nil {
		return nil, err
	}
	if strings.HasPrefix(string(ask.ID), "probe-") {
		return nil, fmt.Errorf("the ceremony's id %q: names that begin with probe- are taken", ask.ID)
	}
	op := &operation{Operation: ask}
	var err error
	switch ask.Kind {
	case vaultstate.Init, vaultstate.RecoveryRekey, vaultstate.Recover:
		err = op.readHolders()
	case vaultstate.Rewrap:
		if op.Shares == 0 && op.Threshold == 0 && op.PGPKeys == nil {
			break
		}
		err = op.readHolders()
	case vaultstate.Rekey, vaultstate.Rotate, vaultstate.ReEncrypt, vaultstate.GenerateRoot:
		err = op.noShares()
	default:
		err = fmt.Errorf("%w: the operation %q", vaultstate.ErrUnsupported, ask.Kind)
	}
	if err != nil {
		return nil, err
	}
	switch {
	case ask.NewRoot && ask.Kind != vaultstate.Rewrap:
		return nil, fmt.Errorf("beginning %s: a new root key is asked for, which it does not make", ask.Kind)
	case ask.Kind == vaultstate.GenerateRoot:
		op.RootToken = true
	case ask.RootToken && ask.Kind != vaultstate.Init:
		return nil, fmt.Errorf("beginning %s: it makes no root token", ask.Kind)
	case ask.RootTokenTTL != 0:
		return nil, fmt.Errorf("beginning %s: a token that is made without a server has no end of its own", ask.Kind)
	case !ask.RootToken && ask.RootTokenPGPKey != nil:
		return nil, fmt.Errorf("beginning %s: there is a PGP key for a root token that is not made", ask.Kind)
	}
	if ask.RootTokenPGPKey != nil {
		k, err := pgp.Read("the PGP key for the root token", ask.RootTokenPGPKey)
		if err != nil {
			return nil, err
		}
		op.tokenKey = &k
	}
	return op, nil
}

// noShares refuses values that the operation would not obey (rule S2).
func (op *operation) noShares() error {
	if op.PGPKeys != nil {
		return fmt.Errorf("beginning %s: it makes no shares, and there are PGP keys for them", op.Kind)
	}
	for _, n := range []int{op.Shares, op.Threshold} {
		if n == 0 || n == 1 && op.Kind == vaultstate.Rekey {
			continue
		}
		if op.Kind == vaultstate.Rekey {
			return fmt.Errorf("%w: key shares and key threshold are 1, not %d", vaultstate.ErrSingleValue, n)
		}
		return fmt.Errorf("beginning %s: it makes no shares", op.Kind)
	}
	op.Shares, op.Threshold = 0, 0
	return nil
}

func (op *operation) readHolders() error {
	cfg := op.config(nil)
	n := 0
	err := cfg.Validate(func(bin []byte) error {
		n++
		k, err := pgp.Read(fmt.Sprintf("the PGP key of share %d", n), bin)
		op.holders = append(op.holders, k)
		return err
	})
	if err != nil {
		return fmt.Errorf("beginning %s: %w", op.Kind, err)
	}
	op.facts = facts{Shares: op.Shares, Threshold: op.Threshold, SkipProof: op.SkipProof}
	for _, k := range op.holders {
		op.facts.PGP = append(op.facts.PGP, k.Fingerprint)
	}
	return nil
}

// config is the new recovery configuration. Of an old one it keeps what we do
// not know.
func (op *operation) config(old *barrier.SealConfig) *barrier.SealConfig {
	cfg := barrier.NewRecoveryConfig(op.Shares, op.Threshold)
	if old != nil {
		c := *old
		c.Shares, c.Threshold, c.PGPKeys, c.Nonce, c.Backup, c.StoredShares = op.Shares, op.Threshold, nil, "", false, 0
		cfg = &c
	}
	for _, k := range op.PGPKeys {
		cfg.PGPKeys = append(cfg.PGPKeys, base64.StdEncoding.EncodeToString(k))
	}
	return cfg
}
