//go:build cgo

package hsm_test

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"conclave/hsm"
	"conclave/hsm/secret"
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
	if !i.Clock.IsZero() { // it gives the machine's time, and says that it has no clock
		t.Errorf("its clock says %s", i.Clock)
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
	crowd(t, token, 25)
}

// crowd is 12 at once, each so many times.
func crowd(t *testing.T, token *hsm.Token, times int) {
	t.Helper()
	var wg sync.WaitGroup
	for range 12 {
		wg.Go(func() {
			for i := range times {
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
