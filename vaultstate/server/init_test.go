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
)

var initOp = vaultstate.Operation{ID: "i", Kind: vaultstate.Init, Shares: 4, Threshold: 2, RootToken: true}

// TestInit initialises every kind of server, with and without PGP keys, with and
// without a root token, and uses what came out.
func TestInit(t *testing.T) {
	list, keys := holders(t, 4)
	for _, d := range dialects {
		for _, c := range []struct {
			what  string
			pgp   bool
			token bool
		}{{"plain", false, true}, {"PGP", true, true}, {"no token", true, false}} {
			f := newFake(t, d)
			r := &room{T: t, f: f, v: f.open("")}
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
			if d.shamir && !c.token {
				if !errors.Is(err, vaultstate.ErrUnsupported) || f.initialized {
					t.Errorf("%s, %s: %v", d.name, c.what, err)
				}
				continue
			}
			if err != nil || p.Phase != vaultstate.PhaseIssue || p.Shares != 4 || p.Set == "" {
				t.Fatalf("%s, %s: %+v, %v", d.name, c.what, p, err)
			}
			if d.zero && f.n != 0 {
				t.Errorf("%s, %s: the shares count before they are proven", d.name, c.what)
			}
			r.held = r.end(op, p, people)
			if f.n != 4 || f.threshold != 2 || len(f.ops) > 0 {
				t.Errorf("%s, %s: %d/%d", d.name, c.what, f.n, f.threshold)
			}
			want := 1
			if !c.token {
				want = 0
			}
			if len(f.tokens) != want {
				t.Errorf("%s, %s: %d tokens are left", d.name, c.what, len(f.tokens))
			}
			f.sealed = false
			r.v = f.open(f.root)
			if _, err := r.v.Begin(t.Context(), initOp); !errors.Is(err, vaultstate.ErrInitialized) {
				t.Errorf("%s, %s: a second init: %v", d.name, c.what, err)
			}
			if c.token && d.offers(vaultstate.GenerateRoot) {
				r.finish(vaultstate.Operation{ID: "root", Kind: vaultstate.GenerateRoot}, nil)
			}
		}
	}
}

// TestInitToken: the token reaches its holder, encrypted here or there.
func TestInitToken(t *testing.T) {
	list, keys := holders(t, 4)
	for _, d := range dialects {
		for _, key := range [][]byte{nil, keys[1]} {
			f := newFake(t, d)
			v := f.open("")
			op := initOp
			op.RootTokenPGPKey = key
			if _, err := v.Begin(t.Context(), op); err != nil {
				t.Fatal(err)
			}
			issue, err := v.Take(t.Context(), "i")
			if err != nil || issue.Token == nil {
				t.Fatalf("%s: %+v, %v", d.name, issue, err)
			}
			token := issue.Token.Plain
			if key != nil {
				if issue.Token.PGP != list[1].key.Fingerprint || token.Len() > 0 {
					t.Errorf("%s: the token is for %q", d.name, issue.Token.PGP)
				}
				if token, err = list[1].private.Decrypt(issue.Token.Encrypted); err != nil {
					t.Fatal(err)
				}
			}
			if string(token.Expose()) != f.root {
				t.Errorf("%s: the token is another", d.name)
			}
		}
	}
}

// TestInitLost: what a server can do to the answer of an init, and what is said
// of it.
func TestInitLost(t *testing.T) {
	for _, d := range dialects {
		for _, c := range []struct {
			what  string
			spoil func(*fake)
			says  string
			lost  bool
			is    bool // initialised
		}{
			{"500, and it did", func(f *fake) { f.refuseInit = true }, "the server refused, and is initialised all the same", true, true},
			{"the connection drops after it", func(f *fake) {
				f.drop = func(method, path string) bool { return method == http.MethodPut && path == "sys/init" && f.initialized }
			}, "come no second time", true, true},
			{"the connection drops before it", func(f *fake) {
				f.drop = func(method, path string) bool {
					if method == http.MethodPut && path == "sys/init" {
						f.initialized = false
						return true
					}
					return false
				}
			}, "it may still be at it", true, false},
			{"the server is gone", func(f *fake) { f.drop = func(_, path string) bool { return path == "sys/init" && f.initialized } }, "is not known", true, true},
		} {
			f := newFake(t, d)
			v := f.open("")
			c.spoil(f)
			_, err := v.Begin(t.Context(), initOp)
			if !errors.Is(err, server.ErrLost) || !strings.Contains(err.Error(), c.says) || f.initialized != c.is {
				t.Errorf("%s, %s: %v", d.name, c.what, err)
			}
			if _, err := v.Take(t.Context(), "i"); !errors.Is(err, vaultstate.ErrNoOperation) {
				t.Errorf("%s, %s: Take: %v", d.name, c.what, err)
			}
			puts := 0
			for _, x := range v.Exchanges() {
				if x.Method == http.MethodPut {
					puts++
				}
			}
			// The first asks for no recovery keys, which some refuse.
			if puts > 2 || puts != 1 && (d.zero || d.shamir) {
				t.Errorf("%s, %s: %d requests that change something", d.name, c.what, puts)
			}
		}
	}
}

