package barrier

import (
	"fmt"

	"conclave/hsm/secret"
	"conclave/vaultstate"
)

// keyringTerm stands in the header of core/keyring and in the key object of
// the root key, whatever term is active.
const keyringTerm = 1

// SealKeyring is the record of core/keyring.
func SealKeyring(k *Keyring) ([]byte, error) {
	plain, err := k.Encode()
	if err != nil {
		return nil, err
	}
	defer plain.Wipe()
	return Seal(k.root, keyringTerm, KeyringPath, plain)
}

// OpenKeyring opens the record of core/keyring with the root key and checks
// that the keyring names the same one. A root key that does not fit is ErrOpen.
func OpenKeyring(record []byte, root secret.Bytes) (*Keyring, error) {
	plain, err := Open(record, KeyringPath, func(term uint32) (secret.Bytes, error) {
		if term != keyringTerm {
			return secret.Bytes{}, corrupt("term mis-match")
		}
		return root, nil
	})
	if err != nil {
		return nil, err
	}
	defer plain.Wipe()
	k, err := ParseKeyring(plain)
	if err != nil {
		return nil, err
	}
	if !k.root.Equal(root) {
		k.Wipe()
		return nil, fmt.Errorf("reading the keyring: %w: it names another root key than the one that opens it", vaultstate.ErrCorrupt)
	}
	return k, nil
}

// SealRootKey is the record of the copy of the root key at path: RootKeyPath or
// MasterPath. It is sealed under the active term.
func SealRootKey(k *Keyring, path string) ([]byte, error) {
	plain, err := EncodeKeyObject(k.root)
	if err != nil {
		return nil, err
	}
	defer plain.Wipe()
	key, err := k.Key(k.Active())
	if err != nil {
		return nil, err
	}
	return Seal(key, k.Active(), path, plain)
}

// EncodeKeyObject is the plaintext of core/root-key and core/master. The caller
// wipes it.
func EncodeKeyObject(root secret.Bytes) (plain secret.Bytes, err error) {
	if root.Len() != KeySize {
		return secret.Bytes{}, fmt.Errorf("writing the root key: %w: it has the wrong size", vaultstate.ErrCorrupt)
	}
	secret.Do(func() {
		var t text
		o := &termKey{term: keyringTerm, value: root, installRaw: "0001-01-01T00:00:00Z"}
		o.write(&t)
		plain = t.done()
	})
	return plain, nil
}

// ParseKeyObject reads the plaintext of core/root-key or core/master. The
// caller wipes the key.
func ParseKeyObject(plain secret.Bytes) (root secret.Bytes, err error) {
	secret.Do(func() {
		var o *termKey
		if o, err = parseTermKey(plain.Expose()); err != nil {
			return
		}
		defer o.wipe()
		if o.term != keyringTerm {
			err = corrupt("term mis-match")
			return
		}
		root = o.value.Clone()
	})
	if err != nil {
		return secret.Bytes{}, fmt.Errorf("reading the copy of the root key: %w", err)
	}
	return root, nil
}

// EncodeStoredKeys is what the HSM encrypts for core/hsm/barrier-unseal-keys: a
// JSON array of one base64 string. The caller wipes it. (core/recovery-key
// holds the raw bytes of its key instead.)
func EncodeStoredKeys(root secret.Bytes) (plain secret.Bytes, err error) {
	if root.Len() != KeySize {
		return secret.Bytes{}, fmt.Errorf("writing the stored root key: %w: it has the wrong size", vaultstate.ErrCorrupt)
	}
	secret.Do(func() {
		var t text
		t.str("[")
		t.key(root)
		t.str("]")
		plain = t.done()
	})
	return plain, nil
}

// ParseStoredKeys reads what EncodeStoredKeys wrote. The caller wipes the key.
func ParseStoredKeys(plain secret.Bytes) (root secret.Bytes, err error) {
	secret.Do(func() {
		var list [][]byte
		if list, err = array(plain.Expose(), "the stored root key"); err != nil {
			return
		}
		if len(list) != 1 {
			err = corrupt("expected exactly one stored key")
			return
		}
		root, err = base64Key(list[0], "the stored root key")
	})
	if err != nil {
		return secret.Bytes{}, fmt.Errorf("reading the stored root key: %w", err)
	}
	return root, nil
}
