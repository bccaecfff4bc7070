//go:build cgo

package command_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"conclave/vaultstate/pgp"
)

// TestWitnessKeyInPlans: the plan of every change may have the witness' key; that
// of what changes nothing may not.
func TestWitnessKeyInPlans(t *testing.T) {
	s := newSite(t)
	_, k, err := pgp.GenerateKey("Wim", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	armored, err := k.Armor(false)
	if err == nil {
		err = os.WriteFile(filepath.Join(s.dir, "wim.asc"), armored, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	const witness = "  witness \"Wim\" {\n"
	for kind, want := range map[string]struct {
		code int
		says string
	}{
		"rekey": {0, "witness-pgp-key = "}, "rotate": {0, "witness-pgp-key = "}, "re-encrypt": {0, "witness-pgp-key = "},
		"generate-root": {0, "witness-pgp-key = "}, "unseal": {2, "has no pgp_key"}, "drill": {2, "has no pgp_key"},
	} {
		name := s.plan(kind, "watched-"+kind, "-")
		text, err := os.ReadFile(name)
		if err != nil || !strings.Contains(string(text), witness) {
			t.Fatal(err, string(text))
		}
		more := fmt.Sprintf("    pgp_key = %q\n    fingerprint = %q\n", "wim.asc", k.Fingerprint)
		if err := os.WriteFile(name, []byte(strings.Replace(string(text), witness, witness+more, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		(&player{dir: s.dir, env: s.env}).says(t, want.code, []string{want.says}, "plan", "check", name)
	}
}