// TestInitGap: the server is initialised and the recovery keys cannot be made:
// the root token, its only authority, is handed out, even if nobody asked for
// it, and makes them later.
func TestInitGap(t *testing.T) {
	list, keys := holders(t, 1)
	for _, d := range []dialect{dialects[2], dialects[4]} {
		for _, op := range []vaultstate.Operation{{RootToken: true}, {RootToken: true, RootTokenPGPKey: keys[0]}, {}} {
			f := newFake(t, d)
			v := f.open("")
			f.before = func(path string) {
				f.standby = f.standby || path == "sys/rotate/recovery/init"
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
			if string(token.Expose()) != f.root {
				t.Error("the token is another")
			}
			f.before, f.standby = nil, false
			if _, err := v.Commit(t.Context(), "i"); err != nil || len(f.tokens) != 1 {
				t.Errorf("%v, %d tokens: the only authority is revoked", err, len(f.tokens))
			}
			r := &room{T: t, f: f, v: f.open(f.root)}
			for _, kind := range []vaultstate.Kind{vaultstate.Rekey, vaultstate.GenerateRoot} {
				if _, err := r.v.Begin(t.Context(), vaultstate.Operation{ID: "x", Kind: kind}); d.offers(kind) && !errors.Is(err, vaultstate.ErrUnsupported) {
					t.Errorf("%s without recovery keys: %v", kind, err)
				}
			}
			later := vaultstate.Operation{ID: "r", Kind: vaultstate.RecoveryRekey, Shares: 4, Threshold: 2}
			p, err := r.v.Begin(t.Context(), later)
			if err != nil || p.Phase != vaultstate.PhaseIssue || p.Needed != 0 {
				t.Fatalf("%+v, %v", p, err)
			}
			r.end(later, p, nil)
			if f.n != 4 {
				t.Error("the recovery keys do not count")
			}
		}
	}
}

// TestInitCancelled: an init is not undone, and the gap is said to be open.
func TestInitCancelled(t *testing.T) {
	for _, d := range dialects {
		f := newFake(t, d)
		v := f.open("")
		if _, err := v.Begin(t.Context(), initOp); err != nil {
			t.Fatal(err)
		}
		err := v.Cancel(t.Context(), "i")
		if !errors.Is(err, vaultstate.ErrCommitted) || d.zero != strings.Contains(err.Error(), "only authority") || len(f.ops) > 0 {
			t.Errorf("%s: %v", d.name, err)
		}
		issue, err := v.Take(t.Context(), "i")
		if err != nil || issue.Token == nil || d.zero != (len(issue.Shares) == 0) {
			t.Errorf("%s: afterwards: %+v, %v", d.name, issue, err)
		}
	}
}

// TestBadKeys: a PGP key that cannot encrypt is refused before a word to the
// server, which would lock everybody out with it.
func TestBadKeys(t *testing.T) {
	_, keys := holders(t, 2)
	f := newFake(t, dialects[0])
	v := f.open("")
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
	for _, d := range []dialect{dialects[0], dialects[5]} {
		a := newRoom(t, d)
		b, c := newFake(t, d), newFake(t, d)
		for _, f := range []*fake{b, c} {
			f.initialized, f.n, f.threshold, f.key = true, 5, 3, a.f.key
		}
		a.f.sealed, c.sealed = true, false
		b2 := newFake(t, d) // gone
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
		if _, err := v.Submit(t.Context(), "u", []secret.Bytes{a.held[0], bad, a.held[2]}); !errors.As(err, &q) || !a.f.sealed || b.shares > 0 {
			t.Errorf("a wrong share: %v", err)
		}
		if p, err = v.Submit(t.Context(), "u", a.held[:3]); err != nil || p.Phase != vaultstate.PhaseReady {
			t.Errorf("%+v, %v", p, err)
		}
		if a.f.sealed || b.sealed || c.shares > 0 {
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
	r := newRoom(t, dialects[5])
	r.f.sealed = true
	v := r.f.open("")
	if _, err := v.Begin(t.Context(), vaultstate.Operation{ID: "u", Kind: server.Unseal}); err != nil {
		t.Fatal(err)
	}
	from := r.f.shares
	r.f.after = func(shares int) {
		if shares == from+1 {
			r.f.unseal = append(r.f.unseal, []byte("theirs"))
		}
	}
	if _, err := v.Submit(t.Context(), "u", r.held[:3]); !errors.Is(err, vaultstate.ErrChanged) || r.f.shares != from+1 {
		t.Errorf("%v, %d shares", err, r.f.shares-from)
	}
	if err := v.Cancel(t.Context(), "u"); err != nil || len(r.f.unseal) != 0 {
		t.Errorf("%v, %d shares are left", err, len(r.f.unseal))
	}
	if _, err := v.Submit(t.Context(), "u", r.held[:1]); err == nil {
		t.Error("a cancelled unseal goes on")
	}
	r.f.after = nil
	r.f.unseal, r.f.unsealNonce = [][]byte{{1}}, "theirs"
	st, err := v.Status(t.Context())
	if err != nil || len(st.Pending) != 1 || st.Sealed != "yes" {
		t.Fatalf("%+v, %v", st, err)
	}
	if err := v.Discard(t.Context(), st.Pending[0]); err != nil || r.f.unseal != nil {
		t.Errorf("%v", err)
	}
	if err := v.Discard(t.Context(), st.Pending[0]); !errors.Is(err, vaultstate.ErrChanged) {
		t.Errorf("twice: %v", err)
	}
}

// TestSlowInit: an HSM may take its time with an init, and with nothing else.
func TestSlowInit(t *testing.T) {
	f := newFake(t, dialects[0])
	v, err := server.Open(t.Context(), server.Config{Address: f.URL, Timeout: 200 * time.Millisecond, InitTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	f.drop = func(method, path string) bool {
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
	r := newRoom(t, dialects[5])
	r.f.sealed = true
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
	if r.f.sealed || !p.Nodes[1].Sealed || !strings.Contains(p.Nodes[1].Err, "certificate was not seen before") || reached.Load() > 0 {
		t.Errorf("%+v, %d requests", p.Nodes, reached.Load())
	}
}
