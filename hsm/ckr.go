package hsm

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Rules of what a return code says to a person:
//
//   - The cause, then what to do, in whole sentences. The same code has several
//     causes: GENERAL_ERROR is a missing store when the library starts and a
//     wrong key when something is decrypted, so a row may be for some calls only.
//   - It names the token, and it says that nothing was changed in the token
//     where that is so. Whether the vault was changed only the ceremony knows.
//   - "Try again" stands where the next try differs: after any error the
//     session is dropped, after ErrTokenGone the library is started anew.
//   - The number stands in the brackets that Error adds, never in the sentence.

// row is what some codes mean at some calls.
type row struct {
	codes []uint
	at    []string // the calls; nil for any
	err   error    // the sentinel, or nil
	text  string   // {key}, {hmac key}, {mechanism}, {pin length}: see fill
}

var (
	atInitialize = []string{"C_Initialize"}
	atLogin      = []string{"C_Login"}
	atInit       = []string{"C_EncryptInit", "C_DecryptInit", "C_SignInit", "C_VerifyInit"}
	atMAC        = []string{"C_SignInit", "C_Sign"}
	atEncrypt    = []string{"C_Encrypt", "C_EncryptUpdate", "C_EncryptFinal"}
	atDecrypt    = []string{"C_Decrypt", "C_DecryptUpdate", "C_DecryptFinal"}
	atMake       = []string{"C_GenerateKey", "C_GenerateKeyPair", "C_CreateObject"}
	// atWrite are the calls that can have changed the token although they failed.
	atWrite = append([]string{"C_InitToken", "C_InitPIN", "C_SetPIN", "C_CopyObject", "C_DestroyObject",
		"C_SetAttributeValue", "C_UnwrapKey", "C_DeriveKey"}, atMake...)
)

const tokenUntouched = " Nothing was changed in the token."

