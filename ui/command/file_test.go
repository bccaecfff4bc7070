package command

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestNamedFile: a file that a plan or a flag names is a regular one, reached
// through no link, and not one that everybody can write. Who else can change it
// is said.
func TestNamedFile(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, mode os.FileMode) string {
		t.Helper()
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte("text"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(name, mode); err != nil {
			t.Fatal(err)
		}
		return name
	}
	good := write("good", 0o644)
	link := filepath.Join(dir, "link")
	if err := os.Symlink(good, link); err != nil {
		t.Fatal(err)
	}
	me, other := os.Geteuid(), os.Geteuid()+1
	others := good
	if me == 0 { // to root no file of its own is somebody else's
		others, other = write("others", 0o644), me
		if err := os.Chown(others, 1234, 1234); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		file          string
		me            int
		refused, says string
	}{
		"good":             {good, me, "", ""},
		"of root":          {"/etc/passwd", me + 1, "", ""},
		"a link":           {link, me, "symbolic link", ""},
		"a directory":      {dir, me, "not a regular file", ""},
		"everybody writes": {write("all", 0o666), me, "everybody can write it (mode 0666)", ""},
		"a group writes":   {write("group", 0o664), me, "", "a group can write it (mode 0664)"},
		"somebody else's":  {others, other, "", "it belongs to user"},
	} {
		b, warned, err := readNamedAs(c.file, maxKey, c.me)
		switch {
		case c.refused == "" && (err != nil || len(b) == 0):
			t.Errorf("%s: %v", name, err)
		case c.refused != "" && (err == nil || !strings.Contains(err.Error(), c.refused)):
			t.Errorf("%s: %v", name, err)
		case c.says == "" && warned != "", c.says != "" && (!strings.Contains(warned, c.says) || !strings.Contains(warned, c.file)):
			t.Errorf("%s: it says %q", name, warned)
		}
	}
	if s, _, err := readSecret(link, maxPIN); err == nil || !strings.Contains(err.Error(), "symbolic link") {
		s.Wipe()
		t.Errorf("a secret behind a link: %v", err)
	}
}
