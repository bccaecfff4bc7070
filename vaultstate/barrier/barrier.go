// Package barrier reads and writes what an OpenBao or Vault server keeps behind
// its barrier, and the few plain entries beside it: barrier records, the
// keyring, the copy of the root key, seal configurations, the stored root key,
// the salt and the entries of a root token, and the mount table. Bytes in,
// bytes out: it knows no file, no HSM and no clock.
//
// A barrier record is
//
//	offset  size  meaning
//	0       4     term, big-endian: which key of the keyring
//	4       1     version: 2 (1 is read, too: the same without additional data)
//	5       12    random nonce
//	17      n+16  AES-256-GCM ciphertext and tag; additional data: the path
//
// The path is the entry's full key ("core/keyring"), so a record cannot be
// moved to another place. core/keyring alone is sealed with the root key, and
// always says term 1; everything else is sealed with a key of the keyring.
//
// It promises:
//   - what it writes, OpenBao 2.5 reads (TestFixtures re-encodes what OpenBao
//     wrote, byte by byte);
//   - JSON members that it does not know survive a rewrite, on every level;
//   - every change of one byte and every truncation of a record is refused
//     (TestEveryChangeIsRefused);
//   - what holds key material has one reading only: a member that is there
//     twice, or in another case than the servers write, is refused;
//   - keys stay in secret.Bytes. They are decoded from and encoded to locked
//     memory by a scanner of our own (json.go), inside secret.Do: no string, no
//     copy in the heap but what AES itself keeps.
//
// It does not promise that a state is complete or fits together: that is
// vaultstate/local's.
//
// What is malformed is vaultstate.ErrCorrupt; a record that does not open with
// the key it was given is ErrOpen.
package barrier

import (
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"

	"conclave/hsm/secret"
)

// The entries' paths.
const (
	KeyringPath        = "core/keyring"
	RootKeyPath        = "core/root-key" // OpenBao from 2.3
	MasterPath         = "core/master"   // Vault, older OpenBao
	SealConfigPath     = "core/seal-config"
	RecoveryConfigPath = "core/recovery-config"
	StoredKeysPath     = "core/hsm/barrier-unseal-keys"
	RecoveryKeyPath    = "core/recovery-key"
	MountsPath         = "core/mounts"
	AuthPath           = "core/auth"
	SaltPath           = "sys/token/salt"
)

// KeySize is the length of a root key, a recovery key and every key of the
// keyring.
const KeySize = 32

const (
	version1  = 1 // no additional data: read only
	version2  = 2
	nonceSize = 12
	tagSize   = 16
	headSize  = 4 + 1 + nonceSize
)

// ErrOpen says that a record does not open with this key at this path.
var ErrOpen = errors.New("the record does not open with this key at this path")

// Seal encrypts plaintext as the record of path under the key of term.
func Seal(key secret.Bytes, term uint32, path string, plaintext secret.Bytes) ([]byte, error) {
	record := make([]byte, headSize, headSize+plaintext.Len()+tagSize)
	binary.BigEndian.PutUint32(record, term)
	record[4] = version2
	// crypto/rand.Read never fails: it crashes the program instead.
	_, _ = rand.Read(record[5:headSize])
	err := withCipher(key, func(c cipher.AEAD) error {
		record = c.Seal(record, record[5:headSize], plaintext.Expose(), []byte(path))
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("sealing %s: %w", path, err)
	}
	return record, nil
}

// Open decrypts the record of path. key is asked for the key of the record's
// term (see Keyring.Key); the key stays its owner's. The caller wipes the
// plaintext.
func Open(record []byte, path string, key func(term uint32) (secret.Bytes, error)) (secret.Bytes, error) {
	aad, err := additional(record, path)
	if err != nil {
		return secret.Bytes{}, err
	}
	k, err := key(Term(record))
	if err != nil {
		return secret.Bytes{}, fmt.Errorf("opening %s: %w", path, err)
	}
	plain := secret.New(len(record) - headSize - tagSize)
	err = withCipher(k, func(c cipher.AEAD) error {
		// Open writes in place: into the locked memory of plain.
		if _, err := c.Open(plain.Expose()[:0], record[5:headSize], record[headSize:], aad); err != nil {
			return ErrOpen
		}
		return nil
	})
	if err != nil {
		plain.Wipe()
		return secret.Bytes{}, fmt.Errorf("opening %s: %w", path, err)
	}
	return plain, nil
}

// Term is the term in a record's header, 0 if there is no header.
func Term(record []byte) uint32 {
	if len(record) < headSize {
		return 0
	}
	return binary.BigEndian.Uint32(record)
}

// withCipher calls f with the cipher of key inside secret.Do: AES keeps the key
// in its schedule.
func withCipher(key secret.Bytes, f func(cipher.AEAD) error) (err error) {
	secret.Do(func() {
		var c cipher.AEAD
		if c, err = newCipher(key); err != nil {
			return
		}
		err = f(c)
	})
	return err
}
