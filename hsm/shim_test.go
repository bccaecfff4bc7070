//go:build cgo

package hsm_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"conclave/hsm"
	"conclave/hsm/secret"
	"conclave/hsm/softhsm/need"
)

// shimmed is a SoftHSM token behind the shim (testdata/shim/shim.c), whose
// control file a test changes while the worker runs.
type shimmed struct {
	*testing.T
	cfg          hsm.Config
	token        *hsm.Token // set by open
	control, log string
}

// newShimmed makes a token with the key of ready in it.
func newShimmed(t *testing.T) *shimmed {
	t.Helper()
	token, soft := ready(t)
	_ = token.Close() // the shim's worker is the only one from here on
	dir, lib := t.TempDir(), shimLibrary(t)
	s := &shimmed{T: t, cfg: soft, control: filepath.Join(dir, "control"), log: filepath.Join(dir, "calls")}
	s.cfg.Lib = lib
	s.cfg.Env = append(slices.Clone(soft.Env), "SHIM_LIBRARY="+soft.Lib, "SHIM_CONTROL="+s.control)
	s.set()
	return s
}

var (
	shimDir  string // of the compiled shim; TestMain removes it
	shimOnce sync.Once
)

// shimLibrary compiles the shim, once.
func shimLibrary(t *testing.T) string {
	t.Helper()
	cc := need.Tool(t, "cc")
	shimOnce.Do(func() {
		dir, err := os.MkdirTemp("", "shim") //nolint:usetesting // it is for all tests
		if err != nil {
			t.Fatal(err)
		}
		shimDir = dir
		c := exec.CommandContext(context.Background(), cc, "-shared", "-fPIC", "-o", filepath.Join(dir, "shim.so"), "testdata/shim/shim.c", "-ldl", "-lpthread")
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("compiling the shim: %v\n%s", err, out)
		}
	})
	lib := filepath.Join(shimDir, "shim.so")
	if _, err := os.Stat(lib); err != nil {
		t.Fatalf("the shim was not compiled: %v", err)
	}
	return lib
}

// set writes the control file: these lines and nothing else. The log starts
// anew.
func (s *shimmed) set(lines ...string) {
	s.Helper()
	_ = os.Remove(s.log) // it may not exist yet
	text := strings.Join(append([]string{"log " + s.log}, lines...), "\n") + "\n"
	next := s.control + ".next"
	if err := os.WriteFile(next, []byte(text), 0o600); err != nil {
		s.Fatal(err)
	}
	if err := os.Rename(next, s.control); err != nil { // the worker reads it at any time
		s.Fatal(err)
	}
}

// calls are the functions called since set, in order.
func (s *shimmed) calls() []string {
	s.Helper()
	b, err := os.ReadFile(s.log)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		s.Fatal(err)
	}
	return strings.Fields(string(b))
}

// count is how often a function was called since set.
func (s *shimmed) count(name string) int {
	s.Helper()
	return len(slices.DeleteFunc(s.calls(), func(c string) bool { return c != name }))
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
	s.set()
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