// rows are searched from the top: a row for some calls stands before the one
// for the rest.
var rows = []row{
	{[]uint{0x190}, nil, ErrTokenGone, "The connection to the HSM library was closed. Try again; if it comes back, restart this program."},
	{[]uint{0x191}, nil, nil, "Another part of this program already uses this HSM library. Restart this program; if it comes back, report it as a fault of the program."},
	{[]uint{0x05}, atInitialize, ErrTokenGone, "The HSM library could not start: its configuration or key store is missing, or the TPM does not answer. Check SOFTHSM2_CONF or TPM2_PKCS11_TCTI, and the service."},
	{[]uint{0x06}, atInitialize, ErrTokenGone, "The HSM service is not running, or this user may not use it. Start the service (openCryptoki: pkcsslotd) and put the user in its group (pkcs11)."},
	{[]uint{0x07}, atInitialize, ErrNoLibrary, "This library needs start parameters (NSS: configdir='sql:DIR' and more). Give them in the variable NSS_LIB_PARAMS, or use another library."},
	{[]uint{0xCE534351, 0xCE534352}, nil, ErrTokenGone, "The NSS key database cannot be opened or written. Check that its directory exists and is writable."},

	{[]uint{0xE0}, nil, ErrTokenGone, "The token is not in its slot. Insert it, then try again."},
	{[]uint{0xE1}, nil, ErrTokenGone, "The slot holds something that this library does not know. Insert the right token, then try again."},
	{[]uint{0xE2}, nil, nil, "The token is read-only for this user: keys can be used but not created. Run this program as the HSM's user."},
	{[]uint{0x03}, nil, ErrTokenGone, "The slot number changed. Select the token by its label, not by a slot."},
	{[]uint{0x30}, nil, ErrTokenGone, "The connection to the HSM broke. Check the cable, the network and the HSM service, then try again."},
	{[]uint{0x31, 0x201}, nil, nil, "The HSM is out of memory for keys or sessions. Close other programs that use it, or delete objects that nobody needs."},
	{[]uint{0x32}, nil, ErrTokenGone, "The token was taken out during the operation. Put it back, then try again: the step is repeated."},

	{[]uint{0xA0}, nil, ErrPINIncorrect, "Wrong PIN. Each wrong try counts."},
	{[]uint{0xA1, 0xA2}, atLogin, ErrPINLength, "The token does not take a PIN of this length or with these characters; it must have {pin length}. Check which PIN belongs to this token."},
	{[]uint{0xA1, 0xA2, 0x1B8}, nil, ErrPINLength, "The new PIN is not allowed; it must have {pin length} and differ from the old one. Choose another."},
	{[]uint{0xA3}, nil, nil, "The PIN must be changed before use. Change it with the vendor's tool."},
	{[]uint{0xA4}, nil, ErrPINLocked, "The PIN is locked after too many wrong tries. Do not try more. The security officer must reset it (on a TPM: clear the dictionary lockout, or wait)."},
	{[]uint{0x102}, nil, ErrPINNotSet, "The token has no user PIN yet. The security officer must set one first."},
	{[]uint{0x103}, atLogin, ErrPINNotSet, "The token has no user PIN yet. The security officer must set one first."},
	{[]uint{0x100}, nil, nil, "The token is logged in already, so the PIN was not checked. Restart this program to log in anew."},
	{[]uint{0x101}, nil, ErrNotLoggedIn, "The HSM session is no longer logged in. Enter the PIN again."},
	{[]uint{0x104, 0xB7, 0xB8}, nil, nil, "The security officer (or a read-only session) is active in this program. Finish that step first."},
	{[]uint{0x01, 0x50}, atLogin, nil, "The entry was cancelled at the HSM itself, or nobody entered anything in time. Start it again when the person is ready."},
	{[]uint{0x05, 0x06}, atLogin, ErrTokenGone, "The HSM could not check the PIN: its key store is missing, or its service does not answer. Check them, then enter the PIN again."},
	{[]uint{0x07}, atLogin, ErrPINLength, "The library did not take the PIN as it was given; it must have {pin length}. Check it, then enter it again."},

	{[]uint{0xB0, 0xB3}, nil, ErrTokenGone, "The HSM closed the session (a restart, a time-out or a change of token). Try again."},
	{[]uint{0xB1}, nil, nil, "The HSM has no free session. Close other programs that use it, or lower their number of sessions."},
	{[]uint{0xB5}, nil, nil, "This step writes to the token and had a read-only session only. Report it as a fault of the program."},
	{[]uint{0x90, 0x91}, nil, nil, "The HSM session was busy. Try again: a fresh one is used."},

	{[]uint{0x60, 0x82}, nil, ErrKeyNotFound, "{key} vanished while in use: it was deleted, or the login ended. Try again: it is looked for anew."},
	{[]uint{0x07, 0x54, 0x70, 0x71}, atMAC, nil, "This token cannot make an HMAC-SHA256, and AES-CBC is not used without one. Use AES-GCM, or another token."},
	{[]uint{0x62, 0x63, 0x68}, atMAC, nil, "{hmac key} is of the wrong type, size or purpose for an HMAC-SHA256. It must be a generic secret of 32 bytes or more with CKA_SIGN; choose another."},
	{[]uint{0x54}, atMake, nil, "This token cannot make such keys here (a TPM makes no AES keys). Create the key with the vendor's tool, then give its label."},
	{[]uint{0x70, 0x71}, atMake, nil, "This token cannot make keys of this kind. Create the key with the vendor's tool, or use another token."},
	{[]uint{0x54}, nil, nil, "This token cannot do that. Use the vendor's tool for it, or another token."},
	{[]uint{0x70, 0x71}, nil, nil, "This token cannot do {mechanism}, or not with these parameters. Choose a mechanism and a hash that pass the self-test."},
	{[]uint{0x07}, atInit, nil, "This token cannot do {mechanism}, or not with these parameters. Choose a mechanism and a hash that pass the self-test."},
	{[]uint{0x62, 0x63, 0x68}, nil, nil, "{key} is of the wrong type, size or purpose for {mechanism}. Choose another key."},
	{[]uint{0x6A, 0x11}, nil, nil, "The key may not leave the token. That is intended: nothing needs to be done."},
	{[]uint{0x10, 0x12, 0x13, 0xD0, 0xD1}, nil, nil, "The token refused the key's properties. Create the key with the vendor's tool, and check the token's policy."},

	{[]uint{0x20, 0x21}, atEncrypt, nil, "The token does not take data of this length under {mechanism}. Choose another mechanism or a longer key."},
	// 0x07 is NSS's with RSA, where the number is larger than its own key's.
	{[]uint{0x05, 0x06, 0x07}, atDecrypt, ErrWrongKey, wrongKey},
	{[]uint{0x20, 0x21, 0x40, 0x41, 0x42}, nil, ErrWrongKey, wrongKey},
	{[]uint{0xC0, 0xC1}, nil, ErrWrongKey, "The sealed file was altered, or was made with another HMAC key. Do not use it."},
	{[]uint{0x150}, nil, nil, "The library answered with a wrong size (known of NSS with AES-GCM and of a TPM with AES-CBC-PAD). Use another mechanism."},
	{[]uint{0x02}, nil, nil, "The library ran out of memory, or it got an empty PIN. Check the PIN and the machine's memory, then try again."},
	{[]uint{0x06}, atMake, nil, "The token could not store the key (its disk is full, or it has no rights there). Nothing was created. Make room, then try again."},

	{[]uint{0x05}, nil, ErrTokenGone, "The HSM reported a failure without a cause. Check its service, its key store and its log, then try again."},
	{[]uint{0x06}, nil, ErrTokenGone, "The HSM could not do it and does not say why. Check its service, its disk and its log, then try again."},
	{[]uint{0x07}, nil, nil, "The library refused the arguments of the call. Check the settings of the HSM; if they are right, report it as a fault of the program."},
}

