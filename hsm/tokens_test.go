//go:build cgo

package hsm_test

import (
	"strings"
	"testing"

	"conclave/hsm"
	"conclave/hsm/secret"
)

// What the tests of single tokens share.

// cannot: a mechanism does not pass the self-test, and the error says which.
func cannot(t *testing.T, cfg hsm.Config, code string) {
	t.Helper()
	token := open(t, cfg)
	login(t, token)
	lines, err := token.SelfTest(t.Context())
	if err == nil || !strings.Contains(err.Error(), "This token cannot do "+cfg.Mechanism) || !strings.Contains(err.Error(), code) {
		t.Errorf("the self-test of %s gives %v, %v", cfg.Mechanism, lines, err)
	}
	_ = token.Close()
}

// chooses: where no mechanism is configured one is taken, and of those before it
// is said why they are not. What it seals opens after a new login.
func chooses(t *testing.T, cfg hsm.Config, want string, not ...string) {
	t.Helper()
	cfg.Mechanism = ""
	token := open(t, cfg)
	login(t, token)
	lines, err := token.SelfTest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	text := ""
	for _, l := range lines {
		text += l.Text + "\n"
	}
	for _, m := range not {
		if !strings.Contains(text, m+" does not pass: ") {
			t.Errorf("it is not said why %s is not taken: %s", m, text)
		}
	}
	if !strings.Contains(text, want+" is the first mechanism that passes") {
		t.Errorf("%s is not taken: %s", want, text)
	}
	plain := secret.Random(48)
	defer plain.Wipe()
	blob, err := token.Wrap(t.Context(), plain)
	if err != nil {
		t.Fatal(err)
	}
	_ = token.Close()
	token = open(t, cfg)
	login(t, token)
	if !unwraps(t, token, blob, plain) {
		t.Error("after a new login it opens to other bytes")
	}
	_ = token.Close()
}

// besides tries what a ceremony needs beside the key: a key that signs, or what
// is said of it; a data object; random bytes; the list of all of it; and many
// calls at once.
func besides(t *testing.T, cfg hsm.Config, unsigned string) {
	t.Helper()
	token := open(t, cfg)
	login(t, token)
	defer func() { _ = token.Close() }()
	k, err := token.GenerateSigningKey(t.Context(), "signer")
	switch {
	case unsigned != "":
		if err == nil || !strings.Contains(err.Error(), unsigned) {
			t.Errorf("a key that signs: %+v, %v", k, err)
		}
	case err != nil || k.Type != "ECDSA P-256":
		t.Errorf("a key that signs: %+v, %v", k, err)
	default:
		if _, err := token.Sign(t.Context(), "signer", []byte("a record")); err != nil {
			t.Errorf("signing: %v", err)
		}
	}
	for _, v := range []string{"first", "second"} {
		if err := token.PutData(t.Context(), "note", []byte(v)); err != nil {
			t.Errorf("a data object: %v", err)
		}
		if got, err := token.Data(t.Context(), "note"); err != nil || len(got) != 1 || string(got[0]) != v {
			t.Errorf("the data object holds %q, %v; want %q", got, err, v)
		}
	}
	r, err := token.Random(t.Context(), 256)
	if err != nil || r.Len() != 256 {
		t.Errorf("%d random bytes, %v", r.Len(), err)
	}
	r.Wipe()
	inv, err := token.Inventory(t.Context())
	if err != nil || inv.Count != len(inv.Objects) || inv.Count < 2 {
		t.Errorf("the list has %d of %d objects, %v", len(inv.Objects), inv.Count, err)
	}
	crowd(t, token, 3)
	for _, o := range inv.Objects {
		if o.Unread != "" {
			t.Errorf("not read of %q: %s", o.Label, o.Unread)
		}
	}
}
