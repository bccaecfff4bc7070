package share

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"

	"conclave/assets/words"
	"conclave/hsm/secret"
)

// Set names one set of shares: 16 random bytes, made with the shares or when
// they are learned, and public.
type Set [16]byte

// NewSet returns the id of a new set.
func NewSet() Set {
	var s Set
	// crypto/rand.Read never fails: it crashes the program instead.
	_, _ = rand.Read(s[:])
	return s
}

// String is lower-case hex.
func (s Set) String() string { return hex.EncodeToString(s[:]) }

// ParseSet reads what String writes, and nothing else.
func ParseSet(text string) (Set, error) {
	var s Set
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != len(s) || hex.EncodeToString(b) != text {
		return Set{}, errors.New("reading a set id: it is 32 lower-case hexadecimal digits")
	}
	copy(s[:], b)
	return s, nil
}

// Fingerprint is SHA-256("conclave/share-fingerprint/v1" ‖ 0 ‖ set ‖ share). It
// may be published: 256 bits of a share are unknown. Never make one of a part.
func (s Set) Fingerprint(share secret.Bytes) [32]byte {
	var fp [32]byte
	secret.Do(func() {
		h := sha256.New()
		h.Write([]byte("conclave/share-fingerprint/v1\x00"))
		h.Write(s[:])
		h.Write(share.Expose())
		h.Sum(fp[:0])
	})
	return fp
}

// Words are the first eight bytes of a fingerprint as four pairs of PGP words,
// for two people to compare aloud.
func Words(fp [32]byte) []string { return words.Words(fp[:8]) }
