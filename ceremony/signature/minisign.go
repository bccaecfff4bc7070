package signature

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/blake2b"

	"conclave/assets/clean"
)

// minisignKey is a public key: the bytes Ed, an id, an Ed25519 key.
type minisignKey struct {
	id      [8]byte
	key     ed25519.PublicKey
	comment string
}

func parseMinisignKey(data []byte) (minisignKey, error) {
	lines := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
	wrong := errors.New("it is no public key of minisign")
	if len(lines) != 2 {
		return minisignKey{}, wrong
	}
	b, err := base64.StdEncoding.Strict().DecodeString(lines[1])
	if err != nil || len(b) != 2+8+ed25519.PublicKeySize || string(b[:2]) != "Ed" {
		return minisignKey{}, wrong
	}
	comment := strings.TrimSpace(strings.TrimPrefix(lines[0], "untrusted comment:"))
	return minisignKey{id: [8]byte(b[2:10]), key: b[10:], comment: clean.Clean(comment)}, nil
}

// checkMinisign checks both signatures of a file: over the message, and over
// the first with the trusted comment.
func (t *Trust) checkMinisign(message, data []byte) (Result, error) {
	wrong := errors.New("it is no signature as minisign writes it")
	lines := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
	if len(lines) != 4 {
		return Result{}, wrong
	}
	sig, err := base64.StdEncoding.Strict().DecodeString(lines[1])
	comment, ok := strings.CutPrefix(lines[2], "trusted comment: ")
	global, err2 := base64.StdEncoding.Strict().DecodeString(lines[3])
	if err != nil || err2 != nil || !ok || len(sig) != 2+8+ed25519.SignatureSize || len(global) != ed25519.SignatureSize {
		return Result{}, wrong
	}
	switch string(sig[:2]) {
	case "Ed":
	case "ED":
		sum := blake2b.Sum512(message)
		message = sum[:]
	default:
		return Result{}, wrong
	}
	// minisign shows ids as little-endian numbers.
	r := Result{Kind: Minisign, Key: fmt.Sprintf("%016X", reversed(sig[2:10]))}
	for _, k := range t.minisign {
		if !bytes.Equal(k.id[:], sig[2:10]) {
			continue
		}
		if !ed25519.Verify(k.key, message, sig[10:]) || !ed25519.Verify(k.key, append(bytes.Clone(sig[10:]), comment...), global) {
			return r, ErrWrong
		}
		r.Who, r.Trusted, r.Checked = k.comment, true, true
		return r, nil
	}
	return r, nil
}

func reversed(b []byte) []byte {
	out := make([]byte, 0, len(b))
	for i := len(b) - 1; i >= 0; i-- {
		out = append(out, b[i])
	}
	return out
}
