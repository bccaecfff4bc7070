//go:build cgo && !race

package rehearse_test

import (
	"os"
	"path/filepath"
	"testing"

	"conclave/ceremony"
	"conclave/hsm/softhsm/need"
	"conclave/vaultstate"
)

// TestFaultsJudged: TestTokenFaults finds a page that helps nobody, and a state
// that does not open any more.
func TestFaultsJudged(t *testing.T) {
	need.Tool(t, "softhsm")
	f := fault{vaultstate.Rotate, "C_Encrypt", 0, 0x30}
	good := ceremony.Problem{Happened: "The HSM reported a fault.", Do: "Try again.", Code: "C_Encrypt, CKR_DEVICE_ERROR, 0x30"}
	for name, c := range map[string]struct {
		change func(*ceremony.Problem)
		wrong  bool
	}{
		"good":     {func(*ceremony.Problem) {}, false},
		"no words": {func(p *ceremony.Problem) { p.Happened = "There are no better words for it." }, true},
		"empty":    {func(p *ceremony.Problem) { p.Happened = "" }, true},
		"no way":   {func(p *ceremony.Problem) { p.Do = "" }, true},
		"no code":  {func(p *ceremony.Problem) { p.Code = "C_Encrypt" }, true},
		"another":  {func(p *ceremony.Problem) { p.Code = "C_Encrypt, CKR_HOST_MEMORY, 0x02" }, true},
	} {
		p := good
		c.change(&p)
		if err := (after{fault: f, pages: []ceremony.Problem{p}}).said(); (err != nil) != c.wrong {
			t.Errorf("%s: %v", name, err)
		}
	}

	for _, entry := range []string{"recovery-key", "root-key", "keyring", "hsm/barrier-unseal-keys"} {
		w := initialised(t)
		file := filepath.Join(w.Storage, "core", filepath.Dir(entry), "_"+filepath.Base(entry))
		b, err := os.ReadFile(file) // #nosec G304 -- of this test
		if err != nil {
			t.Fatal(err)
		}
		b[len(b)/2] ^= 1
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := (after{fault: f, w: w}).goesOn(t); err == nil {
			t.Errorf("with a changed bit in %s the state is taken for a good one", entry)
		}
	}
}
