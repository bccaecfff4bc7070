package hsm

import (
	"crypto/sha1" //nolint:gosec // as the mask of OAEP; SoftHSM can do no other
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"hash"
	"strconv"
	"strings"

	"conclave/hsm/worker"
)

// The names under which a blob, a record and a configuration know mechanisms.
const (
	AESGCM    = "CKM_AES_GCM"
	AESCBCPad = "CKM_AES_CBC_PAD"
	AESCBC    = "CKM_AES_CBC"
	RSAOAEP   = "CKM_RSA_PKCS_OAEP"
)

// mechanisms are those that this package uses. The symmetric ones stand in the
// order in which they are chosen.
var mechanisms = []struct {
	number, key uint
	name        string
}{
	{worker.MechanismAESGCM, worker.KeyTypeAES, AESGCM},
	{worker.MechanismAESCBCPad, worker.KeyTypeAES, AESCBCPad},
	{worker.MechanismAESCBC, worker.KeyTypeAES, AESCBC},
	{worker.MechanismRSAOAEP, worker.KeyTypeRSA, RSAOAEP},
}

const refusePKCS1 = "RSA with the padding of PKCS#1 v1.5 (CKM_RSA_PKCS) is refused: whoever sees whether the HSM opens changed data learns what is sealed. Use AES, or CKM_RSA_PKCS_OAEP"

// mechanismNumber is the configured mechanism, 0 if none is. It is written as the
// servers take it: with or without CKM_, or as a number.
func mechanismNumber(text string) (uint, error) {
	name := strings.ToUpper(strings.TrimSpace(text))
	if name == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(strings.ToLower(name), 0, 32)
	if err != nil {
		n = 0
	}
	if name = "CKM_" + strings.TrimPrefix(name, "CKM_"); name == "CKM_RSA_PKCS" || n == worker.MechanismRSAPKCS {
		return 0, fmt.Errorf("%w: %s", ErrMechanism, refusePKCS1)
	}
	var names []string
	for _, m := range mechanisms {
		if name == m.name || n == uint64(m.number) {
			return m.number, nil
		}
		names = append(names, m.name)
	}
	return 0, fmt.Errorf("%w: mechanism %q is none of %s", ErrMechanism, text, strings.Join(names, ", "))
}

// CheckMechanism refuses a mechanism, a hash or a place to encrypt that this
// package does not know or does not use, before a token is asked.
func CheckMechanism(c Config) error {
	if _, err := mechanismNumber(c.Mechanism); err != nil {
		return err
	}
	if _, err := oaep(c.OAEPHash); err != nil {
		return err
	}
	return c.checkMAC()
}

// Unauthentic tells whether the configured mechanism authenticates nothing.
func (c Config) Unauthentic() bool {
	m, err := mechanismNumber(c.Mechanism)
	return err == nil && m == worker.MechanismRSAOAEP
}

func mechanismName(m uint) string {
	for _, known := range mechanisms {
		if known.number == m {
			return known.name
		}
	}
	if m == 0 {
		return ""
	}
	return fmt.Sprintf("0x%04X", m)
}

// needsMAC tells whether a mechanism is authenticated by an HMAC beside it.
func needsMAC(m uint) bool {
	return m == worker.MechanismAESCBC || m == worker.MechanismAESCBCPad
}

// fits refuses a key that is not of the mechanism's type.
func fits(m, keyType uint) error {
	types := map[uint]bool{}
	for _, known := range mechanisms {
		types[known.key] = true
		if known.number == m && known.key == keyType {
			return nil
		}
	}
	if !types[keyType] {
		return fmt.Errorf("the key is neither an AES nor an RSA key (CKA_KEY_TYPE 0x%X)", keyType)
	}
	return fmt.Errorf("the key is of the wrong type for %s", mechanismName(m))
}

// oaepHash is a hash for RSA-OAEP: the mask function uses the same.
type oaepHash struct {
	name        string
	number, mgf uint
	local       func() hash.Hash
}

var oaepHashes = []oaepHash{
	{"sha256", 0x250, 2, sha256.New},
	{"sha1", 0x220, 1, sha1.New},
	{"sha224", 0x255, 5, sha256.New224},
	{"sha384", 0x260, 3, sha512.New384},
	{"sha512", 0x270, 4, sha512.New},
}

// oaep is the configured hash for RSA-OAEP, SHA-256 if none is.
func oaep(name string) (oaepHash, error) {
	n := strings.ToLower(strings.ReplaceAll(name, "-", ""))
	for _, h := range oaepHashes {
		if h.name == n || n == "" {
			return h, nil
		}
	}
	return oaepHash{}, fmt.Errorf("%w: the hash %q for RSA-OAEP is not one of sha1, sha224, sha256, sha384, sha512", ErrMechanism, name)
}
