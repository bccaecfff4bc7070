// Package shim gives tests a token that fails: a PKCS#11 library in front of
// SoftHSM's (testdata/shim.c, whose head says what it can do), and a file that
// tells it when to fail and how, changed while it is in use.
//
// It is for faults that a real token cannot be made to show. It promises that
// without a line for a function, the call goes to SoftHSM as it is.
package shim

import (
	"context"
	_ "embed"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"conclave/hsm"
	"conclave/hsm/softhsm/need"
)

//go:embed testdata/shim.c
var source []byte

var (
	dir  string // of the compiled library
	once sync.Once
)

// library compiles the shim, once.
func library(t testing.TB) string {
	t.Helper()
	cc := need.Tool(t, "cc")
	once.Do(func() {
		var err error
		if dir, err = os.MkdirTemp("", "shim"); err != nil { //nolint:usetesting // it serves every test of the process
			t.Fatal(err)
		}
		file := filepath.Join(dir, "shim.c")
		if err := os.WriteFile(file, source, 0o600); err != nil {
			t.Fatal(err)
		}
		c := exec.CommandContext(context.Background(), cc, "-shared", "-fPIC", "-o", filepath.Join(dir, "shim.so"), file, "-ldl", "-lpthread") // #nosec G204 -- the compiler that need found
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("compiling the shim: %v\n%s", err, out)
		}
	})
	lib := filepath.Join(dir, "shim.so")
	if _, err := os.Stat(lib); err != nil {
		t.Fatalf("the shim was not compiled: %v", err)
	}
	return lib
}

// Remove removes what was compiled. TestMain calls it at the end.
func Remove() { _ = os.RemoveAll(dir) }

// Shim stands before one token.
type Shim struct {
	t            testing.TB
	control, log string
}

// New changes the configuration of a SoftHSM token to the shim before it.
func New(t testing.TB, cfg *hsm.Config) *Shim {
	t.Helper()
	in := t.TempDir()
	s := &Shim{t: t, control: filepath.Join(in, "control"), log: filepath.Join(in, "calls")}
	cfg.Env = append(slices.Clone(cfg.Env), "SHIM_LIBRARY="+cfg.Lib, "SHIM_CONTROL="+s.control)
	cfg.Lib = library(t)
	s.Set()
	return s
}

// Set writes the control file: these lines and nothing else. The log starts
// anew.
func (s *Shim) Set(lines ...string) {
	s.t.Helper()
	_ = os.Remove(s.log) // it may not exist yet
	text := strings.Join(append([]string{"log " + s.log}, lines...), "\n") + "\n"
	next := s.control + ".next"
	if err := os.WriteFile(next, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	if err := os.Rename(next, s.control); err != nil { // the worker reads it at any time
		s.t.Fatal(err)
	}
}

// Calls are the functions called since Set, in order.
func (s *Shim) Calls() []string {
	s.t.Helper()
	b, err := os.ReadFile(s.log)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		s.t.Fatal(err)
	}
	return strings.Fields(string(b))
}
