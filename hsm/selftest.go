package hsm

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"conclave/hsm/secret"
	"conclave/hsm/worker"
)

// SelfTest wraps and unwraps 32 random bytes with the configured key, shows
// that a changed byte is refused, and that the session comes back. Wrapping
// alone would prove nothing: some tokens seal what they cannot open.
func (t *Token) SelfTest(ctx context.Context) ([]TestLine, error) {
	var lines []TestLine
	began := time.Now()
	done := func(text string, warn bool) {
		now := time.Now()
		lines = append(lines, TestLine{Text: text, Warn: warn, Took: now.Sub(began)})
		began = now
	}
	k, err := t.FindKey(ctx)
	if err != nil {
		return nil, err
	}
	if why := mayLeave(k.Attributes); why == "" {
		done("key cannot leave the HSM", false)
	} else {
		done("the key may leave the HSM: it has "+why, true)
	}
	probe := secret.Random(32)
	defer probe.Wipe()
	b, err := t.roundTrip(ctx, probe)
	if err != nil {
		return nil, err
	}
	done("wraps and unwraps 32 random bytes", false)
	if err := t.refusesChange(ctx, b); err != nil {
		return nil, err
	}
	done("refuses a changed byte", false)
	if t.protectedPath() {
		return lines, nil // logging in anew would ask people for their cards again
	}
	if err := t.relogin(ctx, false); err != nil {
		return nil, fmt.Errorf("logging in anew with the same PIN: %w", err)
	}
	if err := t.opens(ctx, b, probe); err != nil {
		return nil, err
	}
	done("session comes back after a logout", false)
	return lines, nil
}

// mayLeave says which attribute lets a key out, "" if none does. A token that
// does not state one does not promise it.
func mayLeave(a map[string]string) string {
	switch {
	case a["CKA_SENSITIVE"] != "true":
		return "CKA_SENSITIVE not true"
	case a["CKA_EXTRACTABLE"] != "false":
		return "CKA_EXTRACTABLE not false"
	}
	return ""
}

// roundTrip wraps and unwraps, and returns the blob.
func (t *Token) roundTrip(ctx context.Context, probe secret.Bytes) ([]byte, error) {
	b, err := t.Wrap(ctx, probe)
	if err != nil {
		return nil, fmt.Errorf("testing the key: wrapping: %w", err)
	}
	return b, t.opens(ctx, b, probe)
}

func (t *Token) opens(ctx context.Context, b []byte, probe secret.Bytes) error {
	plain, err := t.Unwrap(ctx, b)
	if err != nil {
		return fmt.Errorf("testing the key: unwrapping: %w", err)
	}
	defer plain.Wipe()
	if !plain.Equal(probe) {
		return errors.New("testing the key: it unwrapped other bytes than it wrapped. Do not use it")
	}
	return nil
}

// refusesChange flips a bit of the ciphertext.
func (t *Token) refusesChange(ctx context.Context, b []byte) error {
	p, err := parseBlob(b)
	if err != nil {
		return err
	}
	p.ciphertext = bytes.Clone(p.ciphertext)
	p.ciphertext[len(p.ciphertext)/2] ^= 1
	changed, err := p.marshal()
	if err != nil {
		return err
	}
	plain, err := t.Unwrap(ctx, changed)
	if err == nil {
		plain.Wipe()
		return errors.New("testing the key: the token opened data that was changed. Do not use this mechanism")
	}
	var refused *Error
	if !errors.As(err, &refused) || errors.Is(err, ErrTokenGone) {
		return fmt.Errorf("testing the key with a changed byte: %w", err)
	}
	return nil
}

