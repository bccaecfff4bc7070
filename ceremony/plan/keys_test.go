package plan_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"conclave/ceremony/plan"
	"conclave/vaultstate/pgp"
)

// TestKindsOfKey gives one custodian a key of every kind. What cannot be used is
// refused with its file and the reason, before there is a plan; what is weak or
// ends soon is in the plan that is read aloud.
func TestKindsOfKey(t *testing.T) {
	private, _, err := pgp.GenerateKey("Bob Baker", day)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := private.Armor()
	if err != nil {
		t.Fatal(err)
	}
	others := []plan.File{}
	for _, name := range []string{"Alice", "Carol", "Dora", "Erik"} {
		others = append(others, key(t, name, day.AddDate(-1, 0, 0)))
	}
	for _, c := range []struct {
		name            string
		data            []byte // nil: of testdata
		refused, warned string
		text            string // in the plan
	}{
		{name: "rsa1024", refused: "Nothing can be encrypted to this key: RSA 1024 is too weak; 2048 bits are the least, 3072 or more are better."},
		{name: "rsa2048", warned: "RSA with 2048 bits is weak for a share that lives for years; 3072 or more are better."},
		{name: "rsa4096", text: "of rsa4096 Example <rsa4096@example.org>"},
		{name: "cv25519"},
		{name: "nistp256"},
		{name: "brainpool"},
		{name: "dsaelg", refused: "DSA 2048 is refused: DSA and ElGamal are no longer safe to use."},
		{name: "expired", refused: "Nothing can be encrypted to this key: it expired on 2026-01-01. Have its holder export a key that can be used"},
		{name: "ending", warned: "The key expires on 2027-01-01, before 2027-11-25: nothing can be encrypted to it then, but what is encrypted now can still be read."},
		{name: "revoked", refused: "Nothing can be encrypted to this key: it is revoked."},
		{name: "signonly", refused: "Nothing can be encrypted to this key: it has no subkey for encryption."},
		{name: "v6", refused: "it is a key of version 6, which GnuPG 2.2 does not read: give one of version 4"},
		{name: "two", refused: "there is more than one key in the file; exactly one is needed"},
		{name: "private", data: secret, refused: "it holds a private key: give the public key alone, and keep the private one off this machine"},
		{name: "garbage", data: []byte("this is not a key!"), refused: "it is neither armored nor binary nor base64"},
		{name: "empty", data: []byte{}, refused: "the file is empty"},
		{name: "hostile", text: `of Mallory\x1b]0;owned\x07\u202e`},
		{name: "twice", data: others[2].Data, refused: "dora.asc and twice.asc are the same key"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := plan.File{Name: c.name + ".asc", Data: c.data}
			if c.data == nil {
				b, err := os.ReadFile(filepath.Join("testdata", "keys", f.Name))
				if err != nil {
					t.Fatal(err)
				}
				f.Data = b
			}
			q := good()
			q.RecoveryKeys = []plan.File{others[0], others[1], others[2], others[3], f}
			p, fields, text := problems(t, q)
			if c.refused != "" {
				if p != nil || len(fields) != 1 || fields[0] != "recovery-pgp-keys" || !strings.Contains(text, c.refused) || !strings.Contains(text, f.Name) {
					t.Errorf("%v: %s\nwant %q", fields, text, c.refused)
				}
				return
			}
			if p == nil {
				t.Fatalf("refused: %s", text)
			}
			want := ""
			if c.warned != "" {
				want = f.Name + ": " + c.warned
			}
			if got := strings.Join(p.Warnings, "\n"); got != want {
				t.Errorf("warned of %q, want %q", got, want)
			}
			all := strings.Join(p.Text(), "\n")
			if !strings.Contains(all, c.warned) || !strings.Contains(all, c.text) || strings.ContainsAny(all, "\x1b\x07\u202e") {
				t.Errorf("the plan says %q", all)
			}
		})
	}
}
