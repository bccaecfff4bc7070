package server_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"conclave/hsm/secret"
	"conclave/vaultstate"
	"conclave/vaultstate/pgp"
	"conclave/vaultstate/server"
	"conclave/vaultstate/server/servertest"
)

var initOp = vaultstate.Operation{ID: "i", Kind: vaultstate.Init, Shares: 4, Threshold: 2, RootToken: true}

// TestInit initialises every kind of server, with and without PGP keys, with and
// without a root token, and uses what came out.
func TestInit(t *testing.T) {
	list, keys := holders(t, 4)
	for _, d := range servertest.Dialects {
		for _, c := range []struct {
			what  string
			pgp   bool
			token bool
		}{{"plain", false, true}, {"PGP", true, true}, {"no token", true, false}} {
			f := servertest.New(t, d)
			r := &room{T: t, f: f, v: open(t, f, "")}
			op := initOp
			op.RootToken = c.token
			people := []holder(nil)
			if c.pgp {
				op.PGPKeys, people = keys, list
				if c.token {
					op.RootTokenPGPKey = keys[0]
				}
			}
			p, err := r.v.Begin(t.Context(), op)
			if d.Shamir && !c.token {
				if !errors.Is(err, vaultstate.ErrUnsupported) || f.Initialized {
					t.Errorf("%s, %s: %v", d.Name, c.what, err)
				}
				continue
			}
			if err != nil || p.Phase != vaultstate.PhaseIssue || p.Shares != 4 || p.Set == "" {
				t.Fatalf("%s, %s: %+v, %v", d.Name, c.what, p, err)
			}
			// Where nobody gets the root token, the shares are the only authority.
			if d.Zero && c.token != (f.N == 0) {
				t.Errorf("%s, %s: %d shares count before they are proven", d.Name, c.what, f.N)
			}
			r.held = r.end(op, p, people)
			if f.N != 4 || f.Threshold != 2 || len(f.Ops) > 0 {
				t.Errorf("%s, %s: %d/%d", d.Name, c.what, f.N, f.Threshold)
			}
			want := 1
			if !c.token {
				want = 0
			}
			if len(f.Tokens) != want {
				t.Errorf("%s, %s: %d tokens are left", d.Name, c.what, len(f.Tokens))
			}
			f.Sealed = false
			r.v = open(t, f, f.Root)
			if _, err := r.v.Begin(t.Context(), initOp); !errors.Is(err, vaultstate.ErrInitialized) {
				t.Errorf("%s, %s: a second init: %v", d.Name, c.what, err)
			}
			if c.token && offers(d, vaultstate.GenerateRoot) {
				r.finish(vaultstate.Operation{ID: "root", Kind: vaultstate.GenerateRoot}, nil)
			}
		}
	}
}

// TestInitToken: the token reaches its holder, encrypted here or there.
func TestInitToken(t *testing.T) {
	list, keys := holders(t, 4)
	for _, d := range servertest.Dialects {
		for _, key := range [][]byte{nil, keys[1]} {
			f := servertest.New(t, d)
			v := open(t, f, "")
			op := initOp
			op.RootTokenPGPKey = key
			if _, err := v.Begin(t.Context(), op); err != nil {
				t.Fatal(err)
			}
			issue, err := v.Take(t.Context(), "i")
			if err != nil || issue.Token == nil {
				t.Fatalf("%s: %+v, %v", d.Name, issue, err)
			}
			token := issue.Token.Plain
			if key != nil {
				if issue.Token.PGP != list[1].key.Fingerprint || token.Len() > 0 {
					t.Errorf("%s: the token is for %q", d.Name, issue.Token.PGP)
				}
				if token, err = list[1].private.Decrypt(issue.Token.Encrypted); err != nil {
					t.Fatal(err)
				}
			}
			if string(token.Expose()) != f.Root {
				t.Errorf("%s: the token is another", d.Name)
			}
		}
	}
}

