package barrier

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"conclave/vaultstate"
)

// ConfigKind says which of the two seal configurations is meant.
type ConfigKind string

// The kinds.
const (
	BarrierConfig  ConfigKind = "barrier"  // core/seal-config
	RecoveryConfig ConfigKind = "recovery" // core/recovery-config
)

// The types that Conclave works with: the HSM seals the barrier, the recovery
// key is always Shamir's.
const (
	TypePKCS11 = "pkcs11"
	TypeShamir = "shamir"
)

// SealConfig is a seal configuration: plain JSON, no secret.
type SealConfig struct {
	Kind         ConfigKind
	Type         string
	Shares       int
	Threshold    int
	PGPKeys      []string // base64 of binary public keys, as they were given
	Nonce        string   // of the rekey that wrote it
	Backup       bool
	StoredShares int

	extras []plainMember
}

type plainMember struct {
	name string
	raw  []byte
}

// NewBarrierConfig is the only configuration that a barrier has under an HSM
// seal: the root key is one value, stored by the server (1 of 1, 1 stored).
func NewBarrierConfig() *SealConfig {
	return &SealConfig{Kind: BarrierConfig, Type: TypePKCS11, Shares: 1, Threshold: 1, StoredShares: 1}
}

// NewRecoveryConfig is the configuration of a recovery key split in shares.
// Validate says whether it may be.
func NewRecoveryConfig(shares, threshold int) *SealConfig {
	return &SealConfig{Kind: RecoveryConfig, Type: TypeShamir, Shares: shares, Threshold: threshold}
}

// ParseSealConfig reads a seal configuration and checks what a server checks
// when it reads one: the type, and the weaker rules (ValidateBase). Who wants
// to use a recovery key calls Validate as well: OpenBao accepts a configuration
// of 1 share and threshold 0, whose key can never be used.
func ParseSealConfig(plain []byte, kind ConfigKind) (*SealConfig, error) {
	c, err := parseSealConfig(plain, kind)
	if err != nil {
		return nil, fmt.Errorf("reading the %s configuration: %w", kind, err)
	}
	return c, nil
}

func parseSealConfig(plain []byte, kind ConfigKind) (*SealConfig, error) {
	members, err := object(plain, "the configuration",
		"type", "secret_shares", "secret_threshold", "pgp_keys", "nonce", "backup", "stored_shares")
	if err != nil {
		return nil, err
	}
	c := &SealConfig{Kind: kind}
	if kind == BarrierConfig {
		c.StoredShares = 1 // absent means 1: OpenBao from 2.7 does not write it
	}
	for _, m := range members {
		switch m.name {
		case "type":
			err = public(m.value, &c.Type, "the type")
		case "secret_shares":
			err = public(m.value, &c.Shares, "the number of shares")
		case "secret_threshold":
			err = public(m.value, &c.Threshold, "the threshold")
		case "pgp_keys":
			if string(m.value) != "null" {
				err = public(m.value, &c.PGPKeys, "the list of PGP keys")
			}
		case "nonce":
			err = public(m.value, &c.Nonce, "the nonce")
		case "backup":
			err = public(m.value, &c.Backup, "the flag backup")
		case "stored_shares":
			err = public(m.value, &c.StoredShares, "the number of stored shares")
		default:
			c.extras = append(c.extras, plainMember{m.name, append([]byte(nil), m.value...)})
		}
		if err != nil {
			return nil, err
		}
	}
	if err := c.checkType(); err != nil {
		return nil, err
	}
	if kind == BarrierConfig {
		if err := c.single(); err != nil {
			return nil, err
		}
	}
	if err := c.ValidateBase(nil); err != nil {
		return nil, fmt.Errorf("%w: %w", vaultstate.ErrCorrupt, err)
	}
	return c, nil
}

func (c *SealConfig) checkType() error {
	want := TypeShamir
	if c.Kind == BarrierConfig {
		want = TypePKCS11
	}
	if c.Type != want {
		return fmt.Errorf("%w: %s seal type of %q does not match loaded type of %q", vaultstate.ErrUnsupported, c.Kind, c.Type, want)
	}
	return nil
}

// single refuses a split root key: rule S2.
func (c *SealConfig) single() error {
	if c.Shares != 1 || c.Threshold != 1 || c.StoredShares != 1 {
		return fmt.Errorf("%w: shares, threshold and stored shares are %d, %d and %d instead of 1, 1 and 1",
			vaultstate.ErrSingleValue, c.Shares, c.Threshold, c.StoredShares)
	}
	return nil
}

// Encode is the JSON of the configuration, as OpenBao 2.5 writes it; members
// that we do not know follow.
func (c *SealConfig) Encode() ([]byte, error) {
	out, err := json.Marshal(struct {
		Type         string   `json:"type"`
		Shares       int      `json:"secret_shares"`
		Threshold    int      `json:"secret_threshold"`
		PGPKeys      []string `json:"pgp_keys"`
		Nonce        string   `json:"nonce"`
		Backup       bool     `json:"backup"`
		StoredShares int      `json:"stored_shares"`
	}{c.Type, c.Shares, c.Threshold, c.PGPKeys, c.Nonce, c.Backup, c.StoredShares})
	if err != nil {
		return nil, fmt.Errorf("writing the %s configuration: %w", c.Kind, err)
	}
	for _, e := range c.extras {
		name, err := json.Marshal(e.name)
		if err != nil {
			return nil, fmt.Errorf("writing the %s configuration: %w", c.Kind, err)
		}
		out = append(out[:len(out)-1], ',')
		out = append(append(append(out, name...), ':'), e.raw...)
		out = append(out, '}')
	}
	return out, nil
}

// Validate checks the configuration before it is written. The first rule that
// is broken is the error, in the servers' own words. checkKey parses a binary
// PGP key; nil leaves the keys unparsed.
func (c *SealConfig) Validate(checkKey func([]byte) error) error {
	if err := c.checkType(); err != nil {
		return err
	}
	if c.Kind == BarrierConfig {
		if err := c.single(); err != nil {
			return err
		}
	}
	if c.Shares < 1 {
		return errors.New("shares must be at least one")
	}
	if c.Threshold < 1 {
		return errors.New("threshold must be at least one")
	}
	return c.ValidateBase(checkKey)
}

// ValidateBase applies the rules that OpenBao applies to a recovery
// configuration that it reads: as Validate, but none or a threshold of none is
// accepted.
func (c *SealConfig) ValidateBase(checkKey func([]byte) error) error {
	switch {
	case c.Shares > 1 && c.Threshold < 2:
		return errors.New("threshold must be greater than one for multiple shares")
	case c.Shares > 255:
		return errors.New("shares must be less than 256")
	case c.Threshold > 255:
		return errors.New("threshold must be less than 256")
	case c.Threshold > c.Shares:
		return errors.New("threshold cannot be larger than shares")
	case c.StoredShares > 1:
		return errors.New("stored keys cannot be larger than 1")
	case len(c.PGPKeys) > 0 && len(c.PGPKeys) != c.Shares:
		return errors.New("count mismatch between number of provided PGP keys and number of shares")
	case c.Shares < 0 || c.Threshold < 0 || c.StoredShares < 0:
		return errors.New("shares, threshold and stored shares cannot be negative")
	}
	for _, k := range c.PGPKeys {
		bin, err := base64.StdEncoding.DecodeString(k)
		if err != nil {
			return fmt.Errorf("error decoding given PGP key: %w", err)
		}
		if checkKey == nil {
			continue
		}
		if err := checkKey(bin); err != nil {
			return fmt.Errorf("error parsing given PGP key: %w", err)
		}
	}
	return nil
}
