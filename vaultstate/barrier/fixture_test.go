package barrier_test

import (
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"conclave/hsm/secret"
	"conclave/vaultstate/barrier"
)

// fixture is a state that OpenBao 2.5.5 wrote, with what its HSM unwraps.
type fixture struct {
	entries map[string][]byte // by path, without the file backend's wrapping
	root    secret.Bytes
	opened  struct {
		Root       string `json:"root_key"`
		StoredKeys string `json:"stored_keys"`
		Keyring    string `json:"keyring"`
	}
	known struct {
		Secrets    map[string]string `json:"secrets"`
		ActiveTerm uint32            `json:"active_term"`
		Shares     int               `json:"recovery_shares"`
		Threshold  int               `json:"recovery_threshold"`
		RootToken  []byte            `json:"root_token_base64"`
	}
}

var fixtures = []string{"aes", "rsa"}

func load(t testing.TB, name string) *fixture {
	t.Helper()
	f := &fixture{entries: map[string][]byte{}}
	dir := filepath.Join("testdata", name)
	readJSON(t, filepath.Join(dir, "opened.json"), &f.opened)
	readJSON(t, filepath.Join(dir, "known.json"), &f.known)
	root, err := hex.DecodeString(f.opened.Root)
	if err != nil {
		t.Fatal(err)
	}
	f.root = secret.Take(root)
	t.Cleanup(f.root.Wipe)
	storage := filepath.Join(dir, "storage")
	err = filepath.WalkDir(storage, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		var file struct{ Value []byte }
		readJSON(t, path, &file)
		rel, err := filepath.Rel(storage, filepath.Dir(path))
		f.entries[filepath.ToSlash(filepath.Join(rel, strings.TrimPrefix(d.Name(), "_")))] = file.Value
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func readJSON(t testing.TB, path string, to any) {
	t.Helper()
	b, err := fs.ReadFile(os.DirFS("."), filepath.ToSlash(path))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, to); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func (f *fixture) keyring(t testing.TB) *barrier.Keyring {
	t.Helper()
	k, err := barrier.OpenKeyring(f.entries[barrier.KeyringPath], f.root)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Wipe)
	return k
}

// open opens an entry with the fixture's own keyring.
func (f *fixture) open(t testing.TB, k *barrier.Keyring, path string) secret.Bytes {
	t.Helper()
	plain, err := barrier.Open(f.entries[path], path, k.Key)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(plain.Wipe)
	return plain
}

// take is a secret made of test text.
func take(t testing.TB, text string) secret.Bytes {
	t.Helper()
	s := secret.Take([]byte(text))
	t.Cleanup(s.Wipe)
	return s
}