// relogin logs out and in with the PIN that the token accepted before; with
// restart, the library is finalised and initialised in between.
func (t *Token) relogin(ctx context.Context, restart bool) error {
	t.turn.Lock()
	defer t.turn.Unlock()
	w, err := t.session(ctx)
	if err != nil {
		return err
	}
	limit := t.cfg.Timeout
	if t.protectedPath() {
		limit = t.padTimeout()
	}
	slot, err := w.Relogin(ctx, limit, restart)
	if err := t.explain(err, limit); err != nil {
		t.setLoggedIn(false)
		return t.check(w, err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.info.Slot = slot
	return nil
}

// GenerateKey makes the configured key, only if nothing in the token has its
// label or its id, and finds it again after the library was restarted: some
// tokens report success for a key that they do not keep.
func (t *Token) GenerateKey(ctx context.Context) (Key, error) {
	label, id, err := t.configured()
	if err != nil {
		return Key{}, err
	}
	if err := t.makeKey(ctx, label, id); err != nil {
		return Key{}, err
	}
	k, err := t.FindKey(ctx)
	if err != nil {
		return Key{}, fmt.Errorf("reading back the key that was made: %w", err)
	}
	if why := mayLeave(k.Attributes); why != "" {
		return Key{}, fmt.Errorf("the token made a key that may leave it (%s). It sealed nothing: delete the key %q with the vendor's tool", why, k.Ref)
	}
	if err := t.relogin(ctx, true); err != nil {
		return Key{}, fmt.Errorf("looking for the new key after a restart of the library: %w", err)
	}
	again, err := t.FindKey(ctx)
	if errors.Is(err, ErrKeyNotFound) {
		return Key{}, fmt.Errorf("the token reported success but did not keep the key; its store is missing or read-only: %w", err)
	}
	if err != nil {
		return Key{}, fmt.Errorf("looking for the new key after a restart of the library: %w", err)
	}
	if again.ID != k.ID {
		return Key{}, fmt.Errorf("%w: the key found after a restart of the library has another id", ErrKeyAmbiguous)
	}
	probe := secret.Random(32)
	defer probe.Wipe()
	if _, err := t.roundTrip(ctx, probe); err != nil {
		return Key{}, err
	}
	again.Generated = true
	return again, nil
}

// makeKey makes an AES-256 key, or an RSA-2048 pair where OAEP is configured.
func (t *Token) makeKey(ctx context.Context, label string, id []byte) error {
	m, err := mechanismNumber(t.cfg.Mechanism)
	if err != nil {
		return err
	}
	kind, bits, call := uint(worker.KeyTypeAES), uint(256), "C_GenerateKey"
	if m == worker.MechanismRSAOAEP {
		kind, bits, call = worker.KeyTypeRSA, 2048, "C_GenerateKeyPair"
	}
	err = t.try(ctx, t.ref(), func(w *worker.Client) error { return t.nothingThere(ctx, w, label, id) })
	if err != nil {
		return err
	}
	if len(id) == 0 {
		// Random, never from the label: some tokens silently replace a key of
		// the same id.
		id = make([]byte, 16)
		_, _ = rand.Read(id) // never fails
	}
	t.turn.RLock()
	defer t.turn.RUnlock()
	w, err := t.session(ctx)
	if err != nil {
		return err
	}
	// Not through try: it must not be made twice.
	limit := 4 * t.cfg.Timeout
	err = w.Generate(ctx, limit, kind, bits, label, id)
	t.count(call, keyName(label, id), err)
	return t.check(w, t.explain(err, limit))
}

// nothingThere looks for the label alone and for the id alone.
func (t *Token) nothingThere(ctx context.Context, w *worker.Client, label string, id []byte) error {
	o, err := t.objects(ctx, w, label, nil)
	if err != nil {
		return err
	}
	if !o.none() {
		return fmt.Errorf("%w: label %q. Nothing was created", ErrKeyExists, label)
	}
	if len(id) == 0 {
		return nil
	}
	if o, err = t.objects(ctx, w, "", id); err != nil {
		return err
	}
	if !o.none() {
		return fmt.Errorf("%w: id %x. Nothing was created", ErrKeyExists, id)
	}
	return nil
}
