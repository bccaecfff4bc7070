//go:build cgo

package hsm_test

import (
	"bytes"
	"testing"

	"conclave/hsm"
	"conclave/hsm/secret"
)

// TestTPM: a TPM makes no AES keys, and is used with RSA-OAEP.
func TestTPM(t *testing.T) {
	_, cfg := newTPM(t)
	token := open(t, cfg)
	login(t, token)
	_, err := token.GenerateKey(t.Context())
	if err == nil {
		t.Fatal("it made an AES key")
	}
	fails(t, err, err, "This token cannot make such keys here (a TPM makes no AES keys). Create the key with the vendor's tool, then give its label.",
		"C_GenerateKey, CKR_FUNCTION_NOT_SUPPORTED")
	_, err = token.FindKey(t.Context())
	fails(t, err, hsm.ErrKeyNotFound)
	_ = token.Close() // it takes one process at a time
	makeKeys(t, &cfg, hsm.RSAOAEP)
	hashes(t, cfg, hsm.Config{}, "sha1", "sha256", "sha384", "sha512")
}

// TestTPMManaged: AES keys of the vendor's tool are found and used. AES-CBC-PAD
// is listed and does not decrypt what is as long as a key.
func TestTPMManaged(t *testing.T) {
	cfg := managedTPM(t)
	chooses(t, cfg, hsm.AESCBC, hsm.AESGCM, hsm.AESCBCPad)
	works(t, with(cfg, hsm.AESCBC, ""), hsm.Config{})
	besides(t, with(cfg, hsm.AESCBC, ""), "")
	cannot(t, with(cfg, hsm.AESGCM, ""), "C_EncryptInit, CKR_MECHANISM_INVALID")
	token := open(t, with(cfg, hsm.AESCBCPad, ""))
	login(t, token)
	lines, err := token.SelfTest(t.Context())
	if err == nil {
		t.Fatalf("the self-test of AES-CBC-PAD gives %v", lines)
	}
	fails(t, err, err, "the token does not open what it has just sealed (C_Decrypt, CKR_GENERAL_ERROR", "Do not use it with CKM_AES_CBC_PAD")
}

// TestTPMDestroyed: a key that failed to open something is destroyed all the
// same. (Without a resource manager what it held stays in the TPM.)
func TestTPMDestroyed(t *testing.T) {
	cfg := with(managedTPM(t), hsm.RSAOAEP, "sha256")
	cfg.HMACKeyLabel, cfg.HMACKeyID = "", ""
	token := open(t, cfg)
	login(t, token)
	if _, err := token.GenerateKey(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := token.SelfTest(t.Context()); err != nil { // with its changed bytes
		t.Fatal(err)
	}
	if err := token.DestroyKey(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err := token.FindKey(t.Context())
	fails(t, err, hsm.ErrKeyNotFound)
}

// TestTPMStuckSession: after an error the session would answer OPERATION_ACTIVE
// until it is closed.
func TestTPMStuckSession(t *testing.T) {
	_, cfg := newTPM(t)
	token, blob, plain := sealedTPM(t, &cfg)
	pid := token.Worker()
	for range 3 {
		changed := bytes.Clone(blob)
		changed[len(changed)/2] ^= 1
		_, err := token.Unwrap(t.Context(), changed)
		fails(t, err, hsm.ErrWrongKey, "C_Decrypt, CKR_GENERAL_ERROR")
		if !unwraps(t, token, blob, plain) {
			t.Error("it opens to other bytes")
		}
	}
	if token.Worker() != pid {
		t.Error("data that does not open took the process")
	}
}

// sealedTPM makes an RSA key and seals with it.
func sealedTPM(t *testing.T, cfg *hsm.Config) (*hsm.Token, []byte, secret.Bytes) {
	t.Helper()
	makeKeys(t, cfg, hsm.RSAOAEP)
	*cfg = with(*cfg, hsm.RSAOAEP, "sha256")
	token := open(t, *cfg)
	login(t, token)
	plain := secret.Random(32)
	t.Cleanup(plain.Wipe)
	blob, err := token.Wrap(t.Context(), plain)
	if err != nil {
		t.Fatal(err)
	}
	return token, blob, plain
}

// TestTPMPIN: a TPM locks without a warning, whatever right PINs come between
// the wrong ones, and as a whole.
func TestTPMPIN(t *testing.T) {
	d, cfg := newTPM(t)
	other := cfg
	other.TokenLabel = "second"
	d.initToken(other, 2)
	try := func(cfg hsm.Config, s string) error {
		token := open(t, cfg)
		defer func() { _ = token.Close() }() // it takes one process at a time
		if i, err := token.Info(t.Context()); err != nil || i.PIN != hsm.PINOK {
			t.Errorf("it warns: %q, %v", i.PIN, err)
		}
		p := pin(s)
		defer p.Wipe()
		return token.Login(t.Context(), p)
	}
	for i := range 3 {
		fails(t, try(cfg, "no-such"), hsm.ErrPINIncorrect, "Wrong PIN. Each wrong try counts.")
		if err := try(other, testPIN); err != nil && i < 2 {
			t.Errorf("after %d wrong tries at the other token: %v", i+1, err)
		}
	}
	for _, c := range []hsm.Config{cfg, other} {
		fails(t, try(c, testPIN), hsm.ErrPINLocked, "Do not try more", "clear the dictionary lockout")
	}
}

// TestTPMKilled: a TPM that does not answer. What is encrypted with the public
// key is so in the library, and proves nothing.
func TestTPMKilled(t *testing.T) {
	d, cfg := newTPM(t)
	token, blob, plain := sealedTPM(t, &cfg)
	d.kill()
	if _, err := token.Wrap(t.Context(), plain); err != nil {
		t.Errorf("wrapping without the TPM: %v", err)
	}
	_, err := token.Unwrap(t.Context(), blob)
	fails(t, err, hsm.ErrTokenGone, "reported a failure without a cause")
	_, err = token.Unwrap(t.Context(), blob)
	fails(t, err, hsm.ErrTokenGone, "the TPM does not answer", "TPM2_PKCS11_TCTI", "C_Initialize")
	d.start()
	_, err = token.Unwrap(t.Context(), blob)
	fails(t, err, hsm.ErrNotLoggedIn)
	login(t, token)
	if !unwraps(t, token, blob, plain) {
		t.Error("it opens to other bytes")
	}
}
