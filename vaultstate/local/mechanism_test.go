//go:build cgo

package local_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"conclave/hsm"
	"conclave/hsm/secret"
	"conclave/hsm/softhsm"
	"conclave/hsm/softhsm/need"
	"conclave/vaultstate"
	"conclave/vaultstate/local"
)

// TestInitCBC: a vault that is sealed with AES-CBC and its HMAC is opened by the
// second reader, and goes through the ceremonies.
func TestInitCBC(t *testing.T) {
	need.Tool(t, "softhsm")
	for name, number := range map[string]uint{hsm.AESCBCPad: 0x1085, hsm.AESCBC: 0x1082} {
		t.Run(name, func(t *testing.T) {
			r := &real{dir: t.TempDir(), known: known{PIN: "user-1234"}}
			pin := secret.Take([]byte(r.known.PIN))
			defer pin.Wipe()
			var err error
			if r.store, err = softhsm.Create(t.Context(), t.TempDir(), "practice", pin); err != nil {
				t.Fatal(err)
			}
			cfg := r.store.Config("vault", "01")
			cfg.Mechanism, cfg.HMACKeyLabel = name, "mac"
			r.open(t, cfg, local.OpenBao)
			r.key.CBC, r.key.MACLabel = number, "mac"
			if _, err := r.token.GenerateKey(t.Context()); err != nil {
				t.Fatal(err)
			}
			r.run(t, vaultstate.Operation{ID: "first", Kind: vaultstate.Init, Shares: 2, Threshold: 2})
			st, err := r.Status(t.Context())
			if err != nil || st.SealKeyID != "vault:01" || st.SealMechanism != name || st.SealHMACKeyID != "mac:" || len(st.Warnings) > 1 {
				t.Errorf("status: %+v, %v", st, err)
			}
			r.read(t)
			out, _ := r.run(t, vaultstate.Operation{ID: "second", Kind: vaultstate.Rekey})
			if out.After.Mechanism != name {
				t.Errorf("sealed anew with %s", out.After.Mechanism)
			}
			r.read(t)
		})
	}
}

// TestRecoveryKeyOfAnotherSeal: a blob names its key, so whoever can write the
// storage could have a recovery key of their own opened with any RSA key in the
// token. Beside a root key that is sealed with AES it is refused.
func TestRecoveryKeyOfAnotherSeal(t *testing.T) {
	r := fixture(t, "aes", local.OpenBao)
	cfg := r.store.Config("other", "77")
	cfg.Mechanism, cfg.OAEPHash = hsm.RSAOAEP, "sha1"
	other, err := hsm.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	pin := secret.Take([]byte(r.known.PIN))
	defer pin.Wipe()
	if err := other.Login(t.Context(), pin); err != nil {
		t.Fatal(err)
	}
	if _, err := other.GenerateKey(t.Context()); err != nil {
		t.Fatal(err)
	}
	mine := secret.Random(32)
	defer mine.Wipe()
	blob, err := other.Wrap(t.Context(), mine)
	if err != nil {
		t.Fatal(err)
	}
	entry, err := json.Marshal(struct{ Value []byte }{blob})
	if err != nil {
		t.Fatal(err)
	}
	cfg = r.store.Config(r.known.KeyLabel, r.known.KeyID)
	cfg.OAEPHash = "sha1" // SoftHSM opens no other
	r.open(t, cfg, local.OpenBao)
	if _, _, err := r.Open(t.Context(), false, nil); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(r.dir, "core", "_recovery-key"), entry, 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, err = r.Open(t.Context(), false, nil)
	if !errors.Is(err, vaultstate.ErrChanged) || !strings.Contains(err.Error(), `"other:77"`) {
		t.Errorf("it opens: %v", err)
	}
}
