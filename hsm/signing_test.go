//go:build cgo

package hsm_test

import (
	"errors"
	"testing"

	"conclave/hsm"
)

// TestSigningKey makes and uses a key that signs: Ed25519, and P-256 where the
// token says that it has no Ed25519.
func TestSigningKey(t *testing.T) {
	s := newShimmed(t)
	for _, test := range []struct {
		name, kind string
		control    []string
		asked      int
	}{
		{"ed25519", "Ed25519", nil, 1},
		{"the other name of the curve", "Ed25519", []string{"C_GenerateKeyPair return 0x13 times 1"}, 2},
		{"p256", "ECDSA P-256", []string{"C_GenerateKeyPair return 0x70 times 2"}, 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			s.Set()
			s.ready()
			if _, err := s.token.FindSigningKey(t.Context(), test.name); !errors.Is(err, hsm.ErrKeyNotFound) {
				t.Fatalf("before it was made: %v", err)
			}
			if _, err := s.token.Sign(t.Context(), test.name, []byte("x")); !errors.Is(err, hsm.ErrKeyNotFound) {
				t.Fatalf("signed before it was made: %v", err)
			}
			s.Set(test.control...)
			made, err := s.token.GenerateSigningKey(t.Context(), test.name)
			if err != nil {
				t.Fatal(err)
			}
			if n := s.count("C_GenerateKeyPair"); n != test.asked {
				t.Errorf("asked for %d kinds, want %d", n, test.asked)
			}
			s.Set()
			if a := made.Attributes; made.Type != test.kind || !made.Generated || a["CKA_SIGN"] != "true" || a["CKA_EXTRACTABLE"] != "false" || a["CKA_SENSITIVE"] != "true" {
				t.Errorf("made %+v", made)
			}
			if _, err := s.token.GenerateSigningKey(t.Context(), test.name); !errors.Is(err, hsm.ErrKeyExists) {
				t.Errorf("made again: %v", err)
			}
			message := []byte("conclave/KC-1\n3\n")
			sig, err := s.token.Sign(t.Context(), test.name, message)
			if err != nil {
				t.Fatal(err)
			}
			if !made.Verify(message, sig) {
				t.Error("the signature does not check")
			}
			if made.Verify([]byte("conclave/KC-1\n4\n"), sig) {
				t.Error("the signature checks over another text")
			}
			sig[len(sig)-1] ^= 1
			if made.Verify(message, sig) {
				t.Error("a changed signature checks")
			}
			s.open()
			s.login()
			if k, err := s.token.FindSigningKey(t.Context(), test.name); err != nil || string(k.Public) != string(made.Public) || k.Generated {
				t.Errorf("found %+v, %v", k, err)
			}
		})
	}
	t.Run("a token that fails", func(t *testing.T) {
		s.Set("C_GenerateKeyPair return 0x30")
		if _, err := s.token.GenerateSigningKey(t.Context(), "none"); !errors.Is(err, hsm.ErrTokenGone) || s.count("C_GenerateKeyPair") != 1 {
			t.Errorf("asked %d times: %v", s.count("C_GenerateKeyPair"), err)
		}
	})
	t.Run("a signature cut short", func(t *testing.T) {
		s.Set()
		s.ready()
		s.Set("C_Sign size 62 after 1")
		if sig, err := s.token.Sign(t.Context(), "p256", []byte("x")); err == nil {
			t.Errorf("returned %x", sig)
		}
	})
}
