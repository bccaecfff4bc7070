//go:build cgo

package hsm_test

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"conclave/hsm"
	"conclave/hsm/secret"
	"conclave/hsm/softhsm/shim"
)

// shimmed is a SoftHSM token behind the shim, which a test changes while the
// worker runs.
type shimmed struct {
	*testing.T
	*shim.Shim
	cfg   hsm.Config
	token *hsm.Token // set by open
}

// newShimmed makes a token with the key of ready in it.
func newShimmed(t *testing.T) *shimmed {
	t.Helper()
	token, soft := ready(t)
	_ = token.Close() // the shim's worker is the only one from here on
	s := &shimmed{T: t, cfg: soft}
	s.Shim = shim.New(t, &s.cfg)
	return s
}

// count is how often a function was called since set.
func (s *shimmed) count(name string) int {
	s.Helper()
	return len(slices.DeleteFunc(s.Calls(), func(c string) bool { return c != name }))
}

// open opens the token anew.
func (s *shimmed) open() *hsm.Token {
	s.Helper()
	if s.token != nil {
		_ = s.token.Close()
	}
	token, err := hsm.Open(s.Context(), s.cfg)
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = token.Close() })
	s.token = token
	return token
}

func (s *shimmed) login() {
	s.Helper()
	login(s.T, s.token)
}

// ready is the token opened, logged in, and with its key found.
func (s *shimmed) ready() *hsm.Token {
	s.Helper()
	token := s.open()
	s.login()
	if _, err := token.FindKey(s.Context()); err != nil {
		s.Fatal(err)
	}
	return token
}

// rootKey is what the tests wrap.
func rootKey() secret.Bytes {
	return secret.Take([]byte("canary-root-key-canary-root-key!"))
}

func (s *shimmed) wrap() []byte {
	s.Helper()
	key := rootKey()
	defer key.Wipe()
	blob, err := s.token.Wrap(s.Context(), key)
	if err != nil {
		s.Fatal(err)
	}
	return blob
}

// opens checks that the blob holds what wrap wrapped.
func (s *shimmed) opens(blob []byte) {
	s.Helper()
	want := rootKey()
	defer want.Wipe()
	got, err := s.token.Unwrap(s.Context(), blob)
	if err != nil {
		s.Fatal(err)
	}
	defer got.Wipe()
	if !got.Equal(want) {
		s.Error("the blob holds something else than what was wrapped")
	}
}

// works checks, without the shim's interference, that the token can be used
// again, with a new login if it asks for one.
func (s *shimmed) works(blob []byte) {
	s.Helper()
	s.Set()
	if _, err := s.token.FindKey(s.Context()); errors.Is(err, hsm.ErrNotLoggedIn) {
		s.login()
	} else if err != nil {
		s.Fatalf("after the fault: %v", err)
	}
	s.opens(blob)
}

// gone waits for a process to end.
func (s *shimmed) gone(pid int) {
	s.Helper()
	stop := time.Now().Add(5 * time.Second)
	for {
		if _, err := os.Stat(fmt.Sprintf("/proc/%d", pid)); errors.Is(err, os.ErrNotExist) {
			return
		}
		if time.Now().After(stop) {
			s.Fatalf("process %d still runs", pid)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
