package rehearse_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"conclave/hsm/secret"
	"conclave/ui/rehearse"
	"conclave/vaultstate"
	"conclave/vaultstate/serverconfig"
)

// TestNothingFromOutside sets all that a production ceremony would take from
// the environment, and sees nothing of it; and no file of the package reads the
// environment.
func TestNothingFromOutside(t *testing.T) {
	outside := t.TempDir()
	conf := filepath.Join(outside, "softhsm2.conf")
	if err := os.WriteFile(conf, []byte("directories.tokendir = "+outside+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SOFTHSM2_CONF", conf)
	for _, prefix := range []string{"BAO_", "VAULT_"} {
		for _, name := range []string{"HSM_LIB", "HSM_SLOT", "HSM_TOKEN_LABEL", "HSM_PIN", "HSM_KEY_LABEL", "HSM_KEY_ID", "HSM_MECHANISM", "ADDR", "TOKEN", "API_ADDR"} {
			t.Setenv(prefix+name, "outside")
		}
	}
	w := prepare(t, t.TempDir())
	q, err := w.Request(vaultstate.Init)
	if err != nil {
		t.Fatal(err)
	}
	all, err := json.Marshal([]any{w.HSM, q})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{"outside", outside} {
		if strings.Contains(string(all), strconv.Quote(s)) {
			t.Errorf("%q is in %s", s, all)
		}
	}
	if left, _ := os.ReadDir(outside); len(left) != 1 {
		t.Errorf("a token was made outside: %v", left)
	}
	other := filepath.Join(outside, "libreal.so")
	write(t, other, []byte("a real HSM's library"))
	t.Setenv("SOFTHSM2_LIB", other)
	if _, err := rehearse.Prepare(t.Context(), t.TempDir()); err == nil || !strings.Contains(err.Error(), "is not SoftHSM's library") {
		t.Errorf("with another library Prepare = %v", err)
	}
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatal("no files", err)
	}
	for _, name := range files {
		if !strings.HasSuffix(name, "_test.go") {
			readsNoEnvironment(t, name)
		}
	}
}

func readsNoEnvironment(t *testing.T, name string) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			switch s.Sel.Name {
			case "Getenv", "LookupEnv", "Environ", "ExpandEnv", "UserHomeDir", "UserConfigDir":
				t.Errorf("%s uses %s", name, s.Sel.Name)
			}
		}
		return true
	})
}

