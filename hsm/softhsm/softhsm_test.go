//go:build cgo

package softhsm_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"conclave/hsm"
	"conclave/hsm/secret"
	"conclave/hsm/softhsm"
	"conclave/hsm/softhsm/need"
	"conclave/hsm/worker"
)

func TestMain(m *testing.M) {
	worker.Child()
	os.Exit(m.Run())
}

func create(t *testing.T, dir string) *softhsm.Store {
	t.Helper()
	pin := secret.Take([]byte("practice-1"))
	defer pin.Wipe()
	s, err := softhsm.Create(t.Context(), dir, "practice", pin)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// keyIn opens the token and makes or finds its key.
func keyIn(t *testing.T, s *softhsm.Store, generate bool) hsm.Key {
	t.Helper()
	token, err := hsm.Open(t.Context(), s.Config("practice-key", "01"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = token.Close() }()
	pin := secret.Take([]byte("practice-1"))
	defer pin.Wipe()
	if err := token.Login(t.Context(), pin); err != nil {
		t.Fatal(err)
	}
	f := token.FindKey
	if generate {
		f = token.GenerateKey
	}
	k, err := f(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// TestCreateMoveOpen: the directory is all there is, and it can be moved.
func TestCreateMoveOpen(t *testing.T) {
	need.Tool(t, "softhsm")
	dir := filepath.Join(t.TempDir(), "a")
	made := keyIn(t, create(t, dir), true)

	moved := filepath.Join(t.TempDir(), "b")
	if err := os.CopyFS(moved, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	s, err := softhsm.Open(t.Context(), moved, "")
	if err != nil {
		t.Fatal(err)
	}
	if s.Label != "practice" || !filepath.IsAbs(s.Dir) {
		t.Errorf("opened as %+v", s)
	}
	if found := keyIn(t, s, false); found.ID != made.ID {
		t.Errorf("found %+v, made %+v", found, made)
	}
}

func TestCreateRefuses(t *testing.T) {
	need.Tool(t, "softhsm")
	dir := t.TempDir()
	create(t, dir)
	pin := secret.Take([]byte("practice-1"))
	defer pin.Wipe()
	if _, err := softhsm.Create(t.Context(), dir, "practice", pin); !errors.Is(err, os.ErrExist) {
		t.Errorf("a second token in the same directory: %v", err)
	}
	if _, err := softhsm.Open(t.Context(), dir, "another"); !errors.Is(err, hsm.ErrTokenNotFound) {
		t.Errorf("a label that is not there: %v", err)
	}
	if _, err := softhsm.Open(t.Context(), t.TempDir(), ""); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a directory without a token: %v", err)
	}
}

func TestLibrary(t *testing.T) {
	t.Setenv(softhsm.EnvLibrary, "/no/such/library.so")
	if lib, err := softhsm.Library(); !errors.Is(err, softhsm.ErrNoSoftHSM) {
		t.Errorf("found %q, %v", lib, err)
	}
}
