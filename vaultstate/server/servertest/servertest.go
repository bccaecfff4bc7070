// Package servertest is a Vault or OpenBao server in memory, for tests: the key
// operations with the state machine, the messages and the refusals that
// recordings of real servers show. It keeps nothing and protects nothing.
package servertest

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"conclave/hsm/secret"
	"conclave/vaultstate/pgp"
	"conclave/vaultstate/share"
)

// Dialect is which endpoints a server has, and what they want.
type Dialect struct {
	Name      string
	Shamir    bool // unseal keys instead of recovery keys
	Old       bool // rekey, rekey-recovery-key, generate-root
	OldToken  bool // they want a token
	Rotate    bool // rotate/root, rotate/recovery, with a token
	RootToken bool // generate-root-token, with a token
	Zero      bool // an init without recovery keys
	ZeroRoot  bool // of a rekey under an HSM seal it says 0 shares (OpenBao's main, at the older endpoint)
	Sticky    bool // a wrong quorum is not forgotten (OpenBao 2.5, rotate)
}

// Dialects are those of the servers that there are.
var Dialects = []Dialect{
	{Name: "old, open", Old: true},
	{Name: "old, token", Old: true, OldToken: true},
	{Name: "rotate", Rotate: true, Zero: true, Sticky: true},
	{Name: "rotate, new root", Rotate: true, RootToken: true, Zero: true},
	{Name: "all", Old: true, Rotate: true, RootToken: true, Zero: true, ZeroRoot: true},
	{Name: "shamir", Shamir: true, Old: true},
	{Name: "shamir, rotate", Shamir: true, Rotate: true, Sticky: true},
}

// Server is a server's state machine, as far as the recordings show it.
type Server struct {
	t       testing.TB
	Dialect Dialect
	*httptest.Server

	mu           sync.Mutex
	Initialized  bool
	Sealed       bool
	Standby      bool
	N, Threshold int
	Key          []byte
	Ops          map[string]*Op    // "rekey", "recovery", "root"
	Tokens       map[string]string // accessor by token
	Root         string
	Term         int
	Unseal       [][]byte
	UnsealNonce  string
	Newer        bool // the request is to rotate
	Swap         bool // the shares are made for the holders in another order, as the answer says
	Misdirect    bool // …and the answer does not say it
	NoOrphans    bool // no token is made of another
	Keep         bool // tokens survive their revocation
	OTPs         []string
	Echo         bool                           // a refusal repeats the key that it was given
	Shares       int                            // requests with a share, so far
	After        func(shares int)               // called with mu held after a share's request was handled
	Before       func(path string)              // called with mu held before any request
	Drop         func(method, path string) bool // the request is handled and its answer lost
	RefuseInit   bool                           // answers 500 although it initialised
}

// Op is an operation that is pending.
type Op struct {
	Nonce, VerifyNonce string
	N, T               int
	PGP                []string // binary
	Verification       bool
	Backup             bool
	Given, Verified    [][]byte
	Key                []byte
	OTP                string
}

// New starts a server, which is not initialised.
func New(t testing.TB, d Dialect) *Server {
	f := prepare(t, d)
	f.Start()
	return f
}

// Settle waits for the request that is being handled, whose answer may be lost.
func (f *Server) Settle() {
	f.mu.Lock()
	defer f.mu.Unlock()
}

// NewTLS is New behind a certificate, which Server.Certificate is.
func NewTLS(t testing.TB, d Dialect) *Server {
	f := prepare(t, d)
	f.StartTLS()
	return f
}

func prepare(t testing.TB, d Dialect) *Server {
	f := &Server{t: t, Dialect: d, Ops: map[string]*Op{}, Tokens: map[string]string{}, Sealed: true, Term: 1}
	f.Server = httptest.NewUnstartedServer(http.HandlerFunc(f.serve))
	f.Config.ErrorLog = log.New(io.Discard, "", 0)
	t.Cleanup(f.Close)
	return f
}

func id() string {
	b := make([]byte, 8)
	_, _ = rand.Read(b)
	return hex.EncodeToString(b)
}

func (f *Server) init(in m) reply {
	prefix, pgpName := "recovery_", "recovery_pgp_keys"
	if f.Dialect.Shamir {
		prefix, pgpName = "secret_", "pgp_keys"
	}
	n, threshold, keys := number(in, prefix+"shares"), number(in, prefix+"threshold"), texts(in[pgpName])
	for name := range in {
		if !strings.HasPrefix(name, prefix) && name != pgpName && name != "root_token_pgp_key" {
			return refuse(400, "parameters %s not applicable to seal type fake", name)
		}
	}
	switch {
	case f.Initialized:
		return refuse(400, "Vault is already initialized")
	case n == 0 && !f.Dialect.Zero:
		return refuse(400, "recovery configuration must specify a positive number of shares")
	}
	f.Initialized, f.Sealed, f.N, f.Threshold = true, f.Dialect.Shamir, n, threshold
	f.Root = "s." + id() + id()[:8]
	f.Tokens[f.Root] = id()
	out := m{"keys": []string{}, "root_token": f.Root}
	if k, ok := in["root_token_pgp_key"].(string); ok {
		bin, _ := base64.StdEncoding.DecodeString(k)
		out["root_token"] = base64.StdEncoding.EncodeToString(f.encrypt(string(bin), []byte(f.Root)))
	}
	if n > 0 {
		var made []string
		f.Key, made = f.makeShares(n, threshold, keys)
		name := "recovery_keys"
		if f.Dialect.Shamir {
			name = "keys"
		}
		out[name] = made
	}
	if f.RefuseInit {
		return refuse(500, "failed to unseal")
	}
	return reply{200, out}
}

func (f *Server) encrypt(key string, text []byte) []byte {
	k, err := pgp.Read("test", []byte(key))
	if err != nil {
		f.t.Error(err)
		return nil
	}
	message, err := k.Encrypt(secret.Take(append([]byte(nil), text...)))
	if err != nil {
		f.t.Error(err)
	}
	return message
}

func (f *Server) makeShares(n, threshold int, keys []string) (key []byte, made []string) {
	k := secret.Random(32)
	parts, err := share.Split(k, n, threshold)
	if err != nil {
		f.t.Error(err)
	}
	if f.Misdirect {
		keys = slices.Clone(keys)
		slices.Reverse(keys)
	}
	for i, p := range parts {
		text := hex.EncodeToString(p.Expose())
		if keys != nil {
			text = hex.EncodeToString(f.encrypt(keys[i], []byte(text)))
		}
		made = append(made, text)
	}
	return append([]byte(nil), k.Expose()...), made
}

// fits tells whether shares make a key.
func fits(shares [][]byte, key []byte) bool {
	if len(shares) == 1 {
		return string(shares[0]) == string(key)
	}
	var list []secret.Bytes
	for _, s := range shares {
		list = append(list, secret.Take(append([]byte(nil), s...)))
	}
	got, err := share.Combine(list)
	return err == nil && string(got.Expose()) == string(key)
}
