package hsm

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"math/big"

	"conclave/hsm/secret"
	"conclave/hsm/worker"
)

func (h oaepHash) mechanism(k key) worker.Mechanism {
	return worker.Mechanism{Type: worker.MechanismRSAOAEP, Hash: h.number, MGF: h.mgf, Size: k.size}
}

// wrapRSA encrypts in the token or with the public key here, as configured; by
// default here where the token does not encrypt with one. Both give the same.
func (t *Token) wrapRSA(ctx context.Context, w *worker.Client, k key, plaintext secret.Bytes) (blob, error) {
	h, err := oaep(t.cfg.OAEPHash)
	if err != nil {
		return blob{}, err
	}
	b := blob{mechanism: worker.MechanismRSAOAEP}
	if t.cfg.RSAEncrypt == EncryptLocally {
		b.ciphertext, err = t.wrapRSAHere(ctx, w, k, h, plaintext)
		return b, err
	}
	b.ciphertext, _, err = w.Encrypt(ctx, t.cfg.Timeout, k.public, h.mechanism(k), plaintext)
	t.count("C_Encrypt", k.name, err)
	var f *worker.Fault
	const notSupported, notPermitted = 0x54, 0x68
	if t.cfg.RSAEncrypt == "" && errors.As(err, &f) && (f.Code == notSupported || f.Code == notPermitted) {
		b.ciphertext, err = t.wrapRSAHere(ctx, w, k, h, plaintext)
	}
	if err == nil && len(b.ciphertext) != k.size {
		err = &unfitError{fmt.Sprintf("the token returned %d bytes for RSA with a key of %d", len(b.ciphertext), k.size)}
	}
	return b, err
}

func (t *Token) wrapRSAHere(ctx context.Context, w *worker.Client, k key, h oaepHash, plaintext secret.Bytes) ([]byte, error) {
	a, err := w.Attributes(ctx, t.cfg.Timeout, k.public, worker.AttrModulus, worker.AttrPublicExponent)
	if err != nil {
		return nil, err
	}
	e := new(big.Int).SetBytes(a[worker.AttrPublicExponent])
	if !e.IsInt64() || e.Int64() > 1<<31-1 {
		return nil, errors.New("the token's public key has no usable exponent")
	}
	pub := &rsa.PublicKey{N: new(big.Int).SetBytes(a[worker.AttrModulus]), E: int(e.Int64())}
	var out []byte
	secret.Do(func() {
		out, err = rsa.EncryptOAEP(h.local(), rand.Reader, pub, plaintext.Expose(), nil)
	})
	if err != nil {
		return nil, fmt.Errorf("encrypting with the token's public key: %w", err)
	}
	return out, nil
}

func (t *Token) unwrapRSA(ctx context.Context, w *worker.Client, k key, b blob) (secret.Bytes, error) {
	h, err := oaep(t.cfg.OAEPHash)
	if err != nil {
		return secret.Bytes{}, err
	}
	if len(b.ciphertext) != k.size {
		return secret.Bytes{}, fmt.Errorf("%w: it has %d bytes and the RSA key makes %d", ErrWrongKey, len(b.ciphertext), k.size)
	}
	plain, err := w.Decrypt(ctx, t.cfg.Timeout, k.use, h.mechanism(k), b.ciphertext)
	t.count("C_Decrypt", k.name, err)
	if err == nil && (plain.Len() == 0 || plain.Len() > k.size) {
		plain.Wipe()
		return secret.Bytes{}, errWrongSize
	}
	return plain, err
}
