package hsm

import (
	"context"
	"fmt"
	"time"

	"conclave/hsm/secret"
	"conclave/hsm/worker"
)

// session returns the worker if somebody is logged in.
func (t *Token) session(ctx context.Context) (*worker.Client, error) {
	w, err := t.worker(ctx)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.loggedIn {
		return nil, ErrNotLoggedIn
	}
	return w, nil
}

// Login tries the PIN once. An empty PIN asks at the token's own pad, where it
// has one. A login that there was ends first, so that the PIN is looked at.
func (t *Token) Login(ctx context.Context, pin secret.Bytes) error {
	t.turn.Lock()
	defer t.turn.Unlock()
	info, err := t.read(ctx)
	if err != nil {
		return err
	}
	if err := mayTry(info, pin.Len()); err != nil {
		return err
	}
	w, err := t.worker(ctx)
	if err != nil {
		return err
	}
	limit := t.cfg.Timeout
	if pin.Len() == 0 {
		limit = t.padTimeout()
	}
	t.setLoggedIn(false)
	if err := w.Login(ctx, limit, info.Slot, pin); err != nil {
		switch {
		case ctx.Err() != nil:
			t.end(w) // with the PIN that it may still be trying
		case w.Dead() == nil:
			// The sentence depends on the PIN counters after the try.
			_, _ = t.read(ctx) // if they cannot be read, the old ones stand
		}
		return t.check(w, t.explain(err, limit))
	}
	t.setLoggedIn(true)
	return nil
}

// mayTry refuses a PIN that cannot be right before it costs a try.
func mayTry(info Info, length int) error {
	switch {
	case info.PIN == PINLocked:
		return fmt.Errorf("%w. Do not try more: the security officer must reset it", ErrPINLocked)
	case info.PIN == PINNotSet && !info.ProtectedPath:
		return fmt.Errorf("%w: the security officer must set one first", ErrPINNotSet)
	case length == 0 && info.ProtectedPath:
		return nil
	case length == 0:
		return fmt.Errorf("%w: it is empty", ErrPINLength)
	case length < info.MinPIN, info.MaxPIN > 0 && length > info.MaxPIN:
		return fmt.Errorf("%w: this token takes %d to %d characters. The PIN was not tried", ErrPINLength, info.MinPIN, info.MaxPIN)
	}
	return nil
}

// Logout logs out; the worker wipes the PIN.
func (t *Token) Logout(ctx context.Context) error {
	t.turn.Lock()
	defer t.turn.Unlock()
	w, err := t.session(ctx)
	if err != nil {
		return err
	}
	t.setLoggedIn(false)
	return t.check(w, t.explain(w.Logout(ctx, t.cfg.Timeout), t.cfg.Timeout))
}

func (t *Token) setLoggedIn(in bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.loggedIn = in
}

func (t *Token) protectedPath() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.info.ProtectedPath
}

// padTimeout is how long people may take at the token's own pad.
func (t *Token) padTimeout() time.Duration { return 10 * t.cfg.Timeout }
