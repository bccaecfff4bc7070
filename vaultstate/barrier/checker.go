package barrier

import (
	"crypto/aes"
	"crypto/cipher"
	"fmt"

	"conclave/hsm/secret"
	"conclave/vaultstate"
)

// Checker opens many records to see that they open, without handing out what is in
// them. It makes the cipher of each term once, and has one plaintext at a time, in
// locked memory. It is made, used and wiped inside one secret.Do: its ciphers are
// copies of the keys. It is not for several goroutines.
type Checker struct {
	keys    *Keyring
	ciphers map[uint32]cipher.AEAD
	plain   secret.Bytes
}

// NewChecker is for the keys of k, which stay the keyring's.
func NewChecker(k *Keyring) *Checker {
	return &Checker{keys: k, ciphers: map[uint32]cipher.AEAD{}, plain: secret.New(64 << 10)}
}

// Check is nil if Open would open the record of path.
func (c *Checker) Check(record []byte, path string) error {
	aad, err := additional(record, path)
	if err != nil {
		return err
	}
	term := Term(record)
	gcm := c.ciphers[term]
	if gcm == nil {
		key, err := c.keys.Key(term)
		if err != nil {
			return fmt.Errorf("opening %s: %w", path, err)
		}
		if gcm, err = newCipher(key); err != nil {
			return fmt.Errorf("opening %s: %w", path, err)
		}
		c.ciphers[term] = gcm
	}
	if n := len(record) - headSize - tagSize; n > c.plain.Len() {
		c.plain.Wipe()
		c.plain = secret.New(n)
	}
	if _, err := gcm.Open(c.plain.Expose()[:0], record[5:headSize], record[headSize:], aad); err != nil {
		return fmt.Errorf("opening %s: %w", path, ErrOpen)
	}
	return nil
}

// Wipe wipes the last plaintext.
func (c *Checker) Wipe() { c.plain.Wipe() }

// additional is the additional data of a record, by its version.
func additional(record []byte, path string) ([]byte, error) {
	if len(record) < headSize+tagSize {
		return nil, fmt.Errorf("opening %s: %w: the record is too short", path, vaultstate.ErrCorrupt)
	}
	switch record[4] {
	case version1:
		return nil, nil
	case version2:
		return []byte(path), nil
	}
	return nil, fmt.Errorf("opening %s: %w: version bytes mis-match", path, vaultstate.ErrCorrupt)
}

func newCipher(key secret.Bytes) (cipher.AEAD, error) {
	if key.Len() != KeySize {
		return nil, fmt.Errorf("%w: a key has the wrong size", vaultstate.ErrCorrupt)
	}
	block, err := aes.NewCipher(key.Expose())
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}
