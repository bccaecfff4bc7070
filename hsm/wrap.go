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

// try runs f with the logged-in worker and explains its error. What a session
// or a handle that ended in the meantime causes is tried once more: the worker
// takes a new session then, and f finds its keys again. ref is the key that an
// error is about.
func (t *Token) try(ctx context.Context, ref string, f func(*worker.Client) error) error {
	t.turn.RLock()
	defer t.turn.RUnlock()
	w, err := t.session(ctx)
	if err != nil {
		return err
	}
	err = f(w)
	if passing(err) {
		err = f(w)
	}
	c := t.context()
	c.KeyLabel, c.KeyID = cutRef(ref)
	return t.check(w, explain(err, t.cfg.Timeout, c))
}

// passing tells the errors that a new session or a new search heals.
func passing(err error) bool {
	const (
		keyHandleInvalid     = 0x60
		objectHandleInvalid  = 0x82
		operationActive      = 0x90
		sessionClosed        = 0xB0
		sessionHandleInvalid = 0xB3
	)
	if errors.Is(err, worker.ErrStale) {
		return true
	}
	var f *worker.Fault
	if !errors.As(err, &f) {
		return false
	}
	switch f.Code {
	case keyHandleInvalid, objectHandleInvalid, operationActive, sessionClosed, sessionHandleInvalid:
		return true
	}
	return false
}

// Wrap encrypts with the configured key.
func (t *Token) Wrap(ctx context.Context, plaintext secret.Bytes) ([]byte, error) {
	if plaintext.Len() == 0 {
		return nil, errors.New("wrapping with the HSM: there is nothing to wrap")
	}
	var out []byte
	err := t.try(ctx, t.ref(), func(w *worker.Client) error {
		label, id, err := t.configured()
		if err != nil {
			return err
		}
		k, err := t.key(ctx, w, label, id)
		if err != nil {
			return err
		}
		b, err := t.wrap(ctx, w, k, plaintext)
		if err != nil {
			return err
		}
		b.ref = t.ref()
		out, err = b.marshal()
		return err
	})
	return out, err
}

func (t *Token) wrap(ctx context.Context, w *worker.Client, k key, plaintext secret.Bytes) (blob, error) {
	asked, err := mechanismNumber(t.cfg.Mechanism)
	if err != nil {
		return blob{}, err
	}
	b := blob{}
	if b.mechanism, err = choose(asked, k.kind); err != nil {
		return blob{}, err
	}
	if b.mechanism == worker.MechanismRSAOAEP {
		b.ciphertext, err = t.wrapRSA(ctx, w, k, plaintext)
		return b, err
	}
	nonce := make([]byte, nonceSize)
	_, _ = rand.Read(nonce) // never fails
	out, used, err := w.Encrypt(ctx, t.cfg.Timeout, k.use, gcm(nonce), plaintext)
	t.count("C_Encrypt", k.name, err)
	if err != nil {
		return blob{}, err
	}
	b.ciphertext, b.nonce, err = gcmParts(out, used, plaintext.Len())
	return b, err
}

// wrapRSA encrypts in the token, or with the public key here where the token
// does not encrypt with one. Both give the same.
func (t *Token) wrapRSA(ctx context.Context, w *worker.Client, k key, plaintext secret.Bytes) ([]byte, error) {
	h, err := oaep(t.cfg.OAEPHash)
	if err != nil {
		return nil, err
	}
	out, _, err := w.Encrypt(ctx, t.cfg.Timeout, k.public, h.mechanism(), plaintext)
	t.count("C_Encrypt", k.name, err)
	var f *worker.Fault
	const notSupported, notPermitted = 0x54, 0x68
	if errors.As(err, &f) && (f.Code == notSupported || f.Code == notPermitted) {
		return t.wrapRSAHere(ctx, w, k, h, plaintext)
	}
	return out, err
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

// Unwrap decrypts a blob with the key that it names. The caller owns the
// result.
func (t *Token) Unwrap(ctx context.Context, data []byte) (secret.Bytes, error) {
	b, err := parseBlob(data)
	if err != nil {
		return secret.Bytes{}, err
	}
	var plain secret.Bytes
	err = t.try(ctx, b.ref, func(w *worker.Client) error {
		k, err := t.key(ctx, w, b.label, b.id)
		if err != nil {
			return err
		}
		plain, err = t.unwrap(ctx, w, k, b)
		return err
	})
	return plain, err
}

func (t *Token) unwrap(ctx context.Context, w *worker.Client, k key, b blob) (secret.Bytes, error) {
	asked := b.mechanism
	if asked == 0 {
		var err error
		if asked, err = mechanismNumber(t.cfg.Mechanism); err != nil {
			return secret.Bytes{}, err
		}
	}
	m, err := choose(asked, k.kind)
	if err != nil {
		return secret.Bytes{}, err
	}
	if m == worker.MechanismRSAOAEP {
		h, err := oaep(t.cfg.OAEPHash)
		if err != nil {
			return secret.Bytes{}, err
		}
		plain, err := w.Decrypt(ctx, t.cfg.Timeout, k.use, h.mechanism(), b.ciphertext)
		t.count("C_Decrypt", k.name, err)
		return plain, err
	}
	if err := checkNonce(b.nonce); err != nil {
		return secret.Bytes{}, fmt.Errorf("%w: %w", ErrBlob, err)
	}
	if len(b.ciphertext) <= tagSize {
		return secret.Bytes{}, fmt.Errorf("%w: its ciphertext is shorter than a tag", ErrBlob)
	}
	plain, err := w.Decrypt(ctx, t.cfg.Timeout, k.use, gcm(b.nonce), b.ciphertext)
	t.count("C_Decrypt", k.name, err)
	if err == nil && plain.Len() != len(b.ciphertext)-tagSize {
		plain.Wipe()
		return secret.Bytes{}, errors.New("the token opened the sealed data to a wrong size: its library cannot be used")
	}
	return plain, err
}
