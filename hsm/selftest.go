package hsm

import (
	"context"
	"errors"
	"fmt"
	"time"

	"conclave/hsm/secret"
	"conclave/hsm/worker"
)

// SelfTest wraps and unwraps random bytes with the configured key, shows that a
// changed byte is refused, and that the session comes back. Where no mechanism
// is configured, it chooses the first that passes.
func (t *Token) SelfTest(ctx context.Context) ([]TestLine, error) {
	began := time.Now()
	reasons, err := t.tested(ctx)
	if err != nil {
		return nil, fmt.Errorf("testing the key: %w", err)
	}
	took := time.Since(began)
	k, err := t.FindKey(ctx)
	if err != nil {
		return nil, err
	}
	lines := []TestLine{{Text: "key cannot leave the HSM"}}
	if why := k.mayLeave(); why != "" {
		lines[0] = TestLine{Text: "the key may leave the HSM: it has " + why, Warn: true}
	}
	for _, r := range reasons {
		lines = append(lines, TestLine{Text: r, Warn: true})
	}
	if t.cfg.Mechanism == "" {
		lines = append(lines, TestLine{Text: k.Mechanism + " is the first mechanism that passes"})
	}
	lines = append(lines, TestLine{Text: "wraps and unwraps 32 and 48 random bytes", Took: took}, TestLine{Text: "refuses a changed byte"})
	if t.protectedPath() {
		return lines, nil // logging in anew would ask people for their cards again
	}
	probe := secret.Random(32)
	defer probe.Wipe()
	b, err := t.Wrap(ctx, probe)
	if err != nil {
		return nil, fmt.Errorf("testing the key: wrapping: %w", err)
	}
	began = time.Now()
	if err := t.relogin(ctx, false); err != nil {
		return nil, fmt.Errorf("logging in anew with the same PIN: %w", err)
	}
	if err := t.opens(ctx, b, probe); err != nil {
		return nil, err
	}
	return append(lines, TestLine{Text: "session comes back after a logout", Took: time.Since(began)}), nil
}

// tested tries the configured mechanism, or chooses one: then it says why those
// before it do not pass.
func (t *Token) tested(ctx context.Context) (reasons []string, err error) {
	err = t.try(ctx, t.ref(), func(w *worker.Client) error {
		k, err := t.configuredKey(ctx, w)
		if err != nil {
			return err
		}
		asked, err := mechanismNumber(t.cfg.Mechanism)
		if err != nil {
			return err
		}
		if asked == 0 {
			_, reasons, err = t.choose(ctx, w, k)
			return err
		}
		if err := t.cfg.checkMAC(); err != nil {
			return err
		}
		if err := fits(asked, k.kind); err != nil {
			return err
		}
		if err := t.passes(ctx, w, k, asked); err != nil {
			if u := (*unfitError)(nil); errors.As(err, &u) {
				return fmt.Errorf("%w. Do not use it with %s", err, mechanismName(asked))
			}
			return err
		}
		return nil
	})
	return reasons, err
}

// mayLeave says which attribute lets a key out, "" if none does.
func (k Key) mayLeave() string {
	if why := mayLeave(k.Attributes); why != "" || k.HMACRef == "" {
		return why
	}
	if why := mayLeave(k.HMACAttributes); why != "" {
		return "an HMAC key with " + why
	}
	return ""
}

// mayLeave: a token that does not state an attribute does not promise it.
func mayLeave(a map[string]string) string {
	switch {
	case a["CKA_SENSITIVE"] != "true":
		return "CKA_SENSITIVE not true"
	case a["CKA_EXTRACTABLE"] != "false":
		return "CKA_EXTRACTABLE not false"
	}
	return ""
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
