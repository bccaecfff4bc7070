//go:build cgo && !race

package hsm_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"conclave/hsm"
)

// faulty are the codes that a token may plausibly give at a call, by the
// operation that makes it. (TestSentences has them all; a code that costs the
// worker takes longer here and stands at one or two calls.)
var faulty = []struct {
	operation, call string
	codes           []uint
}{
	{"wrap", "C_EncryptInit", []uint{0x02, 0x05, 0x07, 0x30, 0x31, 0x54, 0x60, 0x62, 0x63, 0x68, 0x70, 0x71, 0x82, 0x90, 0x101, 0xB3, 0x80000001}},
	{"wrap", "C_Encrypt", []uint{0x02, 0x06, 0x20, 0x21, 0x31, 0x32, 0x91, 0x101, 0x150, 0x1B, 0xCE534399}},
	{"unwrap", "C_DecryptInit", []uint{0x02, 0x07, 0x54, 0x60, 0x63, 0x68, 0x70, 0x71, 0x82, 0x90, 0x101, 0xB0, 0x190}},
	{"unwrap", "C_Decrypt", []uint{0x02, 0x05, 0x06, 0x20, 0x21, 0x32, 0x40, 0x41, 0x42, 0x91, 0x101, 0x150}},
	{"find", "C_FindObjectsInit", []uint{0x05, 0x07, 0x12, 0x13, 0x30, 0x90, 0x101, 0xB3}},
	{"find", "C_FindObjects", []uint{0x32, 0x91}},
	{"find", "C_GetAttributeValue", []uint{0x05, 0x82}},
	{"login", "C_Login", []uint{0x01, 0x02, 0x05, 0x06, 0x07, 0x30, 0x32, 0x50, 0xA0, 0xA1, 0xA2, 0xA3, 0xA4, 0x102, 0x103, 0x104, 0xB3, 0xB8}},
	{"login", "C_OpenSession", []uint{0x03, 0x30, 0x31, 0xB1, 0xB8, 0xE0, 0xE1, 0xE2, 0x201}},
	{"login", "C_GetTokenInfo", []uint{0x05, 0xE0}},
	{"login", "C_GetSlotList", []uint{0x30}},
	{"generate", "C_GenerateKey", []uint{0x05, 0x06, 0x07, 0x10, 0x12, 0x13, 0xD0, 0xD1, 0x31, 0x32, 0x54, 0x70, 0x71, 0xB5, 0xE2, 0x101, 0x201}},
}

// TestShimEveryCode lets the token give each code, wants the sentence of it, and
// that the token can be used again afterwards.
func TestShimEveryCode(t *testing.T) {
	s := newShimmed(t)
	token := s.ready()
	blob := s.wrap()
	key := rootKey()
	defer key.Wipe()
	operations := map[string]func() error{
		"wrap": func() error { _, err := token.Wrap(t.Context(), key); return err },
		"unwrap": func() error {
			plain, err := token.Unwrap(t.Context(), blob)
			plain.Wipe()
			return err
		},
		"find":     func() error { _, err := token.FindKey(t.Context()); return err },
		"login":    func() error { return token.Login(t.Context(), pin(testPIN)) },
		"generate": func() error { return generateOther(t, s) },
	}
	for _, f := range faulty {
		for _, code := range f.codes {
			t.Run(fmt.Sprintf("%s/%#02x", f.call, code), func(t *testing.T) {
				s := &shimmed{T: t, cfg: s.cfg, token: token, Shim: s.Shim}
				s.Set(fmt.Sprintf("%s return %#x", f.call, code))
				err := operations[f.operation]()
				var e *hsm.Error
				if !errors.As(err, &e) {
					t.Fatalf("%s gives %v, want an *hsm.Error", f.operation, err)
				}
				if e.Call != f.call || e.Code != code {
					t.Errorf("the error is of %s, 0x%X", e.Call, e.Code)
				}
				if !strings.HasPrefix(e.Sentence, `Token "ceremony", serial `) || !strings.HasSuffix(e.Sentence, ".") ||
					strings.Contains(e.Sentence, "0x") || !strings.HasSuffix(err.Error(), fmt.Sprintf("0x%02X)", code)) {
					t.Errorf("the error reads %q", err)
				}
				if f.operation == "login" && s.count("C_Login") > 1 {
					t.Errorf("C_Login was called %d times", s.count("C_Login"))
				}
				s.works(blob)
			})
		}
	}
}

// generateOther makes a key of another label, on a token opened for it.
func generateOther(t *testing.T, s *shimmed) error {
	t.Helper()
	cfg := s.cfg
	cfg.KeyLabel, cfg.KeyID = "other", ""
	other, err := hsm.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	if err := other.Login(t.Context(), pin(testPIN)); err != nil {
		t.Fatal(err)
	}
	_, err = other.GenerateKey(t.Context())
	return err
}

// TestShimInitializeCodes are the codes of a library that does not start.
func TestShimInitializeCodes(t *testing.T) {
	s := newShimmed(t)
	for code, text := range map[uint]string{
		0x02: "The library ran out of memory",
		0x05: "The HSM library could not start",
		0x06: "The HSM service is not running",
		0x07: "This library needs start parameters",
		0x30: "The connection to the HSM broke",
		0xE2: "The token is read-only for this user",
	} {
		s.Set(fmt.Sprintf("C_Initialize return %#x", code))
		token, err := hsm.Open(t.Context(), s.cfg)
		if err == nil {
			_ = token.Close()
		}
		var e *hsm.Error
		if !errors.As(err, &e) || e.Call != "C_Initialize" || !strings.Contains(e.Sentence, text) {
			t.Errorf("0x%02X gives %v, want %q", code, err, text)
		}
	}
	s.Set()
	s.ready()
}

// TestShimWrongSizes: a library that states impossible sizes may cost its own
// process, not ours, and never gives a blob or a plaintext that is not whole.
// ("after 1" leaves the call alone that asks for the size.)
func TestShimWrongSizes(t *testing.T) {
	s := newShimmed(t)
	s.cfg.Timeout = 5 * time.Second
	token := s.ready()
	blob := s.wrap()
	key := rootKey()
	defer key.Wipe()
	for _, call := range []string{"C_Encrypt", "C_Decrypt", "C_FindObjects", "C_GetAttributeValue", "C_GetSlotList"} {
		for _, size := range []string{"0", "1", "5", "5 after 1", "1000000", "0xffffffffffffffff"} {
			if strings.HasSuffix(call, "crypt") && strings.HasSuffix(size, "after 1") {
				continue // encryption and decryption do not ask for the size
			}
			t.Run(call+"/"+size, func(t *testing.T) {
				s := &shimmed{T: t, cfg: s.cfg, token: token, Shim: s.Shim}
				s.Set(call + " size " + size)
				switch call {
				case "C_Encrypt":
					if b, err := token.Wrap(t.Context(), key); err == nil {
						t.Errorf("Wrap gives a blob of %d bytes", len(b))
					}
				case "C_Decrypt":
					if plain, err := token.Unwrap(t.Context(), blob); err == nil {
						t.Errorf("Unwrap gives %d bytes", plain.Len())
					}
				case "C_GetSlotList":
					_, _ = token.Info(t.Context()) // may be right by chance
				default:
					_, _ = token.FindKey(t.Context()) // may be right by chance
				}
				s.works(blob)
			})
		}
	}
}
