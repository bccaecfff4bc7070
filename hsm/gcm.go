package hsm

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"conclave/hsm/secret"
	"conclave/hsm/worker"
)

const (
	nonceSize = 12
	tagSize   = 16
)

func gcm(nonce []byte) worker.Mechanism {
	return worker.Mechanism{Type: worker.MechanismAESGCM, IV: nonce}
}

func (t *Token) wrapGCM(ctx context.Context, w *worker.Client, k key, plaintext secret.Bytes) (blob, error) {
	nonce := make([]byte, nonceSize)
	_, _ = rand.Read(nonce) // never fails
	out, used, err := w.Encrypt(ctx, t.cfg.Timeout, k.use, gcm(nonce), plaintext)
	t.count("C_Encrypt", k.name, err)
	if err != nil {
		return blob{}, err
	}
	b := blob{mechanism: worker.MechanismAESGCM}
	if b.ciphertext, b.nonce, err = gcmParts(out, used, plaintext.Len()); err != nil {
		return blob{}, err
	}
	if string(b.nonce) != string(nonce) && t.seen(b.nonce) {
		return blob{}, &unfitError{"the token used a nonce of its own twice: AES-GCM with this token is broken"}
	}
	return b, nil
}

// seen remembers the nonces that the token chose itself, and tells whether one
// was used before.
func (t *Token) seen(nonce []byte) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.nonces == nil {
		t.nonces = map[string]bool{}
	}
	was := t.nonces[string(nonce)]
	t.nonces[string(nonce)] = true
	return was
}

func (t *Token) unwrapGCM(ctx context.Context, w *worker.Client, k key, b blob) (secret.Bytes, error) {
	plain, err := w.Decrypt(ctx, t.cfg.Timeout, k.use, gcm(b.nonce), b.ciphertext)
	t.count("C_Decrypt", k.name, err)
	if err == nil && plain.Len() != len(b.ciphertext)-tagSize {
		plain.Wipe()
		return secret.Bytes{}, errWrongSize
	}
	return plain, err
}

var errWrongSize = &unfitError{"the token opened the sealed data to a wrong size: its library cannot be used"}

// gcmParts checks what AES-GCM returned for n bytes of plaintext: some tokens
// append the nonce that they chose (CloudHSM), some write it into the
// parameters, the rest use ours.
func gcmParts(out, nonce []byte, n int) (ciphertext, used []byte, err error) {
	switch len(out) {
	case n + tagSize:
	case n + tagSize + nonceSize:
		out, nonce = out[:n+tagSize], out[n+tagSize:]
	default:
		return nil, nil, &unfitError{fmt.Sprintf("the token returned %d bytes for an AES-GCM of %d: not a ciphertext with a tag of 16", len(out), n)}
	}
	if err := checkNonce(nonce); err != nil {
		return nil, nil, &unfitError{err.Error()}
	}
	return out, nonce, nil
}

func checkNonce(nonce []byte) error {
	if len(nonce) != nonceSize {
		return fmt.Errorf("an AES-GCM nonce of %d bytes instead of %d", len(nonce), nonceSize)
	}
	if zeros(nonce) {
		return errors.New("an AES-GCM nonce of zeros: the token did not set one")
	}
	return nil
}

func zeros(b []byte) bool {
	for _, x := range b {
		if x != 0 {
			return false
		}
	}
	return true
}
