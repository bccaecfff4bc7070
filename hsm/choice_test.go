//go:build cgo

package hsm_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"conclave/hsm"
	"conclave/hsm/worker"
)

// TestChoice: which mechanism is taken where none is configured, and what is
// said of those before it. The shim lets the first calls of a function fail,
// which are those of AES-GCM.
func TestChoice(t *testing.T) {
	s := newShimmed(t)
	s.cfg.HMACKeyLabel, s.cfg.HMACKeyID = "mac", "02"
	addMAC(t, s.cfg)
	const cannot = "This token cannot do CKM_AES_GCM, or not with these parameters."
	for _, c := range []struct {
		name, fault string
		want        string // the mechanism, or a part of the error
		says        []string
	}{
		{"all pass", "", hsm.AESGCM, nil},
		{"no AES-GCM", "C_EncryptInit return 0x70 times 1", hsm.AESCBCPad, []string{"CKM_AES_GCM does not pass: ", cannot}},
		{"a wrong size, as NSS states it", "C_Encrypt return 0x150 times 1", hsm.AESCBCPad, []string{"CKM_AES_GCM does not pass: ", "The library answered with a wrong size"}},
		{"seals what it does not open", "C_DecryptInit return 0x07 times 1", hsm.AESCBCPad, []string{cannot}},
		{"does not open what it sealed", "C_Decrypt return 0x05 times 1", hsm.AESCBCPad, []string{"does not open what it has just sealed (C_Decrypt, CKR_GENERAL_ERROR, 0x05)"}},
		{"opens to another size", "C_Decrypt size 5 times 1", hsm.AESCBCPad, []string{"opened the sealed data to a wrong size"}},
		{"a nonce of its own, always the same", "C_EncryptInit iv same", hsm.AESCBCPad, []string{"the token used a nonce of its own twice"}},
		{"the same, appended", "C_EncryptInit iv append-same", hsm.AESCBCPad, []string{"the token used a nonce of its own twice"}},
		{"a nonce of zeros", "C_EncryptInit iv zero", hsm.AESCBCPad, []string{"nonce of zeros"}},
		{"no padding either, as a TPM", "C_EncryptInit return 0x70 times 2", hsm.AESCBC, []string{"CKM_AES_GCM does not pass: ", "CKM_AES_CBC_PAD does not pass: "}},
		{"no HMAC", "C_SignInit return 0x70\nC_EncryptInit return 0x70 times 1", "AES_CBC: C_SignInit gave CKR_MECHANISM_INVALID, 0x70", nil},
		{"an HMAC that is none", "C_Sign size 1\nC_EncryptInit return 0x70 times 1", "cannot be one, of 1 bytes", nil},
		{"nothing", "C_EncryptInit return 0x70", "AES_GCM: C_EncryptInit gave CKR_MECHANISM_INVALID, 0x70", nil},
		{"out of memory", "C_Encrypt return 0x31 times 1", "out of memory", nil},
		{"gone", "C_EncryptInit return 0x30 times 1", "connection to the HSM broke", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &shimmed{T: t, cfg: s.cfg, Shim: s.Shim}
			s.Set()
			token := s.open()
			s.login()
			s.Set(c.fault)
			lines, err := token.SelfTest(t.Context())
			if !strings.HasPrefix(c.want, "CKM_") {
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Fatalf("%v, %v", lines, err)
				}
				s.Set() // nothing was decided
				if errors.Is(err, hsm.ErrTokenGone) {
					s.login()
				}
				if _, err := token.SelfTest(t.Context()); err != nil {
					t.Fatal(err)
				}
				c.want = hsm.AESGCM
			} else if err != nil {
				t.Fatal(err)
			}
			text := ""
			for _, l := range lines {
				if l.Warn {
					text += l.Text + "\n"
				}
			}
			for _, w := range c.says {
				if !strings.Contains(text, w) {
					t.Errorf("%q is not said of it: %s", w, text)
				}
			}
			if len(c.says) == 0 && text != "" {
				t.Errorf("it is said: %s", text)
			}
			// Chosen once: what the token can do later changes nothing.
			s.Set()
			blob := s.wrap()
			if ref, err := token.Describe(blob); err != nil || ref.Mechanism != c.want {
				t.Errorf("wrapped with %+v, %v; want %s", ref, err, c.want)
			}
			s.opens(blob)
			if k, err := token.FindKey(t.Context()); err != nil || k.Mechanism != c.want || (k.HMACRef != "") != strings.Contains(c.want, "CBC") {
				t.Errorf("found %+v, %v", k, err)
			}
		})
	}
}

// addMAC makes the HMAC key beside a key that is there.
func addMAC(t *testing.T, cfg hsm.Config) {
	t.Helper()
	addKind(t, cfg, worker.KeyTypeGeneric, cfg.HMACKeyLabel, 2)
}

// addKind makes a key of 256 bits without asking whether there is one.
func addKind(t *testing.T, cfg hsm.Config, kind uint, label string, id byte) {
	t.Helper()
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
	p := pin(testPIN)
	defer p.Wipe()
	if err := w.Login(t.Context(), limit, slots[0], p); err != nil {
		t.Fatal(err)
	}
	if err := w.Generate(t.Context(), limit, kind, 256, label, []byte{id}); err != nil {
		t.Fatal(err)
	}
}

