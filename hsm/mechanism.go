package hsm

import (
	"crypto/sha1" //nolint:gosec // as the mask of OAEP; SoftHSM can do no other
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"hash"
	"strings"

	"conclave/hsm/worker"
)

// mechanismNames are what a server's configuration may say. The servers' older
// mechanisms (CBC, PKCS#1 v1.5) are refused, as OpenBao refuses them.
var mechanismNames = map[string]uint{
	"":            0,
	"CKM_AES_GCM": worker.MechanismAESGCM, "AES_GCM": worker.MechanismAESGCM, "0X1087": worker.MechanismAESGCM,
	"CKM_RSA_PKCS_OAEP": worker.MechanismRSAOAEP, "RSA_PKCS_OAEP": worker.MechanismRSAOAEP, "0X0009": worker.MechanismRSAOAEP, "0X9": worker.MechanismRSAOAEP,
}

// mechanismNumber is the configured mechanism, 0 if none is.
func mechanismNumber(name string) (uint, error) {
	m, ok := mechanismNames[strings.ToUpper(strings.TrimSpace(name))]
	if !ok {
		return 0, fmt.Errorf("mechanism %q is not one that this program uses: CKM_AES_GCM or CKM_RSA_PKCS_OAEP", name)
	}
	return m, nil
}

func mechanismName(m uint) string {
	switch m {
	case worker.MechanismAESGCM:
		return "CKM_AES_GCM"
	case worker.MechanismRSAOAEP:
		return "CKM_RSA_PKCS_OAEP"
	case 0:
		return ""
	}
	return fmt.Sprintf("0x%04X", m)
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
	return oaepHash{}, fmt.Errorf("the hash %q for RSA-OAEP is not one of sha1, sha224, sha256, sha384, sha512", name)
}

// choose is the mechanism to use with a key: what asked says, else what the
// key's type means, as the server does it.
func choose(asked, keyType uint) (uint, error) {
	byType := map[uint]uint{worker.KeyTypeAES: worker.MechanismAESGCM, worker.KeyTypeRSA: worker.MechanismRSAOAEP}[keyType]
	switch {
	case byType == 0:
		return 0, fmt.Errorf("the key is neither an AES nor an RSA key (CKA_KEY_TYPE 0x%X)", keyType)
	case asked != 0 && asked != byType:
		return 0, fmt.Errorf("the key is of the wrong type for %s", mechanismName(asked))
	}
	return byType, nil
}
