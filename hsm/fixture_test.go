//go:build cgo

package hsm_test

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"google.golang.org/protobuf/proto"

	wrapping "github.com/hashicorp/go-kms-wrapping/v2"

	"conclave/hsm"
	"conclave/hsm/secret"
	"conclave/hsm/softhsm"
	"conclave/hsm/softhsm/need"
)

// fixtures are SoftHSM tokens and what OpenBao 2.5.5 sealed with them.
var fixtures = []struct {
	name      string
	cfg       hsm.Config // what the server was configured with
	ref       string
	kind      string
	mechanism string // which OpenBao does not write down
}{
	{"aes", hsm.Config{KeyLabel: "bao-aes", KeyID: "01"}, "bao-aes:01", "AES-256", hsm.AESGCM},
	{"rsa", hsm.Config{KeyLabel: "bao-rsa", KeyID: "02", OAEPHash: "sha1", Mechanism: hsm.RSAOAEP}, "bao-rsa:02", "RSA-2048", hsm.RSAOAEP},
}

// openFixture opens a copy of the token, logged in.
func openFixture(t *testing.T, name string, cfg hsm.Config) *hsm.Token {
	t.Helper()
	need.Tool(t, "softhsm")
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "tokens"), os.DirFS(filepath.Join("testdata/fixtures", name, "tokens"))); err != nil {
		t.Fatal(err)
	}
	s, err := softhsm.Open(t.Context(), dir, "ceremony")
	if err != nil {
		t.Fatal(err)
	}
	c := s.Config(cfg.KeyLabel, cfg.KeyID)
	c.OAEPHash, c.Mechanism = cfg.OAEPHash, cfg.Mechanism
	token := open(t, c)
	p := pin("user-1234")
	defer p.Wipe()
	if err := token.Login(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	return token
}

// stored reads an entry of the server's storage.
func stored(t *testing.T, name, entry string) []byte {
	t.Helper()
	var e struct{ Value []byte }
	readJSON(t, filepath.Join("testdata/fixtures", name, entry), &e)
	return e.Value
}

func readJSON(t *testing.T, path string, into any) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		t.Fatal(err)
	}
}

// TestFixtures: what OpenBao sealed opens, and what we seal with the same key
// has the form of what OpenBao seals.
func TestFixtures(t *testing.T) {
	for _, f := range fixtures {
		t.Run(f.name, func(t *testing.T) {
			token := openFixture(t, f.name, f.cfg)
			var known struct {
				Recovery string `json:"recovery_key"`
				Stored   string `json:"stored_keys"`
			}
			readJSON(t, filepath.Join("testdata/fixtures", f.name, "opened.json"), &known)
			recovery, err := hex.DecodeString(known.Recovery)
			if err != nil {
				t.Fatal(err)
			}
			checkUnwrap(t, token, stored(t, f.name, "barrier-unseal-keys.json"), known.Stored)
			theirs := stored(t, f.name, "recovery-key.json")
			checkUnwrap(t, token, theirs, string(recovery))

			ref, err := token.Describe(theirs)
			if err != nil || ref.KeyID != f.ref || ref.Mechanism != f.mechanism {
				t.Errorf("described as %+v, %v", ref, err)
			}
			k, err := token.FindKey(t.Context())
			if err != nil || k.Type != f.kind || k.Ref != f.ref {
				t.Errorf("found %+v, %v", k, err)
			}
			plain := secret.Take(recovery)
			defer plain.Wipe()
			ours, err := token.Wrap(t.Context(), plain)
			if err != nil {
				t.Fatal(err)
			}
			sameForm(t, theirs, ours)
			checkUnwrap(t, token, ours, string(plain.Expose()))
			if _, err := token.SelfTest(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

func checkUnwrap(t *testing.T, token *hsm.Token, blob []byte, want string) {
	t.Helper()
	got, err := token.Unwrap(t.Context(), blob)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Wipe()
	if string(got.Expose()) != want {
		t.Error("unwrapped something else")
	}
}

// sameForm compares two blobs field by field; only the mechanism is ours alone.
func sameForm(t *testing.T, theirs, ours []byte) {
	t.Helper()
	var a, b wrapping.BlobInfo
	if err := proto.Unmarshal(theirs, &a); err != nil {
		t.Fatal(err)
	}
	if err := proto.Unmarshal(ours, &b); err != nil {
		t.Fatal(err)
	}
	if len(a.Ciphertext) != len(b.Ciphertext) || len(a.Iv) != len(b.Iv) {
		t.Errorf("ciphertext %d, iv %d; OpenBao has %d, %d", len(b.Ciphertext), len(b.Iv), len(a.Ciphertext), len(a.Iv))
	}
	if b.KeyInfo.Mechanism == 0 {
		t.Error("the mechanism is not recorded")
	}
	b.KeyInfo.Mechanism = 0
	a.Ciphertext, a.Iv, b.Ciphertext, b.Iv = nil, nil, nil, nil
	if !proto.Equal(&a, &b) {
		t.Errorf("besides there are %v; OpenBao has %v", &b, &a)
	}
}

// TestWrongHash: a token that cannot do the configured hash says so when it
// wraps, not when the sealed data is needed.
func TestWrongHash(t *testing.T) {
	token := openFixture(t, "rsa", hsm.Config{KeyLabel: "bao-rsa", KeyID: "02", OAEPHash: "sha256", Mechanism: hsm.RSAOAEP})
	plain := secret.Random(32)
	defer plain.Wipe()
	if _, err := token.Wrap(t.Context(), plain); err == nil {
		t.Error("SoftHSM wrapped with SHA-256, which it cannot unwrap")
	}
}
