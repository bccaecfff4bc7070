//go:build cgo

package hsm_test

import (
	"errors"
	"strings"
	"testing"

	"conclave/hsm"
	"conclave/hsm/secret"
)

// TestShimPINStates shows the token's warnings, and that no state costs more than
// the one try that a person made.
func TestShimPINStates(t *testing.T) {
	s := newShimmed(t)
	token := s.open()
	for _, c := range []struct {
		flags  string
		state  hsm.PINState
		pin    string
		is     error
		text   string
		logins int
	}{
		{"", hsm.PINOK, testPIN, nil, "", 1},
		{"flags +USER_PIN_COUNT_LOW", hsm.PINCountLow, testPIN, nil, "", 1},
		{"flags +USER_PIN_COUNT_LOW", hsm.PINCountLow, "00000000", hsm.ErrPINIncorrect, "A wrong try was already made.", 1},
		{"flags +USER_PIN_FINAL_TRY", hsm.PINFinalTry, "00000000", hsm.ErrPINIncorrect, "ONE try is left, then the token locks.", 1},
		{"flags +USER_PIN_COUNT_LOW +USER_PIN_FINAL_TRY", hsm.PINFinalTry, testPIN, nil, "", 1},
		{"flags +USER_PIN_LOCKED", hsm.PINLocked, testPIN, hsm.ErrPINLocked, "", 0},
		{"flags -USER_PIN_INITIALIZED", hsm.PINNotSet, testPIN, hsm.ErrPINNotSet, "no user PIN yet", 0},
		{"", hsm.PINCountLow, "123", hsm.ErrPINLength, "", 0}, // SoftHSM remembers the wrong tries
		{"", hsm.PINCountLow, strings.Repeat("1", 256), hsm.ErrPINLength, "", 0},
		{"", hsm.PINCountLow, "", hsm.ErrPINLength, "", 0},
		{"", hsm.PINCountLow, testPIN, nil, "", 1},
		{"", hsm.PINOK, testPIN, nil, "", 1},
	} {
		t.Run(c.flags+" "+string(c.state), func(t *testing.T) {
			if c.state == hsm.PINCountLow && c.flags == "" {
				// Nobody else logged in right since: make it so.
				s.Set()
				err := token.Login(t.Context(), pin("00000000"))
				if !errors.Is(err, hsm.ErrPINIncorrect) || !strings.Contains(err.Error(), "A wrong try was already made.") {
					t.Fatalf("a wrong PIN gives %v, without the flag that this try set", err)
				}
			}
			s.Set(c.flags)
			info, err := token.Info(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if info.PIN != c.state {
				t.Errorf("the state is %q, want %q", info.PIN, c.state)
			}
			err = token.Login(t.Context(), pin(c.pin))
			if !errors.Is(err, c.is) || err != nil && !strings.Contains(err.Error(), c.text) {
				t.Errorf("Login gives %v, want %v with %q", err, c.is, c.text)
			}
			if got := s.count("C_Login"); got != c.logins {
				t.Errorf("C_Login was called %d times, want %d", got, c.logins)
			}
		})
	}
}

// TestShimWrongPINIsNotRepeated: what needs a login after a wrong PIN says so, and
// no call tries a PIN by itself.
func TestShimWrongPINIsNotRepeated(t *testing.T) {
	s := newShimmed(t)
	token := s.ready()
	blob := s.wrap()
	s.Set()
	if err := token.Login(t.Context(), pin("00000000")); !errors.Is(err, hsm.ErrPINIncorrect) {
		t.Fatalf("a wrong PIN while logged in gives %v, want %v", err, hsm.ErrPINIncorrect)
	}
	key := rootKey()
	defer key.Wipe()
	if _, err := token.Wrap(t.Context(), key); !errors.Is(err, hsm.ErrNotLoggedIn) {
		t.Errorf("Wrap gives %v, want %v", err, hsm.ErrNotLoggedIn)
	}
	if _, err := token.Unwrap(t.Context(), blob); !errors.Is(err, hsm.ErrNotLoggedIn) {
		t.Errorf("Unwrap gives %v, want %v", err, hsm.ErrNotLoggedIn)
	}
	if _, err := token.FindKey(t.Context()); !errors.Is(err, hsm.ErrNotLoggedIn) {
		t.Errorf("FindKey gives %v, want %v", err, hsm.ErrNotLoggedIn)
	}
	if _, err := token.GenerateKey(t.Context()); !errors.Is(err, hsm.ErrNotLoggedIn) {
		t.Errorf("GenerateKey gives %v, want %v", err, hsm.ErrNotLoggedIn)
	}
	if got := s.count("C_Login"); got != 1 {
		t.Errorf("C_Login was called %d times, want 1", got)
	}
	s.works(blob)
}

// TestShimLastTryUsedUp: a token that says PIN_INCORRECT and locks by it must not
// be asked again.
func TestShimLastTryUsedUp(t *testing.T) {
	s := newShimmed(t)
	token := s.open()
	s.Set("C_Login return 0xA0", "flags +USER_PIN_FINAL_TRY")
	err := token.Login(t.Context(), pin(testPIN))
	if !errors.Is(err, hsm.ErrPINIncorrect) || !strings.Contains(err.Error(), "ONE try is left") {
		t.Errorf("the try before the last gives %v", err)
	}
	s.Set("C_Login return 0xA4", "flags +USER_PIN_COUNT_LOW")
	if err := token.Login(t.Context(), pin(testPIN)); !errors.Is(err, hsm.ErrPINLocked) {
		t.Errorf("CKR_PIN_LOCKED gives %v", err)
	}
	if got := s.count("C_Login"); got != 1 {
		t.Errorf("C_Login was called %d times, want 1", got)
	}
}

// TestShimProtectedPath logs in without a PIN where it is entered at the device.
func TestShimProtectedPath(t *testing.T) {
	s := newShimmed(t)
	token := s.open()
	s.Set("flags +PROTECTED_AUTHENTICATION_PATH", "C_Login pin "+testPIN)
	info, err := token.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !info.ProtectedPath {
		t.Error("Info shows no protected path")
	}
	if err := token.Login(t.Context(), secret.Bytes{}); err != nil {
		t.Fatal(err)
	}
	if got := s.count("C_Login"); got != 1 {
		t.Errorf("C_Login was called %d times, want 1", got)
	}
	if _, err := token.FindKey(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.opens(s.wrap())

	s.Set("flags +PROTECTED_AUTHENTICATION_PATH", "C_Login return 0xA0")
	if err := token.Login(t.Context(), secret.Bytes{}); !errors.Is(err, hsm.ErrPINIncorrect) {
		t.Errorf("a wrong PIN at the device gives %v", err)
	}
	s.Set("flags +PROTECTED_AUTHENTICATION_PATH", "C_Login return 0x50")
	if err := token.Login(t.Context(), secret.Bytes{}); err == nil || !strings.Contains(err.Error(), "cancelled at the HSM itself") {
		t.Errorf("cancelling at the device gives %v", err)
	}
	if got := s.count("C_Login"); got != 1 {
		t.Errorf("C_Login was called %d times, want 1", got)
	}
}
