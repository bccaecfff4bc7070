//go:build cgo

package hsm_test

import (
	"testing"
	"time"

	"conclave/hsm"
	"conclave/hsm/secret"
	"conclave/hsm/softhsm/need"
	"conclave/hsm/worker"
)

// newNSS makes a database of NSS's softoken, with a user PIN, and returns a
// configuration for it.
func newNSS(t *testing.T) hsm.Config {
	t.Helper()
	cfg := hsm.Config{Lib: need.Tool(t, "nss"), TokenLabel: "ceremony", KeyLabel: "vault", KeyID: "01", Env: []string{
		worker.EnvParameters + "=configdir='sql:" + t.TempDir() + "' certPrefix='' keyPrefix='' secmod='secmod.db' flags= " +
			"dbTokenDescription='ceremony' dbSlotDescription='NSS slot'"}}
	w, err := worker.Start(cfg.Env)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = w.Close() }()
	const limit = 10 * time.Second
	if _, err := w.Load(t.Context(), limit, cfg.Lib); err != nil {
		t.Fatal(err)
	}
	slots, err := w.Slots(t.Context(), limit)
	if err != nil {
		t.Fatal(err)
	}
	if len(slots) != 2 {
		t.Fatalf("NSS shows %d slots", len(slots))
	}
	p := pin(testPIN)
	defer p.Wipe()
	if err := w.InitToken(t.Context(), limit, slots[1], cfg.TokenLabel, secret.Bytes{}, p); err != nil {
		t.Fatal(err)
	}
	return cfg
}

// TestNSSTwoKeysOfOneID: NSS answers CKR_OK to a second key with the id of a
// first, which is gone then with all that it sealed. None is made here.
func TestNSSTwoKeysOfOneID(t *testing.T) {
	cfg := newNSS(t)
	token := open(t, cfg)
	login(t, token)
	if _, err := token.GenerateKey(t.Context()); err != nil {
		t.Fatal(err)
	}
	plain := secret.Random(32)
	defer plain.Wipe()
	blob, err := token.Wrap(t.Context(), plain)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []hsm.Config{
		{KeyLabel: "other", KeyID: "01"},
		{KeyLabel: "other", KeyID: "02", HMACKeyLabel: "mac", HMACKeyID: "01"},
		{KeyLabel: "other", KeyID: "02", HMACKeyLabel: "mac", HMACKeyID: "02"},
	} {
		c.Lib, c.TokenLabel, c.Env, c.Mechanism = cfg.Lib, cfg.TokenLabel, cfg.Env, hsm.AESCBC
		if c.HMACKeyLabel == "" {
			c.Mechanism = ""
		}
		second := open(t, c)
		login(t, second)
		_, err := second.GenerateKey(t.Context())
		fails(t, err, hsm.ErrKeyExists, "Nothing was created")
	}
	got, err := token.Unwrap(t.Context(), blob)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Wipe()
	if !got.Equal(plain) {
		t.Error("unwrapped other bytes")
	}
}

// TestNSSWithoutParameters: the sentence says what is missing.
func TestNSSWithoutParameters(t *testing.T) {
	_, err := hsm.Open(t.Context(), hsm.Config{Lib: need.Tool(t, "nss"), TokenLabel: "ceremony"})
	fails(t, err, hsm.ErrNoLibrary, worker.EnvParameters, "configdir")
	_, err = hsm.Open(t.Context(), hsm.Config{Lib: need.Tool(t, "nss"), TokenLabel: "ceremony",
		Env: []string{worker.EnvParameters + "=configdir='sql:/no/such/directory' certPrefix='' keyPrefix='' secmod='secmod.db' flags="}})
	fails(t, err, hsm.ErrTokenGone, "NSS key database")
}
