package command_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// TestOneKeyOneVault: a new vault is not sealed with the key of a SoftHSM token
// that another vault's records name.
func TestOneKeyOneVault(t *testing.T) {
	t.Parallel()
	v := newAESVault(t)
	people := []string{"-dir", "..", "-plain", "-allow-piped-secrets", "-operator", "Olga", "-witness", "Wim"}
	three := []string{"-custodian", "Alice", "-custodian", "Bob", "-custodian", "Carol"}
	v.shares = v.old[:3]
	v.want(0, "data encryption key is rotated", []string{"rotate", "-id", "first"}, v.config(), people, three)

	b, err := os.ReadFile(filepath.Join(v.dir, "bao.hcl"))
	if err != nil {
		t.Fatal(err)
	}
	other := bytes.Replace(b, []byte(`path = "storage"`), []byte(`path = "staging"`), 1)
	if err := os.WriteFile(filepath.Join(v.dir, "staging.hcl"), other, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(v.dir, "staging"), 0o700); err != nil {
		t.Fatal(err)
	}
	initialise := []string{"init", "-config", "staging.hcl", "-hsm-lib", v.lib, "-recovery-shares=3", "-recovery-threshold=2"}
	v.want(1, "seals another vault, too: "+filepath.Join(v.dir, "storage")+", by the record", initialise, people, three, []string{"-id", "second"})
	if left, err := os.ReadDir(filepath.Join(v.dir, "staging")); err != nil || len(left) > 0 {
		t.Errorf("%v, %v", left, err)
	}
	elsewhere := t.TempDir() // where no record says so, nothing is known
	people[1] = elsewhere
	v.want(0, "The vault is initialised", initialise, people, three, []string{"-id", "third"})
}