// TestUnwrapNeverChooses: a blob opens with the mechanism that it names and
// another one is not tried, whatever is configured.
func TestUnwrapNeverChooses(t *testing.T) {
	s := newShimmed(t)
	s.cfg.HMACKeyLabel, s.cfg.HMACKeyID = "mac", "02"
	addMAC(t, s.cfg)
	var blobs [][]byte
	for _, m := range []string{hsm.AESGCM, hsm.AESCBCPad, hsm.AESCBC} {
		s.cfg.Mechanism = m
		s.open()
		s.login()
		blobs = append(blobs, s.wrap())
	}
	for _, m := range []string{"", hsm.AESGCM, hsm.AESCBC} {
		s.cfg.Mechanism, s.cfg.HMACKeyLabel, s.cfg.HMACKeyID = m, "", "" // the blob names its HMAC key
		s.open()
		s.login()
		for _, b := range blobs {
			s.Set()
			s.opens(b)
			if n := s.count("C_EncryptInit"); n != 0 {
				t.Errorf("with %q configured, unwrapping encrypts %d times", m, n)
			}
			s.Set("C_DecryptInit return 0x70")
			if _, err := s.token.Unwrap(t.Context(), b); err == nil || s.count("C_DecryptInit") != 1 {
				t.Errorf("with %q configured: %d tries, %v", m, s.count("C_DecryptInit"), err)
			}
		}
	}
}

// TestMACFirst: what does not pass its HMAC is not decrypted.
func TestMACFirst(t *testing.T) {
	s := newShimmed(t)
	s.cfg.Mechanism, s.cfg.HMACKeyLabel, s.cfg.HMACKeyID = hsm.AESCBCPad, "mac", "02"
	addMAC(t, s.cfg)
	s.open()
	s.login()
	blob := s.wrap()
	s.Set()
	blob[10] ^= 1
	_, err := s.token.Unwrap(t.Context(), blob)
	fails(t, err, hsm.ErrWrongKey, "its HMAC is another")
	if n := s.count("C_DecryptInit"); n != 0 {
		t.Errorf("the token was asked %d times to decrypt what was changed", n)
	}
	if s.count("C_Sign") != 1 || s.count("C_VerifyInit") != 0 {
		t.Errorf("calls: %v", s.Calls())
	}
}

// TestOneCall: the library is never asked for a size first.
func TestOneCall(t *testing.T) {
	s := newShimmed(t)
	s.cfg.Mechanism, s.cfg.HMACKeyLabel, s.cfg.HMACKeyID = hsm.AESCBC, "mac", "02"
	addMAC(t, s.cfg)
	s.open()
	s.login()
	s.Set()
	s.opens(s.wrap())
	if s.count("C_Encrypt") != 1 || s.count("C_Decrypt") != 1 || s.count("C_Sign") != 2 {
		t.Errorf("calls: %v", s.Calls())
	}
}

// TestReadWriteSessions: a token that takes no read-only session is used with
// ReadWrite, and not without.
func TestReadWriteSessions(t *testing.T) {
	s := newShimmed(t)
	s.Set("C_OpenSession rw")
	s.open()
	p := pin(testPIN)
	defer p.Wipe()
	if err := s.token.Login(t.Context(), p); err == nil {
		t.Error("the shim took a read-only session")
	}
	s.cfg.ReadWrite = true
	s.ready()
	s.opens(s.wrap())
	if err := s.token.Logout(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestPairOnlyTogether: where one of the two keys of AES-CBC is there, the other
// is not made beside it.
func TestPairOnlyTogether(t *testing.T) {
	cfg := newStore(t).Config("vault", "01")
	token := open(t, cfg)
	login(t, token)
	if _, err := token.GenerateKey(t.Context()); err != nil {
		t.Fatal(err)
	}
	cfg.Mechanism, cfg.HMACKeyLabel, cfg.HMACKeyID = hsm.AESCBC, "mac", "02"
	half := open(t, cfg)
	login(t, half)
	_, err := half.FindKey(t.Context())
	fails(t, err, hsm.ErrKeyNotFound, "HMAC key", `"mac"`)
	_, err = half.GenerateKey(t.Context())
	fails(t, err, hsm.ErrKeyExists, `"vault"`, "Nothing was created")
}

// TestGeneratePairIfNeeded: the HMAC key is made where AES-GCM does not pass.
// (It is tried twice.)
func TestGeneratePairIfNeeded(t *testing.T) {
	for _, c := range []struct {
		fault, want, mac string
		made             int
	}{{"", hsm.AESGCM, "", 1}, {"C_EncryptInit return 0x70 times 2", hsm.AESCBCPad, "new-mac:", 2}} {
		s := newShimmed(t)
		s.cfg.KeyLabel, s.cfg.KeyID, s.cfg.HMACKeyLabel = "new", "0a", "new-mac"
		token := s.open()
		s.login()
		s.Set(c.fault)
		k, err := token.GenerateKey(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if k.Mechanism != c.want || k.HMACRef != c.mac || s.count("C_GenerateKey") != c.made {
			t.Errorf("made %+v with %d calls", k, s.count("C_GenerateKey"))
		}
	}
}
