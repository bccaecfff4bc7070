package hsm

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// want is one row of the list of codes and what each means: the beginning of
// the sentence, and the sentinel.
var wantSentences = []struct {
	call  string
	codes []uint
	is    error
	text  string
}{
	{"C_OpenSession", []uint{0x190}, ErrTokenGone, "The connection to the HSM library was closed."},
	{"C_Initialize", []uint{0x191}, nil, "Another part of this program already uses this HSM library."},
	{"C_Initialize", []uint{0x05}, ErrTokenGone, "The HSM library could not start: its configuration or key store is missing"},
	{"C_Initialize", []uint{0x06}, ErrTokenGone, "The HSM service is not running"},
	{"C_Initialize", []uint{0x07}, ErrNoLibrary, "This library needs start parameters"},
	{"C_Initialize", []uint{0xCE534351, 0xCE534352}, ErrTokenGone, "The NSS key database cannot be opened or written."},
	{"C_OpenSession", []uint{0xE0}, ErrTokenGone, "The token is not in its slot."},
	{"C_OpenSession", []uint{0xE1}, ErrTokenGone, "The slot holds something"},
	{"C_GenerateKey", []uint{0xE2}, nil, "The token is read-only for this user"},
	{"C_GetTokenInfo", []uint{0x03}, ErrTokenGone, "The slot number changed."},
	{"C_Encrypt", []uint{0x30}, ErrTokenGone, "The connection to the HSM broke."},
	{"C_Decrypt", []uint{0x30, 0x32, 0xB3}, ErrTokenGone, ""},
	{"C_GenerateKey", []uint{0x31, 0x201}, nil, "The HSM is out of memory for keys or sessions."},
	{"C_Decrypt", []uint{0x32}, ErrTokenGone, "The token was taken out during the operation."},
	{"C_Login", []uint{0xA0}, ErrPINIncorrect, "Wrong PIN. Each wrong try counts."},
	{"C_Login", []uint{0xA1, 0xA2}, ErrPINLength, "The token does not take a PIN of this length or with these characters; it must have 4 to 255 characters."},
	{"C_InitPIN", []uint{0xA1, 0xA2, 0x1B8}, ErrPINLength, "The new PIN is not allowed; it must have 4 to 255 characters and differ from the old one."},
	{"C_Login", []uint{0xA3}, nil, "The PIN must be changed before use."},
	{"C_Login", []uint{0xA4}, ErrPINLocked, "The PIN is locked after too many wrong tries. Do not try more."},
	{"C_Login", []uint{0x102, 0x103}, ErrPINNotSet, "The token has no user PIN yet."},
	{"C_Login", []uint{0x100}, nil, "The token is logged in already, so the PIN was not checked."},
	{"C_Encrypt", []uint{0x101}, ErrNotLoggedIn, "The HSM session is no longer logged in. Enter the PIN again."},
	{"C_Login", []uint{0x104, 0xB7, 0xB8}, nil, "The security officer (or a read-only session) is active"},
	{"C_Login", []uint{0x01, 0x50}, nil, "The entry was cancelled at the HSM itself"},
	{"C_Login", []uint{0x05, 0x06}, ErrTokenGone, "The HSM could not check the PIN"},
	{"C_Login", []uint{0x07}, ErrPINLength, "The library did not take the PIN as it was given"},
	{"C_EncryptInit", []uint{0xB0, 0xB3}, ErrTokenGone, "The HSM closed the session"},
	{"C_OpenSession", []uint{0xB1}, nil, "The HSM has no free session."},
	{"C_GenerateKey", []uint{0xB5}, nil, "This step writes to the token"},
	{"C_EncryptInit", []uint{0x90, 0x91}, nil, "The HSM session was busy."},
	{"C_EncryptInit", []uint{0x60, 0x82}, ErrKeyNotFound, `The key "root" (id 0a01) vanished while in use`},
	{"C_SignInit", []uint{0x07, 0x54, 0x70, 0x71}, nil, "This token cannot make an HMAC-SHA256, and AES-CBC is not used without one."},
	{"C_Sign", []uint{0x62, 0x63, 0x68}, nil, `The HMAC key "mac" (id 0b) is of the wrong type, size or purpose`},
	{"C_GenerateKey", []uint{0x54}, nil, "This token cannot make such keys here"},
	{"C_GenerateKeyPair", []uint{0x70, 0x71}, nil, "This token cannot make keys of this kind."},
	{"C_GenerateRandom", []uint{0x54}, nil, "This token cannot do that."},
	{"C_EncryptInit", []uint{0x07, 0x70, 0x71}, nil, "This token cannot do CKM_AES_GCM, or not with these parameters."},
	{"C_DecryptInit", []uint{0x07, 0x70, 0x71}, nil, "This token cannot do CKM_AES_GCM, or not with these parameters."},
	{"C_EncryptInit", []uint{0x62, 0x63, 0x68}, nil, `The key "root" (id 0a01) is of the wrong type, size or purpose for CKM_AES_GCM.`},
	{"C_GetAttributeValue", []uint{0x6A, 0x11}, nil, "The key may not leave the token."},
	{"C_GenerateKey", []uint{0x10, 0x12, 0x13, 0xD0, 0xD1}, nil, "The token refused the key's properties."},
	{"C_Decrypt", []uint{0x05, 0x06, 0x07, 0x20, 0x21, 0x40, 0x41, 0x42}, ErrWrongKey, "The sealed data does not open with this key"},
	{"C_Encrypt", []uint{0x20, 0x21}, nil, "The token does not take data of this length under CKM_AES_GCM."},
	{"C_Verify", []uint{0xC0, 0xC1}, ErrWrongKey, "The sealed file was altered"},
	{"C_Encrypt", []uint{0x150}, nil, "The library answered with a wrong size"},
	{"C_Login", []uint{0x02}, nil, "The library ran out of memory, or it got an empty PIN."},
	{"C_GenerateKey", []uint{0x06}, nil, "The token could not store the key"},
	{"C_OpenSession", []uint{0x05}, ErrTokenGone, "The HSM reported a failure without a cause."},
	{"C_FindObjectsInit", []uint{0x06}, ErrTokenGone, "The HSM could not do it and does not say why."},
	{"C_FindObjectsInit", []uint{0x07}, nil, "The library refused the arguments of the call."},
	{"C_Encrypt", []uint{0x80000001, 0xCE534399, 0x0A, 0x9999}, nil, "The HSM reported a code that has no sentence here."},
}

