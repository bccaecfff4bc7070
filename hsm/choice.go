package hsm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"conclave/hsm/secret"
	"conclave/hsm/worker"
)

// A mechanism is configured, or it is the first symmetric one that passes the
// self-test with the key. What a token lists is not looked at: of five tokens
// that were measured four list something that does not work.

// unfitError is a mechanism that does not do what it must.
type unfitError struct{ text string }

func (e *unfitError) Error() string { return e.text }

// settle is the mechanism for a new blob.
func (t *Token) settle(ctx context.Context, w *worker.Client, k key) (uint, error) {
	m, err := t.settled()
	if err != nil {
		return 0, err
	}
	if m == 0 {
		m, _, err = t.choose(ctx, w, k)
		return m, err
	}
	if err := t.cfg.checkMAC(); err != nil {
		return 0, err
	}
	return m, fits(m, k.kind)
}

// settled is the configured mechanism, else the one that was chosen, else 0.
func (t *Token) settled() (uint, error) {
	m, err := mechanismNumber(t.cfg.Mechanism)
	if err != nil || m != 0 {
		return m, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.chosen, nil
}

// choose tries the mechanisms and remembers the first that passes. The reasons
// are why those before it did not.
func (t *Token) choose(ctx context.Context, w *worker.Client, k key) (uint, []string, error) {
	if k.kind == worker.KeyTypeRSA {
		return 0, nil, fmt.Errorf("%w: whoever can write the storage could replace what it seals, without the PIN. Use an AES key; or name the mechanism (%s), and accept that", ErrUnauthentic, RSAOAEP)
	}
	var reasons, brief []string
	for _, m := range mechanisms {
		if m.number == worker.MechanismRSAOAEP {
			continue
		}
		err := t.passes(ctx, w, k, m.number)
		switch {
		case err == nil:
			t.mu.Lock()
			defer t.mu.Unlock()
			t.chosen = m.number
			return m.number, reasons, nil
		case !unfit(err):
			return 0, reasons, err
		}
		c := t.context()
		c.Mechanism = m.name
		err = explain(err, t.cfg.Timeout, c)
		reasons = append(reasons, fmt.Sprintf("%s does not pass: %v", m.name, err))
		why := err.Error()
		if h, ok := errors.AsType[*Error](err); ok { // what the token answered, not what to do
			why = h.Call + " gave " + ckrText(h.Code)
		}
		brief = append(brief, m.name+": "+why)
	}
	return 0, reasons, fmt.Errorf("%w: %s", ErrNoMechanism, strings.Join(brief, "; "))
}

// unfit tells whether an error means that the token cannot do this, now or
// later; everything else says nothing of the mechanism.
func unfit(err error) bool {
	var u *unfitError
	if errors.As(err, &u) || errors.Is(err, ErrKeyNotFound) || errors.Is(err, ErrWrongKey) {
		return true
	}
	var f *worker.Fault
	if !errors.As(err, &f) {
		return false
	}
	begun := slices.Contains(slices.Concat(atInit, atEncrypt, atDecrypt, []string{"C_Sign"}), f.Call)
	switch f.Code {
	case 0x07, 0x20, 0x21, 0x40, 0x41, 0x54, 0x62, 0x63, 0x68, 0x70, 0x71, 0x150:
		return begun
	case 0x05, 0x06: // without a cause: of an operation that began it is the mechanism
		return slices.Contains(slices.Concat(atDecrypt, atEncrypt, []string{"C_Sign"}), f.Call)
	}
	return false
}

// probes are the lengths of what will be wrapped: the recovery key, and the root
// key as it is stored. A TPM's AES-CBC-PAD ends at 31 bytes.
var probes = []int{32, 48}

// passes wraps and unwraps, and wants what is changed to be refused. Wrapping
// alone would prove nothing: some tokens seal what they cannot open.
func (t *Token) passes(ctx context.Context, w *worker.Client, k key, m uint) error {
	if needsMAC(m) {
		if t.cfg.HMACKeyLabel == "" {
			return &unfitError{"no HMAC key is named"}
		}
		if err := t.cfg.checkMAC(); err != nil {
			return err
		}
	}
	for _, n := range probes {
		if err := t.probe(ctx, w, k, m, n); err != nil {
			return err
		}
	}
	return nil
}

func (t *Token) probe(ctx context.Context, w *worker.Client, k key, m uint, n int) error {
	plain := secret.Random(n)
	defer plain.Wipe()
	first, err := t.sealed(ctx, w, k, m, plain)
	if err != nil {
		return err
	}
	second, err := t.sealed(ctx, w, k, m, plain)
	if err != nil {
		return err
	}
	if bytes.Equal(first.ciphertext, second.ciphertext) || len(first.nonce) > 0 && bytes.Equal(first.nonce, second.nonce) {
		return &unfitError{"the token seals the same bytes to the same result: it does not use the nonce that it is given"}
	}
	for _, b := range []blob{first, second} {
		got, err := t.unwrap(ctx, w, k, b)
		if f, ok := errors.AsType[*worker.Fault](err); ok && errors.Is(newError(f.Call, f.Code, t.context()), ErrWrongKey) {
			// The sentence of the code is about data from elsewhere.
			return &unfitError{fmt.Sprintf("the token does not open what it has just sealed (%s, %s)", f.Call, ckrText(f.Code))}
		}
		if err != nil {
			return fmt.Errorf("unwrapping: %w", err)
		}
		same := got.Equal(plain)
		got.Wipe()
		if !same {
			return &unfitError{"it unwrapped other bytes than it wrapped"}
		}
	}
	return t.refuses(ctx, w, k, first)
}

// sealed wraps, and reads back what was written.
func (t *Token) sealed(ctx context.Context, w *worker.Client, k key, m uint, plain secret.Bytes) (blob, error) {
	b, err := t.wrap(ctx, w, k, m, plain)
	if err != nil {
		return blob{}, fmt.Errorf("wrapping: %w", err)
	}
	return parseBlob(b)
}

// refuses changes each part of a blob by a bit.
func (t *Token) refuses(ctx context.Context, w *worker.Client, k key, b blob) error {
	for _, part := range []*[]byte{&b.ciphertext, &b.nonce, &b.mac} {
		if len(*part) == 0 {
			continue
		}
		good := *part
		*part = bytes.Clone(good)
		(*part)[len(good)/2] ^= 1
		plain, err := t.unwrap(ctx, w, k, b)
		*part = good
		if err == nil {
			plain.Wipe()
			return &unfitError{"the token opened data that was changed"}
		}
		var f *worker.Fault
		if errors.Is(err, ErrWrongKey) || errors.As(err, &f) && slices.Contains(atDecrypt, f.Call) && !errors.Is(newError(f.Call, f.Code, t.context()), ErrTokenGone) {
			continue
		}
		return fmt.Errorf("with a changed byte: %w", err)
	}
	return nil
}
