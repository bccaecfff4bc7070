//go:build cgo

package hsm_test

import "testing"

// TestPublicKeyUsedHere: a token that does not encrypt with a public key has
// it read out and used here; it must open the result.
func TestPublicKeyUsedHere(t *testing.T) {
	s := newShimmed(t)
	s.cfg.KeyLabel, s.cfg.KeyID, s.cfg.Mechanism, s.cfg.OAEPHash = "pair", "0a", "CKM_RSA_PKCS_OAEP", "sha1"
	token := s.open()
	s.login()
	if _, err := token.GenerateKey(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, code := range []string{"0x54", "0x68"} {
		s.Set("C_EncryptInit return " + code)
		blob := s.wrap()
		if len(blob) < 256 || s.count("C_Encrypt") != 0 {
			t.Errorf("a blob of %d bytes after %d calls of C_Encrypt", len(blob), s.count("C_Encrypt"))
		}
		s.opens(blob)
	}
	// Any other code is an error, not a reason to try elsewhere.
	s.Set("C_EncryptInit return 0x70")
	key := rootKey()
	defer key.Wipe()
	if _, err := token.Wrap(t.Context(), key); err == nil {
		t.Error("wrapped although the token refused the mechanism")
	}
}
