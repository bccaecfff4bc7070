package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"conclave/assets/clean"
	"conclave/vaultstate"
)

// Server is the running server that a ceremony acts on, in place of a storage
// directory and an HSM.
type Server struct {
	Address    string
	Nodes      []string // of an unseal: further nodes that the shares go to
	Namespace  string
	ServerName string // in its certificate, where it is another than the address's
	CACert     string // file, read once: its bytes are used
	Proxy      string
	// Certificates are the SHA-256 of the certificates' public keys (SPKI), hex: of
	// Address, then of Nodes. People compare those that are not named.
	Certificates []string
	SkipVerify   bool // nobody but people and Certificates vouches for them
}

// Addresses are the server's and those of the further nodes.
func (s *Server) Addresses() []string { return append([]string{s.Address}, s.Nodes...) }

// Names tells whether the plan says what certificate an address has.
func (s *Server) Names(address string) bool {
	i := slices.Index(s.Addresses(), address)
	return i >= 0 && i < len(s.Certificates)
}

// serverKinds are the ceremonies that a server can be asked for.
var serverKinds = []vaultstate.Kind{vaultstate.Init, Unseal, vaultstate.Rekey, vaultstate.RecoveryRekey, vaultstate.Rotate, vaultstate.GenerateRoot, Drill}

// server checks what is asked of a running server. The values of the agreed plan
// are the caller's: it knows where each comes from.
func (q Request) server(p *Plan, refuse func(string, string, ...any)) {
	s := q.Server
	if q.UnsealKeys && (s == nil || q.Kind != vaultstate.RecoveryRekey) {
		refuse("unseal-keys", "only a running server with a Shamir seal has unseal keys; here the HSM unseals, and people hold recovery shares")
	}
	if s == nil {
		return
	}
	p.Server = s
	if q.UnsealKeys {
		p.Values = append(p.Values, Value{Name: "unseal-keys", Text: "true", Source: "flag"})
	}
	known := false
	for _, k := range serverKinds {
		known = known || k == q.Kind
	}
	if !known {
		refuse("address", "a %s acts on a storage directory and its HSM, not on a running server: stop the server, and name its configuration", q.Kind)
	}
	for _, address := range s.Addresses() {
		scheme, rest, ok := strings.Cut(address, "://")
		if !ok || scheme != "https" && scheme != "http" && scheme != "unix" || rest == "" || strings.ContainsAny(rest, "@?# ") {
			refuse("address", "%q: say https://HOST:PORT, http:// to this machine, or unix:///PATH", clean.Clean(address))
		}
	}
	if len(s.Nodes) > 0 && q.Kind != Unseal {
		refuse("node", "only an unseal goes to more nodes than one: the others act at the active one")
	}
	for _, c := range s.Certificates {
		if b, err := hex.DecodeString(c); err != nil || len(b) != sha256.Size {
			refuse("certificate", "it is the SHA-256 of the public key of the server's certificate: 64 hex digits; those of further nodes follow, with commas")
			break
		}
	}
	if n := len(s.Addresses()); len(s.Certificates) > n {
		refuse("certificate", "it names %d certificates, and there are %d addresses", len(s.Certificates), n)
	}
	for field, given := range map[string]bool{"anchor": q.Anchor != "", "hsm-sign-record": q.SignRecord.Label != "", "adopt-state": q.AdoptState != "", "deep": q.Deep} {
		if given {
			refuse(field, "that needs the HSM or the storage, and a running server has both")
		}
	}
}

// Operation is what a vault is asked for. At a server a quorum that is only proven
// makes a root token, and new unseal keys are made by its rekey.
func (p *Plan) Operation() vaultstate.Kind {
	switch {
	case p.Kind == Drill:
		return vaultstate.GenerateRoot
	case p.UnsealKeys:
		return vaultstate.Rekey
	}
	return p.Kind
}

// UsesServer tells whether anything but its status is asked of a server.
func (p *Plan) UsesServer() bool {
	return p.Server != nil && (p.Kind != Drill || p.Proof == ProofQuorum)
}

// AtOnce tells whether a server does what is asked before anything can be looked
// at: an init when it is asked for, the others with the last share. The people
// agree to it before that.
func (p *Plan) AtOnce() bool {
	switch p.Kind {
	case vaultstate.Init, vaultstate.GenerateRoot, vaultstate.Rekey:
		return true
	case vaultstate.RecoveryRekey:
		return p.SkipProof
	case vaultstate.Rotate, vaultstate.ReEncrypt, vaultstate.Rewrap, vaultstate.Recover:
	}
	return false
}

// Name is the server's address without what is the same for all.
func (s *Server) Name() string {
	_, rest, _ := strings.Cut(s.Address, "://")
	return clean.Clean(strings.TrimSuffix(rest, "/"))
}

// String is the address, for texts.
func (s *Server) String() string { return fmt.Sprintf("the server at %s", clean.Clean(s.Address)) }
