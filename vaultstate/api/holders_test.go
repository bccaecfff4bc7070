package api_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"conclave/vaultstate/api"
)

// TestRekeyToHolders: new shares for PGP keys are in the record while the old ones
// still count, and count once a threshold of them was decrypted and came back.
func TestRekeyToHolders(t *testing.T) {
	b := initialised(t)
	b.Server = sessionOf(t, api.Options{Vault: b.vault, Record: b.record, ID: "holders", Allow: everything}) // no plain shares
	private, keys := holders(t, 3)
	b.refuses(400, "", http.MethodPut, "sys/rekey-recovery-key/init", map[string]any{"secret_shares": 3, "secret_threshold": 2, "require_verification": true})
	a := b.must(http.MethodPut, "sys/rekey-recovery-key/init", map[string]any{"secret_shares": 3, "secret_threshold": 2, "require_verification": true, "pgp_keys": keys})
	for i, f := range texts(a["pgp_fingerprints"]) {
		if k, err := private[i].Key(); err != nil || k.Fingerprint != f {
			t.Errorf("the fingerprint of key %d: %s, %v", i+1, f, err)
		}
	}
	for _, s := range b.shares[:2] {
		a = b.must(http.MethodPut, "sys/rekey-recovery-key/update", map[string]any{"key": s, "nonce": a["nonce"]})
	}
	for n := 1; n <= 3; n++ {
		if f := b.record.files[fmt.Sprintf("shares/holders-1-%d.asc", n)]; !strings.HasPrefix(string(f), "-----BEGIN PGP MESSAGE-----") {
			t.Errorf("share %d is not in the record", n)
		}
	}
	if n := len(b.record.find("outcome")); n != 1 {
		t.Errorf("%d changes before the verification", n)
	}
	verify := a["verification_nonce"]
	for i, text := range texts(a["keys_base64"])[1:] {
		message := raw(t, text)
		plain, err := private[i+1].Decrypt(message.Expose())
		if err != nil {
			t.Fatal(err)
		}
		a = b.must(http.MethodPut, "sys/rekey-recovery-key/verify", map[string]any{"key": string(plain.Expose()), "nonce": verify})
	}
	if a["complete"] != true || len(b.record.find("outcome")) != 2 {
		t.Errorf("verified: %v", a)
	}
}

// TestKeptFirst: where a share cannot be kept, or the token, nothing counts, and
// nothing stays pending.
func TestKeptFirst(t *testing.T) {
	_, keys := holders(t, 2)
	for after := range 3 {
		b := newBench(t)
		b.Server = sessionOf(t, api.Options{Vault: b.vault, Record: &full{b.record, after}, ID: "full", Allow: everything})
		before := b.state()
		b.refuses(500, "", http.MethodPut, "sys/init", map[string]any{"recovery_shares": 2, "recovery_threshold": 2, "recovery_pgp_keys": keys, "root_token_pgp_key": keys[1]})
		if b.state() != before {
			t.Errorf("%d files: something was changed", after)
		}
		if void := b.record.find("void"); len(void) != 1 {
			t.Errorf("%d files: the set is not void: %v", after, void)
		}
	}
}

// full is a record whose disk is full after some files.
type full struct {
	*record
	left int
}

func (f *full) Keep(name string, data []byte) (string, error) {
	if f.left--; f.left < 0 {
		return "", errors.New("no space left on device")
	}
	return f.record.Keep(name, data)
}

func sessionOf(t *testing.T, o api.Options) *api.Server {
	t.Helper()
	s, err := api.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
