//go:build cgo && !race

package hsm_test

import (
	"strings"
	"testing"
	"time"

	"conclave/hsm"
	"conclave/hsm/softhsm"
	"conclave/hsm/worker"
)

func TestWhichToken(t *testing.T) {
	s := newStore(t)
	p := pin(testPIN)
	defer p.Wipe()
	if err := s.AddToken(t.Context(), "ceremony", p); err != nil {
		t.Fatal(err)
	}
	if err := s.AddToken(t.Context(), "other", p); err != nil {
		t.Fatal(err)
	}
	all, err := hsm.Tokens(t.Context(), s.Lib, s.Env())
	if err != nil || len(all) != 3 {
		t.Fatalf("%d tokens, %v", len(all), err)
	}
	var twins []hsm.Info
	for _, i := range all {
		if i.Label == "ceremony" {
			twins = append(twins, i)
		}
	}
	cfg := s.Config("vault", "01")
	_, err = hsm.Open(t.Context(), cfg)
	fails(t, err, hsm.ErrTokenAmbiguous, twins[0].Serial, twins[1].Serial)

	same := func(a, b hsm.Info) bool {
		a.Clock, b.Clock = time.Time{}, time.Time{} // it goes
		return a == b
	}
	for _, want := range twins {
		cfg.TokenSerial = want.Serial
		if got, err := open(t, cfg).Info(t.Context()); err != nil || !same(got, want) {
			t.Errorf("by serial: %+v, %v; want %+v", got, err, want)
		}
		cfg.TokenSerial, cfg.Slot = "", &want.Slot
		if got, err := open(t, cfg).Info(t.Context()); err != nil || !same(got, want) {
			t.Errorf("by slot: %+v, %v; want %+v", got, err, want)
		}
		cfg.Slot = nil
	}
	cfg.TokenLabel = "missing"
	_, err = hsm.Open(t.Context(), cfg)
	fails(t, err, hsm.ErrTokenNotFound, `"missing"`, `"other"`, `"ceremony"`)
}

func TestWhichKey(t *testing.T) {
	s := newStore(t)
	with := func(label, id, mechanism string) *hsm.Token {
		cfg := s.Config(label, id)
		cfg.Mechanism, cfg.OAEPHash = mechanism, "sha1"
		token := open(t, cfg)
		login(t, token)
		return token
	}
	_, err := with("vault", "01", "").FindKey(t.Context())
	fails(t, err, hsm.ErrKeyNotFound, `"vault"`, "01")

	k, err := with("vault", "01", "").GenerateKey(t.Context())
	if err != nil || !k.Generated || k.Ref != "vault:01" || k.ID != "01" {
		t.Fatalf("%+v, %v", k, err)
	}
	// Refused by label alone, and by id alone.
	_, err = with("vault", "02", "").GenerateKey(t.Context())
	fails(t, err, hsm.ErrKeyExists, "vault")
	_, err = with("vault", "", "").GenerateKey(t.Context())
	fails(t, err, hsm.ErrKeyExists, "vault")
	_, err = with("other", "01", "").GenerateKey(t.Context())
	fails(t, err, hsm.ErrKeyExists, "01")

	// Without an id a random one is made, and the reference stays "label:".
	if k, err = with("plain", "", "AES_GCM").GenerateKey(t.Context()); err != nil || k.Ref != "plain:" || len(k.ID) != 32 {
		t.Fatalf("%+v, %v", k, err)
	}
	if k, err = with("pair", "07", "RSA_PKCS_OAEP").GenerateKey(t.Context()); err != nil || k.Type != "RSA-2048" || k.OAEPHash != "sha1" {
		t.Fatalf("%+v, %v", k, err)
	}
	if _, err = with("pair", "", "").FindKey(t.Context()); err != nil {
		t.Error(err)
	}
	_, err = with("pair", "07", "CKM_AES_GCM").FindKey(t.Context())
	if err == nil || !strings.Contains(err.Error(), "wrong type") {
		t.Errorf("an RSA key for AES-GCM: %v", err)
	}
	for _, cfg := range []hsm.Config{
		{KeyLabel: "vault", KeyID: "0x01"}, {KeyLabel: "vault", KeyID: "1"}, {KeyLabel: "vault", Mechanism: "CKM_AES_CBC_PAD"},
		{KeyLabel: "pair", OAEPHash: "md5"}, {KeyLabel: ""},
	} {
		token := with(cfg.KeyLabel, cfg.KeyID, cfg.Mechanism)
		if cfg.OAEPHash != "" {
			c := s.Config(cfg.KeyLabel, "")
			c.OAEPHash = cfg.OAEPHash
			token = open(t, c)
			login(t, token)
		}
		if k, err := token.FindKey(t.Context()); err == nil {
			t.Errorf("%+v found %+v", cfg, k)
		}
	}
}

// TestTwoKeysOfOneLabel: the label alone is not enough then, and of two keys
// with the same label and id none is used.
func TestTwoKeysOfOneLabel(t *testing.T) {
	s := newStore(t)
	addKey(t, s, "vault", 1)
	addKey(t, s, "vault", 2)
	find := func(id string) error {
		token := open(t, s.Config("vault", id))
		login(t, token)
		_, err := token.FindKey(t.Context())
		return err
	}
	fails(t, find(""), hsm.ErrKeyAmbiguous, `"01"`, `"02"`)
	if err := find("01"); err != nil {
		t.Error(err)
	}
	addKey(t, s, "vault", 1)
	fails(t, find("01"), hsm.ErrKeyAmbiguous, "2 secret")
}

// addKey makes a key without asking whether there is one.
func addKey(t *testing.T, s *softhsm.Store, label string, id byte) {
	t.Helper()
	addKind(t, s.Config("", ""), worker.KeyTypeAES, label, id)
}
