package hsm

import (
	"cmp"
	"context"
	"errors"

	"conclave/hsm/secret"
	"conclave/hsm/worker"
)

// try runs f with the logged-in worker and explains its error. What a session
// or a handle that ended in the meantime causes is tried once more: the worker
// takes a new session then, and f finds its keys again. ref is the key that an
// error is about.
func (t *Token) try(ctx context.Context, ref string, f func(*worker.Client) error) error {
	return t.tryAs(ctx, ref, "", f)
}

// tryAs is try for a blob that names its mechanism.
func (t *Token) tryAs(ctx context.Context, ref, mechanism string, f func(*worker.Client) error) error {
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
	c.Mechanism = cmp.Or(mechanism, c.Mechanism)
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

// Wrap encrypts with the configured key and mechanism, or with the one that was
// chosen: at the first time, if SelfTest has not done it.
func (t *Token) Wrap(ctx context.Context, plaintext secret.Bytes) ([]byte, error) {
	if plaintext.Len() == 0 {
		return nil, errors.New("wrapping with the HSM: there is nothing to wrap")
	}
	var out []byte
	err := t.try(ctx, t.ref(), func(w *worker.Client) error {
		k, err := t.configuredKey(ctx, w)
		if err != nil {
			return err
		}
		m, err := t.settle(ctx, w, k)
		if err != nil {
			return err
		}
		out, err = t.wrap(ctx, w, k, m, plaintext)
		return err
	})
	return out, err
}

func (t *Token) configuredKey(ctx context.Context, w *worker.Client) (key, error) {
	label, id, err := t.configured()
	if err != nil {
		return key{}, err
	}
	return t.key(ctx, w, label, id)
}

func (t *Token) wrap(ctx context.Context, w *worker.Client, k key, m uint, plaintext secret.Bytes) (_ []byte, err error) {
	var b blob
	switch {
	case m == worker.MechanismRSAOAEP:
		b, err = t.wrapRSA(ctx, w, k, plaintext)
	case needsMAC(m):
		b, err = t.wrapCBC(ctx, w, k, m, plaintext)
	default:
		b, err = t.wrapGCM(ctx, w, k, plaintext)
	}
	if err != nil {
		return nil, err
	}
	b.ref = t.ref()
	return b.marshal()
}

// Unwrap decrypts a blob with the key and the mechanism that it names. The
// caller owns the result.
func (t *Token) Unwrap(ctx context.Context, data []byte) (secret.Bytes, error) {
	b, err := parseBlob(data)
	if err != nil {
		return secret.Bytes{}, err
	}
	var plain secret.Bytes
	err = t.tryAs(ctx, b.ref, mechanismName(b.mechanism), func(w *worker.Client) error {
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
	if err := fits(b.mechanism, k.kind); err != nil {
		return secret.Bytes{}, err
	}
	switch {
	case b.mechanism == worker.MechanismRSAOAEP:
		return t.unwrapRSA(ctx, w, k, b)
	case needsMAC(b.mechanism):
		return t.unwrapCBC(ctx, w, k, b)
	}
	return t.unwrapGCM(ctx, w, k, b)
}
