package transcript

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
)

// Head names a transcript: how many events it has and the SHA-256 of its last
// line with the newline. Since every line holds the hash of the one before, it
// pins them all.
type Head struct {
	Count  uint64
	SHA256 [sha256.Size]byte
}

// String is the hash in hex, as `tail -n1 transcript.jsonl | sha256sum` gives it.
func (h Head) String() string { return hex.EncodeToString(h.SHA256[:]) }

var errHead = errors.New("a head is 64 hexadecimal digits, or its 32 words")