// TestInitLost: what a server can do to the answer of an init, and what is said
// of it.
func TestInitLost(t *testing.T) {
	for _, d := range servertest.Dialects {
		for _, c := range []struct {
			what  string
			spoil func(*servertest.Server)
			says  string
			lost  bool
			is    bool // initialised
		}{
			{"500, and it did", func(f *servertest.Server) { f.RefuseInit = true }, "the server refused, and is initialised all the same", true, true},
			{"the connection drops after it", func(f *servertest.Server) {
				f.Drop = func(method, path string) bool { return method == http.MethodPut && path == "sys/init" && f.Initialized }
			}, "come no second time", true, true},
			{"the connection drops before it", func(f *servertest.Server) {
				f.Drop = func(method, path string) bool {
					if method == http.MethodPut && path == "sys/init" {
						f.Initialized = false
						return true
					}
					return false
				}
			}, "it may still be at it", true, false},
			{"the server is gone", func(f *servertest.Server) {
				f.Drop = func(_, path string) bool { return path == "sys/init" && f.Initialized }
			}, "is not known", true, true},
		} {
			f := servertest.New(t, d)
			v := open(t, f, "")
			c.spoil(f)
			_, err := v.Begin(t.Context(), initOp)
			f.Settle()
			if !errors.Is(err, server.ErrLost) || !strings.Contains(err.Error(), c.says) || f.Initialized != c.is {
				t.Errorf("%s, %s: %v", d.Name, c.what, err)
			}
			if _, err := v.Take(t.Context(), "i"); !errors.Is(err, vaultstate.ErrNoOperation) {
				t.Errorf("%s, %s: Take: %v", d.Name, c.what, err)
			}
			puts := 0
			for _, x := range v.Exchanges() {
				if x.Method == http.MethodPut {
					puts++
				}
			}
			// The first asks for no recovery keys, which some refuse.
			if puts > 2 || puts != 1 && (d.Zero || d.Shamir) {
				t.Errorf("%s, %s: %d requests that change something", d.Name, c.what, puts)
			}
		}
	}
}

// TestInitGap: the server is initialised and the recovery keys cannot be made:
// the root token, its only authority, is handed out, and makes them later.
func TestInitGap(t *testing.T) {
	list, keys := holders(t, 1)
	for _, d := range []servertest.Dialect{servertest.Dialects[2], servertest.Dialects[4]} {
		for _, op := range []vaultstate.Operation{{RootToken: true}, {RootToken: true, RootTokenPGPKey: keys[0]}} {
			f := servertest.New(t, d)
			v := open(t, f, "")
			f.Before = func(path string) {
				f.Standby = f.Standby || path == "sys/rotate/recovery/init"
			}
			op.ID, op.Kind, op.Shares, op.Threshold = "i", vaultstate.Init, 4, 2
			_, err := v.Begin(t.Context(), op)
			if !errors.Is(err, server.ErrStandby) || !strings.Contains(err.Error(), "the only authority") {
				t.Fatal(err)
			}
			issue, err := v.Take(t.Context(), "i")
			if err != nil || len(issue.Shares) > 0 || issue.Token == nil {
				t.Fatalf("%+v, %v", issue, err)
			}
			token := issue.Token.Plain
			if op.RootTokenPGPKey != nil {
				if token, err = list[0].private.Decrypt(issue.Token.Encrypted); err != nil {
					t.Fatal(err)
				}
			}
			if string(token.Expose()) != f.Root {
				t.Error("the token is another")
			}
			f.Before, f.Standby = nil, false
			if _, err := v.Commit(t.Context(), "i"); err != nil || len(f.Tokens) != 1 {
				t.Errorf("%v, %d tokens: the only authority is revoked", err, len(f.Tokens))
			}
			r := &room{T: t, f: f, v: open(t, f, f.Root)}
			for _, kind := range []vaultstate.Kind{vaultstate.Rekey, vaultstate.GenerateRoot} {
				if _, err := r.v.Begin(t.Context(), vaultstate.Operation{ID: "x", Kind: kind}); offers(d, kind) && !errors.Is(err, vaultstate.ErrUnsupported) {
					t.Errorf("%s without recovery keys: %v", kind, err)
				}
			}
			later := vaultstate.Operation{ID: "r", Kind: vaultstate.RecoveryRekey, Shares: 4, Threshold: 2}
			p, err := r.v.Begin(t.Context(), later)
			if err != nil || p.Phase != vaultstate.PhaseIssue || p.Needed != 0 {
				t.Fatalf("%+v, %v", p, err)
			}
			r.end(later, p, nil)
			if f.N != 4 {
				t.Error("the recovery keys do not count")
			}
		}
	}
}

