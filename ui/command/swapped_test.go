package command

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"conclave/ceremony/plan"
	"conclave/vaultstate"
	"conclave/vaultstate/pgp"
	"conclave/vaultstate/serverconfig"
)

// TestKeyFileSwapped: a key file is read once. Exchanged after that, the share
// goes to the key that was agreed to; exchanged before, the plan that is read
// aloud has another hash.
func TestKeyFileSwapped(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "alice.asc")
	put := func() (fingerprint string) {
		_, k, err := pgp.GenerateKey("Alice Example", time.Now().Add(-time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		b, err := k.Armor(false)
		if err == nil {
			err = os.WriteFile(file, b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		return k.Fingerprint
	}
	p := &Process{Now: time.Now}
	agreed := func(swap func()) *plan.Plan {
		f := p.flagsOf(vaultstate.Init)
		f.dir, f.id, f.operator, f.witnesses, f.rootToken = dir, "KC-1", "Olga", []string{"Wim"}, "none"
		for name, value := range map[string]string{"recovery-shares": "1", "recovery-threshold": "1", "recovery-pgp-keys": file, "custodian": "Alice"} {
			if err := f.set.Set(name, value); err != nil {
				t.Fatal(err)
			}
		}
		q, _, err := p.request(vaultstate.Init, f, &target{hsm: &serverconfig.HSM{}})
		if err != nil {
			t.Fatal(err)
		}
		swap()
		got, err := f.agreed(q, p.Now())
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	alice := put()
	before := agreed(func() { put() })
	if got := before.Keys[0].Fingerprint; got != alice {
		t.Errorf("the share goes to %s, and %s was read", got, alice)
	}
	if after := agreed(func() {}); after.HashHex() == before.HashHex() {
		t.Error("another key file, and the same hash is read aloud")
	}
}
