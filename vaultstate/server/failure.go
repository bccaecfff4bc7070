package server

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"conclave/assets/clean"
	"conclave/hsm/secret"
)

// Refusal is an answer that is no success. Messages are the server's, cleaned.
type Refusal struct {
	Status   int
	Messages []string
	location string
}

func (r *Refusal) Error() string {
	says := strings.Join(r.Messages, "; ")
	if says == "" {
		says = "no reason"
	}
	if r.location != "" {
		says = "it points to " + r.location + ", which is not followed"
	}
	return fmt.Sprintf("the server refuses with %d (%s)", r.Status, says)
}

// Unwrap is what callers branch on.
func (r *Refusal) Unwrap() error {
	switch r.reason() { //nolint:exhaustive // the others are for the operations
	case isSealed:
		return ErrSealed
	case isStandby:
		return ErrStandby
	case isForbidden:
		return ErrToken
	case isClosed:
		return ErrClosed
	}
	return ErrRefused
}

// reason is what a refusal means.
type reason int

const (
	isOther     reason = iota
	isSealed           // the barrier is closed
	isStandby          // another node is active
	isForbidden        // no token, or one that may not
	isClosed           // there is no such endpoint at this address
	isNoSeal           // the seal knows no such operation
	isNonce            // another operation is pending than we name
	isNothing          // none is pending
	isPending          // one is pending already
	isDuplicate        // this share was given before
	isFinished         // the quorum is in, verification waits
	isQuorum           // the shares, or this one, do not make the key
)

// phrases are parts of the servers' messages, as the recordings have them. The
// first that is found counts: some messages hold several.
var phrases = []struct {
	text string
	is   reason
}{
	{"is sealed", isSealed},
	{"node is not active", isStandby},
	{"can only be performed on the primary", isStandby},
	{"incorrect nonce supplied", isNonce},
	{"already been provided", isDuplicate},
	{"already finished; verification must be performed", isFinished},
	{"already in progress", isPending},
	{"rekeying not supported", isNoSeal},
	{"recovery keys not supported", isNoSeal},
	{"recovery not supported", isNoSeal}, // rotate/recovery of OpenBao 2.5
	{"unsupported path", isClosed},
	{"unsupported operation", isClosed},
	{"no rekey configuration found", isNothing},
	{"no rotation configuration found", isNothing},
	{"does not match submitted values", isQuorum},
	{"failed to compute", isQuorum},
	{"incorrect key shares supplied", isQuorum},
	{"shorter than minimum", isQuorum},
	{"longer than maximum", isQuorum},
	{"invalid key", isQuorum},
	{"verification failed", isQuorum},
	{"permission denied", isForbidden},
	{"missing client token", isForbidden},
}

func (r *Refusal) reason() reason {
	all := strings.Join(r.Messages, "\n")
	if strings.Contains(all, "no ") && strings.Contains(all, " in progress") {
		return isNothing // "no recovery rekey in progress", and others like it
	}
	for _, p := range phrases {
		if strings.Contains(all, p.text) {
			return p.is
		}
	}
	switch {
	case r.Status >= 300 && r.Status < 400:
		return isStandby
	case r.Status == http.StatusNotFound, r.Status == http.StatusMethodNotAllowed:
		return isClosed
	case r.Status == http.StatusForbidden, r.Status == http.StatusUnauthorized:
		return isForbidden
	}
	return isOther
}

// maxMessages is how many of a server's messages are kept.
const maxMessages = 5

// refusal reads an answer that is no success. Nothing of what was sent in
// secret may come back in a message, nor then go into a record.
func refusal(a Answer, sent ...secret.Bytes) *Refusal {
	r := &Refusal{Status: a.Status, location: a.Location}
	for _, s := range sent {
		if s.Len() > 0 && bytes.Contains(a.Body.Expose(), s.Expose()) {
			r.Messages = []string{"the message repeats a secret that was sent, and is left out"}
			return r
		}
	}
	var said struct {
		Errors []string `json:"errors"`
	}
	if a.Body.Len() > 0 && json.Unmarshal(a.Body.Expose(), &said) != nil {
		r.Messages = []string{"the answer is not of this API"}
		return r
	}
	for _, m := range said.Errors {
		if len(r.Messages) == maxMessages {
			break
		}
		// "1 error occurred:\n\t* unsupported path\n\n" is how some come.
		m = strings.Join(strings.Fields(strings.ReplaceAll(m, "* ", " ")), " ")
		r.Messages = append(r.Messages, clean.Clean(strings.TrimPrefix(m, "1 error occurred: ")))
	}
	return r
}
