package hsm

import "time"

// Error is a return code of the HSM's library other than CKR_OK, with the
// sentence that says what it means. It wraps one of the sentinels where one
// fits.
type Error struct {
	Call     string // "C_Decrypt"
	Code     uint   // the CKR code
	Sentence string // cause, what to do; without the code
	err      error
}

func (e *Error) Error() string { return e.Sentence + " (" + e.Call + ", " + ckrText(e.Code) + ")" }
func (e *Error) Unwrap() error { return e.err }

// tokenContext is what the sentence of a code may name. A zero field is left
// out of it.
type tokenContext struct {
	Lib, Label, Serial         string
	KeyLabel, KeyID, Mechanism string
	PIN                        PINState // as the flags say after the try
	MinPIN, MaxPIN             int
	After                      time.Duration // the time limit that passed
}
