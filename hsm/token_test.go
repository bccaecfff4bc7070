//go:build cgo

package hsm_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"conclave/hsm"
	"conclave/hsm/secret"
	"conclave/hsm/softhsm"
	"conclave/hsm/worker"
)

// fails wants an error that is sentinel and says all of words.
func fails(t *testing.T, err, sentinel error, words ...string) {
	t.Helper()
	if !errors.Is(err, sentinel) {
		t.Errorf("got %v, want %v", err, sentinel)
		return
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%q does not name %s", err, w)
		}
	}
}

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

	for _, want := range twins {
		cfg.TokenSerial = want.Serial
		if got, err := open(t, cfg).Info(t.Context()); err != nil || got != want {
			t.Errorf("by serial: %+v, %v; want %+v", got, err, want)
		}
		cfg.TokenSerial, cfg.Slot = "", &want.Slot
		if got, err := open(t, cfg).Info(t.Context()); err != nil || got != want {
			t.Errorf("by slot: %+v, %v; want %+v", got, err, want)
		}
		cfg.Slot = nil
	}
	cfg.TokenLabel = "missing"
	_, err = hsm.Open(t.Context(), cfg)
	fails(t, err, hsm.ErrTokenNotFound, `"missing"`, `"other"`, `"ceremony"`)
}

func TestInfo(t *testing.T) {
	i, err := open(t, newStore(t).Config("vault", "")).Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if i.Label != "ceremony" || i.Manufacturer != "SoftHSM project" || i.Model != "SoftHSM v2" || len(i.Serial) != 16 ||
		i.PIN != hsm.PINOK || i.MinPIN != 4 || i.MaxPIN != 255 || i.ProtectedPath || !i.Software || len(i.LibrarySHA256) != 64 ||
		!strings.HasSuffix(i.Library, "libsofthsm2.so") || !strings.HasPrefix(i.LibraryInfo, "Implementation of PKCS11") {
		t.Errorf("%+v", i)
	}
}

func TestLibraryThatCannotBeLoaded(t *testing.T) {
	for _, c := range []struct{ lib, word string }{
		{"/no/such/library.so", "No such file"},
		{"/proc/self/status", "invalid ELF header"},
		{"libdl.so.2", "not a PKCS#11 library"},
		{"", "no path"},
	} {
		_, err := hsm.Open(t.Context(), hsm.Config{Lib: c.lib, TokenLabel: "x"})
		fails(t, err, hsm.ErrNoLibrary, c.word)
	}
}

func TestLogin(t *testing.T) {
	token := open(t, newStore(t).Config("vault", "01"))
	_, err := token.FindKey(t.Context())
	fails(t, err, hsm.ErrNotLoggedIn)

	try := func(s string) error {
		p := pin(s)
		defer p.Wipe()
		return token.Login(t.Context(), p)
	}
	fails(t, try(""), hsm.ErrPINLength)
	fails(t, try("123"), hsm.ErrPINLength, "4 to 255")
	fails(t, try(strings.Repeat("1", 256)), hsm.ErrPINLength)
	if i, _ := token.Info(t.Context()); i.PIN != hsm.PINOK {
		t.Errorf("refused lengths cost a try: %s", i.PIN)
	}
	fails(t, try("wrong-pin"), hsm.ErrPINIncorrect, "0xA0")
	if i, _ := token.Info(t.Context()); i.PIN != hsm.PINCountLow {
		t.Errorf("PIN state %s after a wrong try", i.PIN)
	}
	if err := try(testPIN); err != nil {
		t.Fatal(err)
	}
	// A wrong PIN is noticed although somebody is logged in; nobody is after it.
	fails(t, try("wrong-pin"), hsm.ErrPINIncorrect)
	_, err = token.FindKey(t.Context())
	fails(t, err, hsm.ErrNotLoggedIn)
	if err := try(testPIN); err != nil {
		t.Fatal(err)
	}
	if err := token.Logout(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err = token.FindKey(t.Context())
	fails(t, err, hsm.ErrNotLoggedIn)
	fails(t, token.Logout(t.Context()), hsm.ErrNotLoggedIn)
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

func TestBlobOfAnotherKey(t *testing.T) {
	token, cfg := ready(t)
	plain := secret.Random(32)
	defer plain.Wipe()
	blob, err := token.Wrap(t.Context(), plain)
	if err != nil {
		t.Fatal(err)
	}
	cfg.KeyLabel, cfg.KeyID = "second", "02"
	second := open(t, cfg)
	login(t, second)
	if _, err := second.GenerateKey(t.Context()); err != nil {
		t.Fatal(err)
	}
	// The key is the one that the blob names, whatever is configured.
	got, err := second.Unwrap(t.Context(), blob)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Wipe()
	if !got.Equal(plain) {
		t.Error("unwrapped other bytes")
	}
	// In a token without that key it does not open.
	stranger, _ := ready(t)
	if _, err = stranger.Unwrap(t.Context(), blob); !errors.Is(err, hsm.ErrWrongKey) {
		t.Errorf("a key of the same name in another token: %v", err)
	}
	if _, err := stranger.SelfTest(t.Context()); err != nil {
		t.Errorf("after an error: %v", err)
	}
}

// TestConcurrency: many at once, with an error among them now and then, which
// must not hurt the others: its session is dropped.
func TestConcurrency(t *testing.T) {
	token, _ := ready(t)
	var wg sync.WaitGroup
	for range 12 {
		wg.Go(func() {
			for i := range 25 {
				plain := secret.Random(48)
				blob, err := token.Wrap(t.Context(), plain)
				if err != nil {
					t.Error(err)
					return
				}
				got, err := token.Unwrap(t.Context(), blob)
				if err != nil || !got.Equal(plain) {
					t.Errorf("unwrapped other bytes, or %v", err)
				}
				secret.WipeAll([]secret.Bytes{plain, got})
				if i%5 == 0 {
					blob[len(blob)/2] ^= 1
					if got, err := token.Unwrap(t.Context(), blob); err == nil {
						got.Wipe()
						t.Error("a changed blob opened")
					}
				}
			}
		})
	}
	wg.Wait()
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
	w, err := worker.Start(s.Env())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = w.Close() }()
	const limit = 10 * time.Second
	if _, err := w.Load(t.Context(), limit, s.Lib); err != nil {
		t.Fatal(err)
	}
	slots, err := w.Slots(t.Context(), limit)
	if err != nil {
		t.Fatal(err)
	}
	p := pin(testPIN)
	defer p.Wipe()
	if err := w.Login(t.Context(), limit, slots[0], p); err != nil {
		t.Fatal(err)
	}
	if err := w.Generate(t.Context(), limit, worker.KeyTypeAES, 256, label, []byte{id}); err != nil {
		t.Fatal(err)
	}
}
