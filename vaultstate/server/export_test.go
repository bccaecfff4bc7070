package server

import (
	"time"

	"conclave/hsm/secret"
)

// SetNow sets the clock by which PGP keys are judged: those of the recordings
// have a date.
func (v *Vault) SetNow(now func() time.Time) { v.now = now }

// ReasonOf is what a refusal means, for the tests.
func ReasonOf(status int, body []byte) string {
	names := []string{"other", "sealed", "standby", "forbidden", "closed", "noseal", "nonce", "nothing", "pending", "duplicate", "finished", "quorum"}
	b := secret.Take(append([]byte(nil), body...))
	defer b.Wipe()
	return names[refusal(Answer{Status: status, Body: b}).reason()]
}

// Decoded reads an answer as the driver does and tells whether it could.
func Decoded(path string, body []byte) error {
	b := secret.Take(append([]byte(nil), body...))
	defer b.Wipe()
	a := Answer{Status: 200, Body: b}
	_ = requestID(a)
	_ = refusal(a)
	switch path {
	case "init":
		var to initAnswer
		defer to.wipe()
		return decode(a, false, &to)
	case "seal-status":
		var to sealStatus
		return decode(a, false, &to)
	case "key-status":
		var to keyStatus
		return decode(a, true, &to)
	case "lookup":
		var to tokenInfo
		return decode(a, true, &to)
	case "data":
		var to pending
		defer to.wipe()
		return decode(a, true, &to)
	}
	var to pending
	defer to.wipe()
	return decode(a, false, &to)
}

// DecodeToken is decodeToken.
var DecodeToken = decodeToken