func TestRefusesOtherDirectories(t *testing.T) {
	other := t.TempDir()
	if err := os.WriteFile(filepath.Join(other, "notes.txt"), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	pretends := t.TempDir()
	if err := os.WriteFile(filepath.Join(pretends, "PRACTICE.txt"), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{other, pretends, filepath.Join(other, "notes.txt"), filepath.Join(t.TempDir(), `a"b`), filepath.Join(t.TempDir(), "${b}")} {
		if _, err := rehearse.Prepare(t.Context(), dir); err == nil {
			t.Errorf("%q was taken for a practice directory", dir)
		}
	}
	if left, _ := os.ReadDir(other); len(left) != 1 {
		t.Errorf("something was written to %v", left)
	}
	// A world whose storage is a link to somewhere else.
	w := prepare(t, t.TempDir())
	for _, part := range []string{w.Storage, filepath.Join(w.Dir, "tokens"), filepath.Join(w.Dir, "custodians")} {
		aside := part + ".aside"
		if err := os.Rename(part, aside); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(other, part); err != nil {
			t.Fatal(err)
		}
		if _, err := rehearse.Prepare(t.Context(), w.Dir); err == nil {
			t.Errorf("%s may be a link", part)
		}
		if err := os.Remove(part); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(aside, part); err != nil {
			t.Fatal(err)
		}
	}
}

// TestServerConfiguration reads openbao.hcl as a server does.
func TestServerConfiguration(t *testing.T) {
	w := prepare(t, t.TempDir())
	text, err := os.ReadFile(w.Config)
	if err != nil {
		t.Fatal(err)
	}
	c, err := serverconfig.Parse(w.Config, text)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Wipe()
	path, err := c.StoragePath()
	if err != nil || path.Text != w.Storage {
		t.Errorf("the storage is %q, %v", path.Text, err)
	}
	if len(c.Listeners) != 1 || c.Listeners[0].Address.Text != rehearse.Address || c.Listeners[0].TLS {
		t.Errorf("the listeners are %+v", c.Listeners)
	}
	h, err := serverconfig.Resolve(c, func(string) (string, bool) { return "", false }, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Wipe()
	got := []string{h.Lib.Text, h.TokenLabel.Text, h.KeyLabel.Text, h.KeyID.Text}
	if want := []string{w.HSM.Lib, w.HSM.TokenLabel, w.HSM.KeyLabel, w.HSM.KeyID}; !reflect.DeepEqual(got, want) {
		t.Errorf("the HSM is %q, want %q", got, want)
	}
	pin := secret.Take([]byte(rehearse.PIN))
	defer pin.Wipe()
	if !h.PIN.Equal(pin) {
		t.Error("the PIN is not the token's")
	}
}

// TestMarked looks for the mark in the name of every file that a ceremony
// wrote, in every line of its transcript, and in every text that is not
// somebody else's format.
func TestMarked(t *testing.T) {
	w, record := opened(t)
	files := 0
	err := filepath.WalkDir(w.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, _ := filepath.Rel(w.Dir, path)
		switch strings.Split(rel, "/")[0] {
		case "storage", "tokens", "softhsm2.conf", "openbao.hcl":
			return nil // a server's and SoftHSM's own names
		}
		files++
		if !strings.HasPrefix(d.Name(), "PRACTICE") {
			t.Errorf("%s is not marked", rel)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if !strings.Contains(strings.ToUpper(string(b)), "PRACTICE") {
			t.Errorf("nothing in %s says what it is", rel)
		}
		return nil
	})
	if err != nil || files < 20 {
		t.Errorf("%d files were looked at, %v", files, err)
	}
	b, err := os.ReadFile(filepath.Join(record, "PRACTICE-transcript.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range strings.Split(strings.TrimSpace(string(b)), "\n") {
		if !strings.HasPrefix(line, `{"mark":"PRACTICE",`) {
			t.Errorf("line %d is not marked: %.60s", i+1, line)
		}
	}
}

// TestCheckGoesRed damages what Check looks at, one thing after another.
func TestCheckGoesRed(t *testing.T) {
	for _, tt := range []struct {
		name   string
		file   string // below the record; "": see damage
		damage func(t *testing.T, w *rehearse.World, path string)
	}{
		{"nothing", "", nil},
		{"a byte of the last line", "PRACTICE-transcript.jsonl", flip(-10)},
		{"a byte of the first line", "PRACTICE-transcript.jsonl", flip(40)},
		{"no head", "PRACTICE-head.txt", remove},
		{"another head", "PRACTICE-head.txt", flip(-3)},
		{"another roster", "PRACTICE-roster.json", flip(30)},
		{"a share is missing", "shares/PRACTICE-5-erik-esser.asc", remove},
		{"a share is changed", "shares/PRACTICE-1-alice-adams.asc", flip(-120)},
		{"a share is another's", "shares/PRACTICE-1-alice-adams.asc", func(t *testing.T, _ *rehearse.World, path string) {
			b, err := os.ReadFile(filepath.Join(filepath.Dir(path), "PRACTICE-2-bob-baker.asc"))
			if err != nil {
				t.Fatal(err)
			}
			write(t, path, b)
		}},
		{"the token is a share", "PRACTICE-root-token.asc", func(t *testing.T, w *rehearse.World, path string) {
			b, err := os.ReadFile(filepath.Join(filepath.Dir(path), "shares/PRACTICE-1-alice-adams.asc"))
			if err != nil {
				t.Fatal(err)
			}
			write(t, path, b)
			key, err := os.ReadFile(filepath.Join(w.Dir, "custodians/PRACTICE-alice-adams.asc"))
			if err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(w.Dir, "custodians/PRACTICE-olga-example.asc"), key)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, record := opened(t)
			if tt.damage != nil {
				tt.damage(t, w, filepath.Join(record, tt.file))
			}
			lines, err := w.Check(record)
			if (err == nil) != (tt.damage == nil) {
				t.Errorf("Check = %q, %v", lines, err)
			}
			if err != nil {
				t.Log(err)
			}
		})
	}
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// flip changes one byte, counted from the end if it is negative.
func flip(at int) func(*testing.T, *rehearse.World, string) {
	return func(t *testing.T, _ *rehearse.World, path string) {
		t.Helper()
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		i := at
		if i < 0 {
			i += len(b)
		}
		b[i] ^= 1
		write(t, path, b)
	}
}

func remove(t *testing.T, _ *rehearse.World, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}
