//go:build cgo

package hsm_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"conclave/hsm"
	"conclave/hsm/secret"
)

// busy runs wraps in the background until one fails, and returns the first
// error of each.
func busy(t *testing.T, token *hsm.Token, n int) func() []error {
	t.Helper()
	var wg sync.WaitGroup
	errs := make([]error, n)
	started := make(chan struct{}, n)
	for i := range n {
		wg.Go(func() {
			plain := secret.Random(32)
			defer plain.Wipe()
			for round := 0; errs[i] == nil; round++ {
				if round == 1 {
					started <- struct{}{}
				}
				_, errs[i] = token.Wrap(t.Context(), plain)
			}
		})
	}
	for range n {
		<-started
	}
	return func() []error { wg.Wait(); return errs }
}

// TestKilledWorker: a library that crashes fails the calls that are in it, and
// the next call meets a new process in which nobody is logged in.
func TestKilledWorker(t *testing.T) {
	token, _ := ready(t)
	wait := busy(t, token, 4)
	first := token.Worker()
	if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for _, err := range wait() {
		if !errors.Is(err, hsm.ErrWorker) && !errors.Is(err, hsm.ErrNotLoggedIn) {
			t.Errorf("got %v", err)
		}
	}
	plain := secret.Random(32)
	defer plain.Wipe()
	_, err := token.Wrap(t.Context(), plain)
	fails(t, err, hsm.ErrNotLoggedIn)
	login(t, token)
	if _, err := token.Wrap(t.Context(), plain); err != nil {
		t.Error(err)
	}
	if second := token.Worker(); second == first || second == 0 {
		t.Errorf("the worker is %d, it was %d", second, first)
	}
}

// TestStoppedWorker: a library that hangs is killed when the time is over.
func TestStoppedWorker(t *testing.T) {
	_, cfg := ready(t)
	cfg.Timeout = 2 * time.Second
	token := open(t, cfg)
	login(t, token)
	if err := syscall.Kill(token.Worker(), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	_, err := token.FindKey(t.Context())
	fails(t, err, hsm.ErrTimeout, "2s")
	if took := time.Since(began); took > 8*time.Second {
		t.Errorf("it took %s", took)
	}
	_, err = token.FindKey(t.Context())
	fails(t, err, hsm.ErrNotLoggedIn)
	login(t, token)
	if _, err := token.FindKey(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestGivenUp: a call that nobody waits for any more returns at once, and the
// worker lives on.
func TestGivenUp(t *testing.T) {
	token, _ := ready(t)
	pid := token.Worker()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := token.FindKey(ctx)
	fails(t, err, context.DeadlineExceeded)
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if _, err := token.FindKey(t.Context()); err != nil {
		t.Error(err)
	}
	if token.Worker() != pid {
		t.Error("the worker was replaced")
	}
}

func TestClosed(t *testing.T) {
	token, _ := ready(t)
	pid := token.Worker()
	if err := token.Close(); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("the worker lives: %v", err)
	}
	_, err := token.FindKey(t.Context())
	fails(t, err, hsm.ErrWorker)
}

// TestStoreAway: a key that was there and is not any more means that the token is
// away. Once it is back, a new worker finds it, after a new login.
func TestStoreAway(t *testing.T) {
	store := newStore(t)
	token := open(t, store.Config("vault", "01"))
	login(t, token)
	if _, err := token.GenerateKey(t.Context()); err != nil {
		t.Fatal(err)
	}
	plain := secret.Random(32)
	defer plain.Wipe()
	blob, err := token.Wrap(t.Context(), plain)
	if err != nil {
		t.Fatal(err)
	}
	tokens := filepath.Join(store.Dir, "tokens")
	if err := os.Rename(tokens, tokens+".away"); err != nil {
		t.Fatal(err)
	}
	if _, err := token.Unwrap(t.Context(), blob); !errors.Is(err, hsm.ErrTokenGone) {
		t.Errorf("away: %v, want %v", err, hsm.ErrTokenGone)
	}
	if err := os.Rename(tokens+".away", tokens); err != nil {
		t.Fatal(err)
	}
	if _, err := token.Unwrap(t.Context(), blob); !errors.Is(err, hsm.ErrNotLoggedIn) {
		t.Errorf("back: %v, want %v", err, hsm.ErrNotLoggedIn)
	}
	login(t, token)
	got, err := token.Unwrap(t.Context(), blob)
	if err != nil || !got.Equal(plain) {
		t.Errorf("back, and logged in: %v", err)
	}
	got.Wipe()
}
