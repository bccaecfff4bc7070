package api

import (
	"fmt"
	"net/http"
	"strings"

	"conclave/assets/clean"
	"conclave/hsm/secret"
)

// TokenHeader carries the session's token where X-Vault-Token is needed for the
// vault's.
const TokenHeader = "X-Conclave-Token"

const (
	vaultToken   = "X-Vault-Token" //nolint:gosec // the name of a header
	vaultRequest = "X-Vault-Request"
)

// shutOut is why a request does not pass the gate. Browsers are told nothing at
// all.
type shutOut struct {
	why   string
	tell  bool
	token bool // the session's token is what it lacks
}

// gate lets pass who may ask for anything. A process of another user does not get
// as far: the listener hangs up (Listen).
//
// Pages in a browser can send to loopback: what a browser puts in without being
// asked shuts them out, the host shuts out names that somebody has point here,
// and X-Vault-Request cannot be sent by a page without a question first, which
// nobody answers.
func (s *Server) gate(r *http.Request) *shutOut {
	for name := range r.Header {
		if name == "Origin" || strings.HasPrefix(name, "Sec-") || name == "Referer" || name == "Cookie" {
			return &shutOut{why: "it comes from a page in a browser: " + name}
		}
	}
	if r.Method == http.MethodOptions || r.Method == http.MethodConnect {
		return &shutOut{why: "the method is " + r.Method}
	}
	if s.o.Host == "" {
		return nil // the unix socket: the listener asked who it is
	}
	switch {
	case r.Host != s.o.Host:
		return &shutOut{why: "it names the host " + clean.Cut(r.Host, 80)}
	case !s.hasToken(r.Header.Get(TokenHeader)) && !s.hasToken(r.Header.Get(vaultToken)):
		return &shutOut{why: "it does not have the session's token", tell: true, token: true}
	case r.Header.Get(vaultRequest) != "true":
		return &shutOut{why: vaultRequest + " is not there", tell: true}
	}
	return nil
}

func (s *Server) hasToken(given string) bool {
	t := secret.Take([]byte(given))
	defer t.Wipe()
	return s.o.Token.Len() > 0 && t.Equal(s.o.Token)
}

// maxRefused is how many requests that did not pass get an event of their own:
// whoever cannot get in shall not be able to fill the disk.
const maxRefused = 100

// shut refuses a request at the gate. Nothing of its body is read.
func (s *Server) shut(w http.ResponseWriter, r *http.Request, out *shutOut) {
	s.noteRefused(caller(r.Context()), out.why)
	w.Header().Set("Connection", "close")
	if !out.tell {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	message := "permission denied"
	if !out.token {
		message = fmt.Sprintf("missing '%s' header", vaultRequest)
	}
	refuse(http.StatusForbidden, message).answer().write(w, r.Method)
}

// Refused notes a connection that the listener hung up on.
func (s *Server) Refused(who, why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.noteRefused(who, why)
}

// tokenOf takes the vault's token from a request.
func tokenOf(r *http.Request) secret.Bytes { return secret.Take([]byte(r.Header.Get(vaultToken))) }