var hexNumber = regexp.MustCompile(`0[xX][0-9A-Fa-f]`)

func TestSentences(t *testing.T) {
	c := tokenContext{Lib: "/usr/lib/x.so", Label: "ceremony", Serial: "77", KeyLabel: "root", KeyID: "0a01", Mechanism: "CKM_AES_GCM", HMACKeyLabel: "mac", HMACKeyID: "0b", MinPIN: 4, MaxPIN: 255}
	seen := map[int]bool{}
	for _, w := range wantSentences {
		for _, code := range w.codes {
			name := fmt.Sprintf("%s 0x%X", w.call, code)
			err := newError(w.call, code, c)
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("%s: %T is no *Error", name, err)
			}
			if !strings.HasPrefix(e.Sentence, `Token "ceremony", serial 77: `+w.text) {
				t.Errorf("%s: %q, want %q", name, e.Sentence, w.text)
			}
			if w.is == nil && errors.Unwrap(err) != nil || w.is != nil && !errors.Is(err, w.is) {
				t.Errorf("%s: wraps %v, want %v", name, errors.Unwrap(err), w.is)
			}
			if !strings.HasSuffix(e.Sentence, ".") || strings.ContainsAny(e.Sentence, "{}\n") || hexNumber.MatchString(e.Sentence) {
				t.Errorf("%s: %q: not whole sentences without a number", name, e.Sentence)
			}
			if s := err.Error(); !strings.HasPrefix(s, e.Sentence) || !strings.Contains(s, w.call) ||
				!strings.HasSuffix(s, fmt.Sprintf("0x%02X)", code)) || !strings.Contains(s, ckrName(code)) {
				t.Errorf("%s: the error is %q", name, s)
			}
			for i, r := range rows {
				if r.fits(w.call, code) {
					seen[i] = true
					break
				}
			}
		}
	}
	for i, r := range rows {
		if !seen[i] {
			t.Errorf("no line of this test reaches row %d: %s", i, r.text)
		}
	}
}

