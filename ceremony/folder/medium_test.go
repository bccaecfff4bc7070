package folder_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"conclave/ceremony/folder"
)

// TestMedium: a second copy lies on the medium under the ceremony's name, with
// the same digest, and what is read is what is there now.
func TestMedium(t *testing.T) {
	for _, practice := range []bool{false, true} {
		dir := t.TempDir()
		m, err := folder.OpenMedium(dir, "2026-KC-1-init", practice)
		if err != nil {
			t.Fatal(err)
		}
		f := create(t, t.TempDir(), practice)
		one, err1 := f.Put("shares/1-alice.asc", []byte("a message"))
		two, err2 := m.Put("shares/1-alice.asc", []byte("a message"))
		if err1 != nil || err2 != nil || one != two {
			t.Fatalf("%s %v, %s %v", one, err1, two, err2)
		}
		at := m.Path("shares/1-alice.asc")
		if !strings.HasPrefix(at, filepath.Join(dir, "2026-KC-1-init", "shares")) || strings.Contains(at, "PRACTICE-1") != practice {
			t.Errorf("it lies at %s", at)
		}
		if info, err := os.Stat(at); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v, %v", info, err)
		}
		if b, err := m.Get("shares/1-alice.asc"); err != nil || string(b) != "a message" {
			t.Errorf("Get = %q, %v", b, err)
		}
		// Never over another, and again is as good.
		if _, err := m.Put("shares/1-alice.asc", []byte("a message")); err != nil {
			t.Error(err)
		}
		if _, err := m.Put("shares/1-alice.asc", []byte("another")); !errors.Is(err, folder.ErrMedium) || !errors.Is(err, fs.ErrExist) {
			t.Errorf("over another: %v", err)
		}
		if err := os.WriteFile(at, []byte("A message"), 0o600); err != nil {
			t.Fatal(err)
		}
		if b, err := m.Get("shares/1-alice.asc"); err != nil || string(b) != "A message" {
			t.Errorf("Get of what was changed = %q, %v", b, err)
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestMediumFaults: every error names the medium.
func TestMediumFaults(t *testing.T) {
	named := func(what string, err error, dir string) {
		t.Helper()
		if !errors.Is(err, folder.ErrMedium) || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: %v", what, err)
		}
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := folder.OpenMedium(filepath.Join(dir, "none"), "x", false)
	named("no mount point", err, dir)
	_, err = folder.OpenMedium(file, "x", false)
	named("a file", err, dir)
	if err := os.Symlink(t.TempDir(), filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	_, err = folder.OpenMedium(dir, "link", false)
	named("a link", err, dir)

	m, err := folder.OpenMedium(dir, "x", false)
	if err != nil {
		t.Fatal(err)
	}
	_, err = m.Get("shares/1-alice.asc")
	named("a file that is not there", err, dir)
	if !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	// Another medium in its place has no such directory: it is made.
	if err := os.Rename(filepath.Join(dir, "x"), filepath.Join(dir, "y")); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Put("shares/1-alice.asc", []byte("x")); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "x/shares/1-alice.asc")); err != nil {
		t.Error(err)
	}
	if err := os.Rename(dir, dir+"-gone"); err != nil {
		t.Fatal(err)
	}
	_, err = m.Put("shares/2-bob.asc", []byte("x"))
	named("a medium that was pulled out", err, dir)
}
