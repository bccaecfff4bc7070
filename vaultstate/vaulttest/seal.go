// Package vaulttest has what tests of vaults need: a disk that loses its power,
// a seal in memory, and a suite that every vault must pass.
package vaulttest

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"fmt"
	"sync/atomic"

	"conclave/hsm"
	"conclave/hsm/secret"
)

// Seal wraps with AES-256-GCM and a key of its own, in memory: for tests that
// wrap thousands of times, or without a token. A blob is its magic, the nonce
// and the ciphertext.
type Seal struct {
	aead cipher.AEAD
	// Err, if set, is what every call fails with.
	Err error
	// Ref is how it names its key.
	Ref string
	// Calls counts Wrap and Unwrap.
	Calls atomic.Int64
}

const sealMagic = "conclave test seal\x00"

// NewSeal makes a seal with a random key.
func NewSeal() *Seal {
	var key [32]byte
	_, _ = rand.Read(key[:]) // never fails
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic("vaulttest: a 32-byte key was refused")
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic("vaulttest: GCM was refused")
	}
	return &Seal{aead: aead, Ref: "test:01"}
}

// Wrap encrypts.
func (s *Seal) Wrap(_ context.Context, plaintext secret.Bytes) ([]byte, error) {
	s.Calls.Add(1)
	if s.Err != nil {
		return nil, s.Err
	}
	nonce := make([]byte, s.aead.NonceSize())
	_, _ = rand.Read(nonce) // never fails
	blob := append([]byte(sealMagic), nonce...)
	return s.aead.Seal(blob, nonce, plaintext.Expose(), nil), nil
}

// Unwrap decrypts what Wrap made.
func (s *Seal) Unwrap(_ context.Context, blob []byte) (secret.Bytes, error) {
	s.Calls.Add(1)
	if s.Err != nil {
		return secret.Bytes{}, s.Err
	}
	rest, ok := bytes.CutPrefix(blob, []byte(sealMagic))
	if !ok || len(rest) < s.aead.NonceSize() {
		return secret.Bytes{}, fmt.Errorf("unwrapping: %w", hsm.ErrWrongKey)
	}
	n := s.aead.NonceSize()
	plain, err := s.aead.Open(nil, rest[:n], rest[n:], nil)
	if err != nil {
		return secret.Bytes{}, fmt.Errorf("unwrapping: %w", hsm.ErrWrongKey)
	}
	return secret.Take(plain), nil
}

// Describe names the key.
func (s *Seal) Describe(blob []byte) (hsm.KeyRef, error) {
	if !bytes.HasPrefix(blob, []byte(sealMagic)) {
		return hsm.KeyRef{}, fmt.Errorf("describing a blob: %w", hsm.ErrWrongKey)
	}
	return hsm.KeyRef{KeyID: s.Ref, Mechanism: "CKM_AES_GCM"}, nil
}
