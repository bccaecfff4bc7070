//go:build cgo

package hsm_test

import (
	"slices"
	"testing"

	"conclave/hsm"
)

// TestDestroyKey: the key that is named is gone with all its objects, and what
// is beside it stays. Both are seen over the one login.
func TestDestroyKey(t *testing.T) {
	old, cfg := ready(t)
	if _, err := old.FindKey(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		to      hsm.Config
		objects int
	}{
		{"AES-GCM", hsm.Config{KeyLabel: "new", KeyID: "02"}, 1},
		{"AES-CBC with HMAC", hsm.Config{KeyLabel: "new", KeyID: "02", Mechanism: "CKM_AES_CBC_PAD", HMACKeyLabel: "mac", HMACKeyID: "03"}, 2},
		{"RSA-OAEP", hsm.Config{KeyLabel: "new", KeyID: "02", Mechanism: "CKM_RSA_PKCS_OAEP", OAEPHash: "sha1"}, 2},
	} {
		to := old.Other(c.to)
		if _, err := to.GenerateKey(t.Context()); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		blob, err := to.Wrap(t.Context(), pin("an old secret of thirty-two byte"))
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if got := count(t, old); got != 1+c.objects {
			t.Errorf("%s: %d objects, want %d", c.name, got, 1+c.objects)
		}
		old.Calls()
		if err := to.DestroyKey(t.Context()); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if got := count(t, old); got != 1 {
			t.Errorf("%s: %d objects are left, want the old key alone", c.name, got)
		}
		destroyed := 0
		for _, call := range to.Calls() {
			if call.Function == "C_DestroyObject" {
				destroyed += call.Times
			}
		}
		if destroyed != c.objects {
			t.Errorf("%s: %d calls of C_DestroyObject were counted, want %d", c.name, destroyed, c.objects)
		}
		_, err = to.Unwrap(t.Context(), blob)
		fails(t, err, hsm.ErrKeyNotFound)
		fails(t, to.DestroyKey(t.Context()), hsm.ErrKeyNotFound, "Nothing was destroyed")
	}
	for _, c := range []hsm.Config{{KeyLabel: cfg.KeyLabel}, {KeyID: cfg.KeyID}} {
		if err := old.Other(c).DestroyKey(t.Context()); err == nil {
			t.Errorf("label %q and id %q alone destroyed something", c.KeyLabel, c.KeyID)
		}
	}
	fails(t, old.Other(hsm.Config{KeyLabel: cfg.KeyLabel, KeyID: "99"}).DestroyKey(t.Context()), hsm.ErrKeyNotFound)
	if _, err := old.FindKey(t.Context()); err != nil {
		t.Errorf("the key beside it: %v", err)
	}
}

func count(t *testing.T, token *hsm.Token) int {
	t.Helper()
	inv, err := token.Inventory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return len(slices.DeleteFunc(inv.Objects, func(o hsm.Object) bool { return o.Class == "data" }))
}