// TestRowsDiffer finds a row that an earlier one hides: the same code at the
// same calls.
func TestRowsDiffer(t *testing.T) {
	at := map[string]string{}
	for _, r := range rows {
		for _, code := range r.codes {
			k := fmt.Sprintf("0x%X at %v", code, r.at)
			if other, ok := at[k]; ok {
				t.Errorf("%s is both %q and %q", k, other, r.text)
			}
			if other, ok := at[fmt.Sprintf("0x%X at %v", code, []string(nil))]; ok {
				t.Errorf("%s %q stands below the row for any call %q", k, r.text, other)
			}
			at[k] = r.text
		}
	}
}

func TestWrongPIN(t *testing.T) {
	for _, w := range []struct {
		state PINState
		is    error
		text  string
	}{
		{PINOK, ErrPINIncorrect, "Wrong PIN. Each wrong try counts."},
		{PINCountLow, ErrPINIncorrect, "Wrong PIN. Each wrong try counts. A wrong try was already made."},
		{PINFinalTry, ErrPINIncorrect, "Wrong PIN. Each wrong try counts. ONE try is left, then the token locks."},
		{PINLocked, ErrPINLocked, "Wrong PIN, and it was the last try: the PIN is locked now. The security officer must reset it."},
	} {
		err := newError("C_Login", 0xA0, tokenContext{PIN: w.state})
		var e *Error
		if !errors.As(err, &e) || e.Sentence != w.text || !errors.Is(err, w.is) {
			t.Errorf("%s: %v, want %q and %v", w.state, err, w.text, w.is)
		}
	}
}

// TestChanged checks what a failure says about the token's state.
func TestChanged(t *testing.T) {
	for _, w := range []struct {
		call string
		code uint
		end  string
	}{
		{"C_Encrypt", 0x30, "then try again. Nothing was changed in the token."},
		{"C_Encrypt", 0x80001234, "Look the code up in the vendor's list. Nothing was changed in the token."},
		{"C_GenerateKey", 0x32, "the step is repeated. Look at what the token holds before the next try."},
		{"C_GenerateKey", 0x06, "Nothing was created. Make room, then try again."},
		{"C_Login", 0xA4, "or wait)."}, // the try that locked it was a change
	} {
		var e *Error
		if err := newError(w.call, w.code, tokenContext{}); !errors.As(err, &e) || !strings.HasSuffix(e.Sentence, w.end) {
			t.Errorf("%s 0x%X: %v, want the end %q", w.call, w.code, err, w.end)
		}
	}
}

func TestFillWithoutNames(t *testing.T) {
	for call, code := range map[string]uint{"C_Login": 0xA2, "C_EncryptInit": 0x68, "C_Decrypt": 0x60} {
		var e *Error
		if err := newError(call, code, tokenContext{Lib: "/x.so"}); !errors.As(err, &e) || strings.ContainsAny(e.Sentence, `{}"`) || !strings.HasPrefix(e.Sentence, "HSM library /x.so: The") {
			t.Errorf("%s: %v", call, err)
		}
	}
}

func TestNames(t *testing.T) {
	for code, name := range map[uint]string{
		0x05: "CKR_GENERAL_ERROR", 0x1B: "CKR_ACTION_PROHIBITED", 0x80: "CKR_OBJECT_CLASS_INCONSISTENT",
		0x201: "CKR_TOKEN_RESOURCE_EXCEEDED", 0x1B8: "CKR_PIN_TOO_WEAK", 0xCE534351: "CKR_NSS_CERTDB_FAILED", 0x99: "",
	} {
		if got := ckrName(code); got != name {
			t.Errorf("ckrName(0x%X) = %q, want %q", code, got, name)
		}
	}
	for _, r := range rows {
		for _, code := range r.codes {
			if ckrName(code) == "" {
				t.Errorf("0x%X has a sentence and no name", code)
			}
		}
	}
}