// TestInitCancelled: an init is not undone, and the gap is said to be open.
func TestInitCancelled(t *testing.T) {
	for _, d := range servertest.Dialects {
		f := servertest.New(t, d)
		v := open(t, f, "")
		if _, err := v.Begin(t.Context(), initOp); err != nil {
			t.Fatal(err)
		}
		err := v.Cancel(t.Context(), "i")
		if !errors.Is(err, vaultstate.ErrCommitted) || d.Zero != strings.Contains(err.Error(), "only authority") || len(f.Ops) > 0 {
			t.Errorf("%s: %v", d.Name, err)
		}
		issue, err := v.Take(t.Context(), "i")
		if err != nil || issue.Token == nil || d.Zero != (len(issue.Shares) == 0) {
			t.Errorf("%s: afterwards: %+v, %v", d.Name, issue, err)
		}
	}
}

// TestBadKeys: a PGP key that cannot encrypt is refused before a word to the
// server, which would lock everybody out with it.
func TestBadKeys(t *testing.T) {
	_, keys := holders(t, 2)
	f := servertest.New(t, servertest.Dialects[0])
	v := open(t, f, "")
	before := len(v.Exchanges())
	for what, op := range map[string]vaultstate.Operation{
		"not a key":           {PGPKeys: [][]byte{keys[0], []byte("x")}},
		"too few":             {PGPKeys: keys[:1]},
		"a bad token key":     {RootToken: true, RootTokenPGPKey: []byte("x")},
		"a key without token": {RootTokenPGPKey: keys[0]},
		"one that signs":      {PGPKeys: [][]byte{keys[0], signOnly(t, keys[0])}},
		"new root":            {NewRoot: true},
	} {
		op.ID, op.Kind, op.Shares, op.Threshold = "i", vaultstate.Init, 2, 2
		if _, err := v.Begin(t.Context(), op); err == nil {
			t.Errorf("%s: no error", what)
		}
	}
	if len(v.Exchanges()) != before {
		t.Error("the server was asked")
	}
}

// signOnly cuts the encryption subkey off a practice key: its packets are the
// primary key, the user ID, a signature, the subkey, a signature.
func signOnly(t *testing.T, key []byte) []byte {
	t.Helper()
	for cut := len(key) - 1; cut > 0; cut-- {
		k, err := pgp.Read("x", key[:cut])
		if err == nil && k.Subkey == "" {
			return key[:cut]
		}
	}
	t.Fatal("no subkey was cut off")
	return nil
}

// TestUnseal unseals a cluster from one entry of the shares.
func TestUnseal(t *testing.T) {
	for _, d := range []servertest.Dialect{servertest.Dialects[0], servertest.Dialects[5]} {
		a := newRoom(t, d)
		b, c := servertest.New(t, d), servertest.New(t, d)
		for _, f := range []*servertest.Server{b, c} {
			f.Initialized, f.N, f.Threshold, f.Key = true, 5, 3, a.f.Key
		}
		a.f.Sealed, c.Sealed = true, false
		b2 := servertest.New(t, d) // gone
		gone := b2.URL
		b2.Close()
		v, err := server.Open(t.Context(), server.Config{Address: a.f.URL, Nodes: []string{b.URL, c.URL, gone}})
		if err != nil {
			t.Fatal(err)
		}
		op := vaultstate.Operation{ID: "u", Kind: server.Unseal}
		p, err := v.Begin(t.Context(), op)
		if err != nil || p.Needed != 3 || len(p.Nodes) != 4 || !p.Nodes[0].Sealed || !p.Nodes[1].Sealed || p.Nodes[2].Sealed || p.Nodes[3].Err == "" {
			t.Fatalf("%+v, %v", p, err)
		}
		bad := a.held[1].Clone()
		bad.Expose()[0] ^= 1
		var q *vaultstate.QuorumError
		if _, err := v.Submit(t.Context(), "u", []secret.Bytes{a.held[0], bad, a.held[2]}); !errors.As(err, &q) || !a.f.Sealed || b.Shares > 0 {
			t.Errorf("a wrong share: %v", err)
		}
		if p, err = v.Submit(t.Context(), "u", a.held[:3]); err != nil || p.Phase != vaultstate.PhaseReady {
			t.Errorf("%+v, %v", p, err)
		}
		if a.f.Sealed || b.Sealed || c.Shares > 0 {
			t.Error("a node is sealed, or the open one was given shares")
		}
		out, err := v.Commit(t.Context(), "u")
		if err != nil || len(out.Checks) != 4 || !out.Checks[0].OK || !out.Checks[1].OK || !out.Checks[2].OK || out.Checks[3].OK {
			t.Errorf("%+v, %v", out, err)
		}
	}
}

