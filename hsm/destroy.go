package hsm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"conclave/hsm/worker"
)

// ErrNotDestroyed says that a key is still there, or a part of it.
var ErrNotDestroyed = errors.New("the key was not destroyed")

// DestroyKey destroys the configured key, its public key if it is a pair, and
// the HMAC key if one is configured. The label and the id must both be given.
// The library is restarted then, and the keys looked for again. What sealed
// something must not be destroyed: that is for the caller to know.
func (t *Token) DestroyKey(ctx context.Context) error {
	if t.cfg.KeyLabel == "" || t.cfg.KeyID == "" {
		return errors.New("destroying a key: its label and its id are both needed. Nothing was destroyed")
	}
	t.forget()
	err := t.destroyAll(ctx, true)
	if errors.Is(err, errHeld) {
		if err := t.relogin(ctx, true); err != nil {
			return fmt.Errorf("destroying a key after a restart of the library: %w", err)
		}
		err = t.destroyAll(ctx, false)
	}
	if err != nil {
		return err
	}
	if err := t.relogin(ctx, true); err != nil {
		return fmt.Errorf("looking for the destroyed key after a restart of the library: %w", err)
	}
	return t.try(ctx, t.ref(), func(w *worker.Client) error {
		o, err := t.doomed(ctx, w)
		if err == nil && len(o) > 0 {
			err = fmt.Errorf("%w: the token reported success, and %d objects of the key %q are there", ErrNotDestroyed, len(o), t.ref())
		}
		return err
	})
}

// doomed are the objects of the configured keys, the HMAC key's first: without
// it the other opens nothing.
func (t *Token) doomed(ctx context.Context, w *worker.Client) ([]worker.Handle, error) {
	var all []worker.Handle
	for _, ref := range []string{t.macRef(), t.ref()} {
		if ref == ":" {
			continue
		}
		label, id, err := splitRef(ref)
		if err != nil {
			return nil, err
		}
		o, err := t.objects(ctx, w, label, id)
		if err != nil {
			return nil, err
		}
		if len(o.secret) > 1 || len(o.private) > 1 || len(o.public) > 1 {
			return nil, fmt.Errorf("%w: %d secret, %d private and %d public keys are called %q. Nothing was destroyed", ErrKeyAmbiguous, len(o.secret), len(o.private), len(o.public), ref)
		}
		all = append(all, slices.Concat(o.secret, o.private, o.public)...)
	}
	return all, nil
}

// errHeld is a first object that is not destroyed for no reason given: a TPM's
// library takes a key for in use, once it failed to open something, until it is
// restarted.
var errHeld = errors.New("the library holds the key")

// destroyAll destroys the configured keys; first: errHeld is not the last word.
func (t *Token) destroyAll(ctx context.Context, first bool) error {
	t.turn.RLock()
	defer t.turn.RUnlock()
	w, err := t.session(ctx)
	if err != nil {
		return err
	}
	list, err := t.doomed(ctx, w)
	if passing(err) {
		list, err = t.doomed(ctx, w)
	}
	if err != nil {
		return t.check(w, t.explain(err, t.cfg.Timeout))
	}
	if len(list) == 0 {
		return fmt.Errorf("%w: %s. Nothing was destroyed", ErrKeyNotFound, strings.TrimSuffix(t.ref(), ":"))
	}
	for i, h := range list {
		err := w.Destroy(ctx, t.cfg.Timeout, h)
		t.count("C_DestroyObject", t.ref(), err)
		const functionFailed = 0x06
		if f, ok := errors.AsType[*worker.Fault](err); ok && first && i == 0 && f.Code == functionFailed {
			return errHeld
		}
		if err != nil {
			return fmt.Errorf("%w: %d of the %d objects of %q are destroyed: %w", ErrNotDestroyed, i, len(list), t.ref(), t.check(w, t.explain(err, t.cfg.Timeout)))
		}
	}
	return nil
}