const wrongKey = "The sealed data does not open with this key: wrong key, wrong token, or the file was changed. Compare the key's label, its id and the file's checksum."

// other is for vendors' codes and those that no row has.
const other = "The HSM reported a code that has no sentence here. Look the code up in the vendor's list."

// newError gives a return code its sentence and its sentinel. The code is not
// CKR_OK.
func newError(call string, code uint, c tokenContext) error {
	text, err := other, error(nil)
	if i := slices.IndexFunc(rows, func(r row) bool { return r.fits(call, code) }); i >= 0 {
		text, err = rows[i].text, rows[i].err
	}
	if errors.Is(err, ErrPINIncorrect) {
		text, err = wrongPIN(text, c.PIN)
	}
	text = fill(text, c)
	switch {
	case strings.Contains(text, "Nothing was"), slices.Contains(atLogin, call): // a wrong try was counted
	case slices.Contains(atWrite, call):
		text += " Look at what the token holds before the next try."
	default:
		text += tokenUntouched
	}
	return &Error{Call: call, Code: code, Sentence: naming(c) + text, err: err}
}

func (r row) fits(call string, code uint) bool {
	return slices.Contains(r.codes, code) && (r.at == nil || slices.Contains(r.at, call))
}

// wrongPIN adds what the token's flags said after the try. A try that used up
// the last one is as good as PIN_LOCKED: nobody may be asked again.
func wrongPIN(text string, s PINState) (string, error) {
	switch s {
	case PINCountLow:
		return text + " A wrong try was already made.", ErrPINIncorrect
	case PINFinalTry:
		return text + " ONE try is left, then the token locks.", ErrPINIncorrect
	case PINLocked:
		return "Wrong PIN, and it was the last try: the PIN is locked now. The security officer must reset it.", ErrPINLocked
	case PINOK, PINNotSet:
	}
	return text, ErrPINIncorrect
}

// fill puts in the names that are known.
func fill(text string, c tokenContext) string {
	length := "the length that the vendor states"
	if c.MaxPIN > 0 {
		length = fmt.Sprintf("%d to %d characters", c.MinPIN, c.MaxPIN)
	}
	return strings.NewReplacer("{key}", keyNamed("The key", c.KeyLabel, c.KeyID), "{hmac key}", keyNamed("The HMAC key", c.HMACKeyLabel, c.HMACKeyID), "{mechanism}", cmp.Or(c.Mechanism, "this mechanism"), "{pin length}", length).Replace(text)
}

func keyNamed(what, label, id string) string {
	if label != "" {
		what += fmt.Sprintf(" %q", label)
	}
	if id != "" {
		what += fmt.Sprintf(" (id %s)", id)
	}
	return what
}

// naming says which token it was, or which library before a token was found.
func naming(c tokenContext) string {
	switch {
	case c.Label != "" && c.Serial != "":
		return fmt.Sprintf("Token %q, serial %s: ", c.Label, c.Serial)
	case c.Label != "":
		return fmt.Sprintf("Token %q: ", c.Label)
	case c.Lib != "":
		return fmt.Sprintf("HSM library %s: ", c.Lib)
	}
	return ""
}
