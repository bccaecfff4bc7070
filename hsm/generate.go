package hsm

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"

	"conclave/hsm/worker"
)

// GenerateKey makes the configured key, only if nothing in the token has its
// label or its id, and finds it again after the library was restarted: some
// tokens report success for a key that they do not keep. AES-CBC needs two keys,
// which are made as a pair: where no mechanism is configured the second is made
// if AES-GCM does not pass with the first. Called again after a failure behind the
// making of a single key it makes no other, and goes on with that one.
func (t *Token) GenerateKey(ctx context.Context) (Key, error) {
	if err := CheckMechanism(t.cfg); err != nil {
		return Key{}, err
	}
	m, err := mechanismNumber(t.cfg.Mechanism)
	if err != nil {
		return Key{}, err
	}
	pair := needsMAC(m) || m == 0 && t.cfg.HMACKeyLabel != ""
	if pair && t.cfg.HMACKeyID == t.cfg.KeyID && t.cfg.KeyID != "" {
		return Key{}, fmt.Errorf("%w: the HMAC key would have the id %s of the AES key, and some tokens replace the first with the second. Nothing was created", ErrKeyExists, t.cfg.KeyID)
	}
	if t.unfinished() {
		return t.finish(ctx, m, pair)
	}
	if err := t.free(ctx, pair); err != nil {
		return Key{}, err
	}
	kind, bits := uint(worker.KeyTypeAES), uint(256)
	if m == worker.MechanismRSAOAEP {
		kind, bits = worker.KeyTypeRSA, 2048
	}
	if err := t.makeKey(ctx, t.cfg.KeyLabel, t.cfg.KeyID, kind, bits); err != nil {
		return Key{}, err
	}
	if needsMAC(m) {
		if err := t.makeMACKey(ctx); err != nil {
			return Key{}, err
		}
	}
	t.setUnfinished(!pair)
	return t.finish(ctx, m, pair)
}

// finish has the key that was made found again, and tested.
func (t *Token) finish(ctx context.Context, m uint, pair bool) (Key, error) {
	if _, err := t.kept(ctx); err != nil {
		if errors.Is(err, ErrKeyNotFound) {
			t.setUnfinished(false) // it is not there: the next try makes one
		}
		return Key{}, err
	}
	_, err := t.tested(ctx)
	if m == 0 && pair && errors.Is(err, ErrNoMechanism) {
		if err := t.makeMACKey(ctx); err != nil {
			return Key{}, err
		}
		if _, err = t.kept(ctx); err == nil {
			_, err = t.tested(ctx)
		}
	}
	if err != nil {
		return Key{}, fmt.Errorf("the key %q was made and does not pass its test. It seals nothing: delete it with the vendor's tool (%w)", t.ref(), err)
	}
	k, err := t.FindKey(ctx) // with the mechanism, which is known by now
	if err != nil {
		return Key{}, fmt.Errorf("looking for the new key: %w", err)
	}
	k.Generated = true
	t.setUnfinished(false)
	return k, nil
}

func (t *Token) unfinished() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.made
}

func (t *Token) setUnfinished(yes bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.made = yes
}

// free looks whether label and id are free; of a pair, of both keys.
func (t *Token) free(ctx context.Context, pair bool) error {
	label, id, err := t.configured()
	if err != nil {
		return err
	}
	return t.try(ctx, t.ref(), func(w *worker.Client) error {
		if err := t.nothingThere(ctx, w, label, id); err != nil {
			return err
		}
		if !pair {
			return nil
		}
		id, _ := hex.DecodeString(t.cfg.HMACKeyID) // CheckMechanism refused what is not
		if err := t.nothingThere(ctx, w, t.cfg.HMACKeyLabel, id); err != nil {
			return fmt.Errorf("the HMAC key, which is made together with the AES key: %w", err)
		}
		return nil
	})
}

// kept reads the keys, restarts the library, and reads them again.
func (t *Token) kept(ctx context.Context) (Key, error) {
	k, err := t.FindKey(ctx)
	if err != nil {
		return Key{}, fmt.Errorf("reading back the key that was made: %w", err)
	}
	if why := k.mayLeave(); why != "" {
		return Key{}, fmt.Errorf("the token made a key that may leave it (%s). It sealed nothing: delete the key %q with the vendor's tool", why, k.Ref)
	}
	if err := t.relogin(ctx, true); err != nil {
		return Key{}, fmt.Errorf("looking for the new key after a restart of the library: %w", err)
	}
	t.forget() // whether it is there is the question
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
	return again, nil
}

func (t *Token) makeMACKey(ctx context.Context) error {
	err := t.makeKey(ctx, t.cfg.HMACKeyLabel, t.cfg.HMACKeyID, worker.KeyTypeGeneric, 256)
	if err != nil {
		return fmt.Errorf("making the HMAC key beside %q, which was made and seals nothing yet; delete it with the vendor's tool before the next try: %w", t.ref(), err)
	}
	return nil
}

// makeKey makes one key, or an RSA pair.
func (t *Token) makeKey(ctx context.Context, label, hexID string, kind, bits uint) error {
	id, err := hex.DecodeString(hexID)
	if err != nil {
		return fmt.Errorf("the key id %q is not hexadecimal", hexID)
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
	call := "C_GenerateKey"
	if kind == worker.KeyTypeRSA {
		call = "C_GenerateKeyPair"
	}
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
