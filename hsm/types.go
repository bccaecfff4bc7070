package hsm

import (
	"errors"
	"time"
)

// Config says which token and which key. It holds no PIN.
type Config struct {
	Lib         string // path of the PKCS#11 library
	TokenLabel  string
	TokenSerial string // "" for any
	Slot        *uint  // nil for any; never stored in a blob
	KeyLabel    string
	KeyID       string // CKA_ID in hex, exactly as the server's configuration writes it; may be ""
	Mechanism   string // of new blobs: "CKM_AES_GCM", "AES_GCM", "0x1087", …; "": the first symmetric one that passes
	OAEPHash    string // "", "sha1" … "sha512"; the default is sha256
	RSAEncrypt  string // where RSA encrypts: "" (in the token, here if it does not), EncryptLocally, EncryptInToken
	ReadWrite   bool   // every session is a read-write one

	// The key of the HMAC beside AES-CBC; not used with other mechanisms.
	HMACKeyLabel, HMACKeyID string

	Timeout time.Duration
	Env     []string // added to the worker's environment, e.g. SOFTHSM2_CONF=…
}

// Where RSA encrypts, if it is said.
const (
	EncryptLocally = "here"
	EncryptInToken = "token"
)

// PINState is what the token's flags say of its user PIN.
type PINState string

// The states, as C_GetTokenInfo's flags give them. A token may show none of
// the warnings (a TPM does not).
const (
	PINOK       PINState = "ok"
	PINCountLow PINState = "count-low" // a wrong PIN was entered since the last right one
	PINFinalTry PINState = "final-try" // one more wrong PIN locks it
	PINLocked   PINState = "locked"
	PINNotSet   PINState = "not-set"
)

// Info is what the token and the library state of themselves, without a login.
type Info struct {
	Library       string // real path of what was loaded
	LibrarySHA256 string // hex
	LibraryInfo   string // C_GetInfo: description and version
	Label         string
	Manufacturer  string
	Model         string
	Serial        string
	Firmware      string
	Slot          uint // of this run
	PIN           PINState
	MinPIN        int
	MaxPIN        int
	ProtectedPath bool      // CKF_PROTECTED_AUTHENTICATION_PATH: log in without a PIN
	Software      bool      // a software token by its own name
	Clock         time.Time // the token's own, when it was asked; zero if it has none
}

// Key is the wrapping key in the token.
type Key struct {
	Label, ID  string            // ID: hex of CKA_ID
	Ref        string            // "label:id" as blobs carry it: the configured strings
	Type       string            // "AES-256", "RSA-2048"
	Mechanism  string            // "CKM_AES_GCM", …; "" while none is configured and none was chosen
	HMACRef    string            // "label:id" of the HMAC key; "" but for AES-CBC
	OAEPHash   string            // "" but for RSA
	Generated  bool              // made by this run
	Attributes map[string]string // as the token states them: "CKA_SENSITIVE": "true"

	HMACAttributes map[string]string // of the HMAC key
}

// TestLine is one line of the self-test: what the token was seen to do.
type TestLine struct {
	Text string
	Took time.Duration
	Warn bool // not a failure, but people should know
}

// KeyRef is what a blob says about the key that wrapped it.
type KeyRef struct {
	KeyID     string // "label:id"
	Mechanism string // as the blob says; where it does not, as OpenBao's blobs mean it
	HMACKeyID string // "label:id"; "" but for AES-CBC
}

// The errors that callers branch on.
var (
	ErrNoLibrary      = errors.New("the HSM library cannot be loaded")
	ErrTokenNotFound  = errors.New("no such token is connected")
	ErrTokenAmbiguous = errors.New("more than one token fits")
	ErrTokenGone      = errors.New("the token does not answer")
	ErrKeyNotFound    = errors.New("the token has no such key")
	ErrKeyAmbiguous   = errors.New("more than one key fits")
	ErrPINIncorrect   = errors.New("the PIN is wrong")
	ErrPINLocked      = errors.New("the PIN is locked")
	ErrPINNotSet      = errors.New("the token has no user PIN yet")
	ErrPINLength      = errors.New("the PIN's length is not allowed")
	ErrNotLoggedIn    = errors.New("nobody is logged in at the token")
	ErrTimeout        = errors.New("the HSM has not answered in time")
	ErrWorker         = errors.New("the process with the HSM library ended")
	ErrNoPKCS11       = errors.New("this build has no PKCS#11 (it was made without cgo)")
	ErrMechanism      = errors.New("this mechanism is not used")
	ErrNoMechanism    = errors.New("no mechanism passes the self-test")
	ErrUnauthentic    = errors.New("RSA-OAEP is never chosen by itself")
	ErrWrongKey       = errors.New("the sealed data does not open with this key")
)