// TestUnsealGuard: shares of somebody else among ours stop it, and Cancel has
// the node forget ours.
func TestUnsealGuard(t *testing.T) {
	r := newRoom(t, servertest.Dialects[5])
	r.f.Sealed = true
	v := open(t, r.f, "")
	if _, err := v.Begin(t.Context(), vaultstate.Operation{ID: "u", Kind: server.Unseal}); err != nil {
		t.Fatal(err)
	}
	from := r.f.Shares
	r.f.After = func(shares int) {
		if shares == from+1 {
			r.f.Unseal = append(r.f.Unseal, []byte("theirs"))
		}
	}
	if _, err := v.Submit(t.Context(), "u", r.held[:3]); !errors.Is(err, vaultstate.ErrChanged) || r.f.Shares != from+1 {
		t.Errorf("%v, %d shares", err, r.f.Shares-from)
	}
	if err := v.Cancel(t.Context(), "u"); err != nil || len(r.f.Unseal) != 0 {
		t.Errorf("%v, %d shares are left", err, len(r.f.Unseal))
	}
	if _, err := v.Submit(t.Context(), "u", r.held[:1]); err == nil {
		t.Error("a cancelled unseal goes on")
	}
	r.f.After = nil
	r.f.Unseal, r.f.UnsealNonce = [][]byte{{1}}, "theirs"
	st, err := v.Status(t.Context())
	if err != nil || len(st.Pending) != 1 || st.Sealed != "yes" {
		t.Fatalf("%+v, %v", st, err)
	}
	if err := v.Discard(t.Context(), st.Pending[0]); err != nil || r.f.Unseal != nil {
		t.Errorf("%v", err)
	}
	if err := v.Discard(t.Context(), st.Pending[0]); !errors.Is(err, vaultstate.ErrChanged) {
		t.Errorf("twice: %v", err)
	}
}

// TestSlowInit: an HSM may take its time with an init, and with nothing else.
func TestSlowInit(t *testing.T) {
	f := servertest.New(t, servertest.Dialects[0])
	v, err := server.Open(t.Context(), server.Config{Address: f.URL, Timeout: 200 * time.Millisecond, InitTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	f.Drop = func(method, path string) bool {
		if method == http.MethodPut || path == "sys/health" {
			time.Sleep(500 * time.Millisecond)
		}
		return false
	}
	if _, err := v.Begin(t.Context(), initOp); err != nil {
		t.Errorf("a slow init: %v", err)
	}
	if _, err := v.Ways(t.Context()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("anything else that is slow: %v", err)
	}
}

// TestUnsealLateNode: a node that is reached for the first time when the shares
// are there gets none: nobody saw its certificate.
func TestUnsealLateNode(t *testing.T) {
	r := newRoom(t, servertest.Dialects[5])
	r.f.Sealed = true
	late, _, reached := tlsServer(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"initialized":true,"sealed":true,"t":3,"n":5}`)
	})
	address := late.Listener.Addr().String()
	tlsConfig := late.TLS
	late.Close()
	v, err := server.Open(t.Context(), server.Config{Address: r.f.URL, Nodes: []string{"https://" + address}, SkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	op := vaultstate.Operation{ID: "u", Kind: server.Unseal}
	begin(t, v, op)
	l, err := tls.Listen("tcp", address, tlsConfig)
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = http.Serve(l, late.Config.Handler) }()
	defer func() { _ = l.Close() }()
	p := submit(t, v, "u", r.held[:3]...)
	if r.f.Sealed || !p.Nodes[1].Sealed || !strings.Contains(p.Nodes[1].Err, "certificate was not seen before") || reached.Load() > 0 {
		t.Errorf("%+v, %d requests", p.Nodes, reached.Load())
	}
}
