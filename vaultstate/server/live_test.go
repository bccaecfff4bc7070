//go:build cgo

package server_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"conclave/hsm/secret"
	"conclave/hsm/softhsm/need"
	"conclave/vaultstate"
	"conclave/vaultstate/server"
	"conclave/vaultstate/vaulttest"
	"conclave/vaultstate/vaulttest/openbao"
)

// TestOpenBao drives a real OpenBao that a SoftHSM token seals: the one that
// OPENBAO_BIN names, or bao in the path, 2.4 or later in a build with the pkcs11
// seal. Once with the listener of the default, once with all endpoints open.
func TestOpenBao(t *testing.T) {
	bin := need.Tool(t, "openbao")
	need.Tool(t, "softhsm")
	for name, options := range map[string]string{"default": "", "open": openbao.OpenEndpoints} {
		t.Run(name, func(t *testing.T) { drive(t, bin, options, name == "open") })
	}
}

// TestOpenBaoSuite holds the driver to the contract of every vault, on a real
// OpenBao.
func TestOpenBaoSuite(t *testing.T) {
	bin := need.Tool(t, "openbao")
	need.Tool(t, "softhsm")
	for name, options := range map[string]string{"default": "", "open": openbao.OpenEndpoints} {
		t.Run(name, func(t *testing.T) {
			vaulttest.Run(t, func(t *testing.T) vaulttest.Subject {
				address := openbao.New(t, bin, options)
				through := &losing{}
				s := driven(t, address, through.send)
				s.LoseAnswer, s.Found = func() { through.loses = true }, func() { through.loses = false }
				return s
			})
		})
	}
}

// losing sends requests, and loses the answers of those that change something.
type losing struct{ loses bool }

func (l *losing) send(ctx context.Context, q server.Request) (server.Answer, error) {
	a, err := server.Send(ctx, q)
	if err == nil && l.loses && q.Method != http.MethodGet {
		return server.Answer{}, errors.New("the answer was lost on its way")
	}
	return a, err
}

// TestOpenBaoStranger: on a real server, somebody begins the operation anew for
// their own PGP keys after our first share. And what the other test has not: an
// ordinary init whose root token nobody wants, holders with PGP keys, a token for
// one of them.
func TestOpenBaoStranger(t *testing.T) {
	bin := need.Tool(t, "openbao")
	need.Tool(t, "softhsm")
	b := openbao.New(t, bin, openbao.OpenEndpoints)
	theirs, theirKeys := strangers(t, 4)
	list, keys := holders(t, 4)
	strike := func() {} // after our next share
	v, err := server.Open(t.Context(), server.Config{Address: b, Sender: func(ctx context.Context, q server.Request) (server.Answer, error) {
		a, err := server.Send(ctx, q)
		if bytes.Contains(q.Body.Expose(), []byte(`"key":`)) {
			strike()
		}
		return a, err
	}})
	if err != nil {
		t.Fatal(err)
	}
	other, err := server.Open(t.Context(), server.Config{Address: b})
	if err != nil {
		t.Fatal(err)
	}
	r := &room{T: t, v: v}
	r.held = r.finish(vaultstate.Operation{ID: "init", Kind: vaultstate.Init, Shares: 4, Threshold: 2, PGPKeys: keys, SkipProof: true}, list)

	op := vaultstate.Operation{ID: "r", Kind: vaultstate.RecoveryRekey, Shares: 4, Threshold: 2, PGPKeys: keys}
	begin(t, v, op)
	shares := 0
	strike = func() {
		if shares++; shares > 1 {
			return
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, b+"/v1/sys/rekey-recovery-key/init", strings.NewReader("{}"))
		if err != nil {
			t.Error(err)
			return
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil || resp.StatusCode != http.StatusNoContent {
			t.Errorf("the stranger cancels: %v, %v", resp, err)
			return
		}
		_ = resp.Body.Close()
		foreign := op
		foreign.PGPKeys = theirKeys
		begin(t, other, foreign)
	}
	_, err = v.Submit(t.Context(), "r", r.held[:2])
	if !errors.Is(err, vaultstate.ErrChanged) || !strings.Contains(err.Error(), theirs[0].key.Fingerprint) || shares != 1 {
		t.Errorf("after the stranger: %v, and %d shares were sent", err, shares)
	}
	strike = func() {}
	for _, d := range []*server.Vault{v, other} {
		if err := d.Cancel(t.Context(), "r"); err != nil {
			t.Error(err)
		}
	}
	op.ID = "again"
	r.held = r.finish(op, list)

	root := vaultstate.Operation{ID: "root", Kind: vaultstate.GenerateRoot, RootToken: true, RootTokenPGPKey: keys[0]}
	begin(t, v, root)
	submit(t, v, "root", r.held[:2]...)
	issue, err := v.Take(t.Context(), "root")
	if err != nil {
		t.Fatal(err)
	}
	token, err := list[0].private.Decrypt(issue.Token.Encrypted)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Commit(t.Context(), "root"); err != nil {
		t.Error(err)
	}
	if check, err := v.Revoke(t.Context(), token); err != nil || !check.OK {
		t.Errorf("revoking: %+v, %v", check, err)
	}

	// One that ends by itself, in its place.
	root.ID, root.RootTokenTTL = "short", time.Hour
	begin(t, v, root)
	submit(t, v, root.ID, r.held[:2]...)
	if issue, err = v.Take(t.Context(), root.ID); err != nil || issue.Token.PGP != list[0].key.Fingerprint {
		t.Fatalf("%+v, %v", issue, err)
	}
	out, err := v.Commit(t.Context(), root.ID)
	if err != nil || len(out.Checks) != 2 || !out.Checks[0].OK || !out.Checks[1].OK {
		t.Errorf("a token for an hour: %+v, %v", out.Checks, err)
	}
	if check, err := v.RevokeIssued(t.Context(), root.ID); err != nil || !check.OK {
		t.Errorf("revoking the token for an hour: %+v, %v", check, err)
	}
}

func drive(t *testing.T, bin, options string, open bool) {
	b := openbao.New(t, bin, options)
	connect := func(token secret.Bytes) *server.Vault {
		t.Helper()
		v, err := server.Open(t.Context(), server.Config{Address: b, Token: token})
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	v := connect(secret.Bytes{})
	st, err := v.Status(t.Context())
	if err != nil || st.Initialized || st.Sealed != "yes" || st.SealType != "pkcs11" {
		t.Fatalf("before the init: %+v, %v", st, err)
	}

	// Init for PGP keys, in two steps, the token for one as well.
	list, keys := holders(t, 3)
	r := &room{T: t, v: v}
	op := vaultstate.Operation{ID: "init", Kind: vaultstate.Init, Shares: 3, Threshold: 2, PGPKeys: keys, RootToken: true, RootTokenPGPKey: keys[2]}
	p, err := v.Begin(t.Context(), op)
	if err != nil || p.Phase != vaultstate.PhaseIssue {
		t.Fatalf("Begin of init: %+v, %v", p, err)
	}
	if st, err = v.Status(t.Context()); err != nil || !st.Initialized || st.Shares != 0 {
		t.Errorf("in the gap: %+v, %v", st, err)
	}
	issue, err := v.Take(t.Context(), "init")
	if err != nil {
		t.Fatal(err)
	}
	token, err := list[2].private.Decrypt(issue.Token.Encrypted)
	if err != nil {
		t.Fatal(err)
	}
	r.held = received(t, issue, list)
	for i, s := range r.held {
		if _, err := v.Verify(t.Context(), "init", i+1, s); err != nil {
			t.Fatal(err)
		}
	}
	out, err := v.Commit(t.Context(), "init")
	if err != nil || out.After.RecoveryKey == (vaultstate.Digest{}) || !out.Checks[len(out.Checks)-1].OK {
		t.Fatalf("Commit of init: %+v, %v", out, err)
	}
	if st, err = v.Status(t.Context()); err != nil || st.Sealed != "no" || st.Shares != 3 || st.Threshold != 2 {
		t.Errorf("after the init: %+v, %v", st, err)
	}
	if _, err := v.Begin(t.Context(), op); !errors.Is(err, vaultstate.ErrInitialized) {
		t.Errorf("a second init: %v", err)
	}

	ways(t, v, connect(token), open)
	r.v = connect(token)
	if open {
		r.v = v // shares alone
	}

	// Recovery rekey, with a wrong share on the way and a wrong proof.
	op = vaultstate.Operation{ID: "recovery", Kind: vaultstate.RecoveryRekey, Shares: 4, Threshold: 3}
	r.held = r.wrongThenRight(op)
	rekey := vaultstate.Operation{ID: "rekey", Kind: vaultstate.Rekey}
	if p, err = r.v.Begin(t.Context(), rekey); err != nil || p.Needed != 3 {
		t.Fatalf("Begin of rekey: %+v, %v", p, err)
	}
	r.goOn(rekey, p, nil)

	root := vaultstate.Operation{ID: "root", Kind: vaultstate.GenerateRoot}
	if p, err = r.v.Begin(t.Context(), root); open {
		if err != nil {
			t.Fatalf("Begin of generate-root: %v", err)
		}
		r.live(root)
	} else if err != nil && !errors.Is(err, server.ErrClosed) {
		t.Fatalf("generate-root where it is closed: %v, %v", p, err)
	}

	r.v = connect(token)
	r.finish(vaultstate.Operation{ID: "rotate", Kind: vaultstate.Rotate}, nil)
	unsealAgain(t, b, r, token)
	if check, err := r.v.Revoke(t.Context(), token); err != nil || !check.OK {
		t.Errorf("revoking the root token: %+v, %v", check, err)
	}
}

// ways compares what the server offers with and without the token.
func ways(t *testing.T, without, with *server.Vault, open bool) {
	t.Helper()
	for _, c := range []struct {
		v    *server.Vault
		want string
	}{
		{without, map[bool]string{true: "open open notoken open", false: "notoken notoken notoken notoken"}[open]},
		{with, map[bool]string{true: "open open token open", false: "token token token closed"}[open]},
	} {
		list, err := c.v.Ways(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, w := range list {
			got = append(got, strings.ReplaceAll(string(w.Access), " ", ""))
			t.Log(w.Text)
		}
		if s := strings.Join(got, " "); s != c.want && s != strings.Replace(c.want, "closed", "token", 1) { // 2.7 has generate-root-token
			t.Errorf("the ways are %s, want %s", s, c.want)
		}
	}
}

// wrongThenRight plays a recovery rekey with a wrong share of the quorum, and
// one of the proof, and returns the new shares.
func (r *room) wrongThenRight(op vaultstate.Operation) []secret.Bytes {
	r.Helper()
	ctx := r.Context()
	if _, err := r.v.Begin(ctx, op); err != nil {
		r.Fatalf("Begin of recovery-rekey: %v", err)
	}
	bad := r.held[1].Clone()
	bad.Expose()[3] ^= 1
	var q *vaultstate.QuorumError
	p, err := r.v.Submit(ctx, op.ID, []secret.Bytes{r.held[0], bad})
	if !errors.As(err, &q) || p.Phase != vaultstate.PhaseAuthority {
		r.Fatalf("a wrong share: %+v, %v", p, err)
	}
	if p, err = r.v.Submit(ctx, op.ID, r.held[:2]); err != nil {
		r.Fatalf("the right shares: %+v, %v", p, err)
	}
	issue, err := r.v.Take(ctx, op.ID)
	if err != nil {
		r.Fatal(err)
	}
	for i, s := range issue.Shares {
		if i == 1 {
			if _, err := r.v.Verify(ctx, op.ID, i+1, bad); !errors.As(err, &q) {
				r.Errorf("a wrong proof: %v", err)
			}
		}
		if _, err := r.v.Verify(ctx, op.ID, i+1, s.Plain); err != nil {
			r.Fatal(err)
		}
	}
	if st, err := r.v.Status(ctx); err != nil || st.Shares != 3 || len(st.Pending) == 0 {
		r.Errorf("before the commit: %+v, %v", st, err)
	}
	out, err := r.v.Commit(ctx, op.ID)
	if err != nil || out.After.Shares != op.Shares || !out.Checks[len(out.Checks)-1].OK {
		r.Fatalf("Commit of recovery-rekey: %+v, %v", out, err)
	}
	return received(r.T, issue, nil)
}

// live plays a generate-root that is pending, and looks at its token.
func (r *room) live(op vaultstate.Operation) {
	r.Helper()
	ctx := r.Context()
	bad := r.held[2].Clone()
	bad.Expose()[3] ^= 1
	var q *vaultstate.QuorumError
	if _, err := r.v.Submit(ctx, op.ID, []secret.Bytes{r.held[0], r.held[1], bad}); !errors.As(err, &q) {
		r.Errorf("a wrong share: %v", err)
	}
	if _, err := r.v.Submit(ctx, op.ID, r.held[:3]); err != nil {
		r.Fatalf("Submit of generate-root: %v", err)
	}
	issue, err := r.v.Take(ctx, op.ID)
	if err != nil || issue.Token.Accessor == "" {
		r.Fatalf("Take of generate-root: %+v, %v", issue, err)
	}
	out, err := r.v.Commit(ctx, op.ID)
	if err != nil || !out.Checks[0].OK {
		r.Errorf("Commit of generate-root: %+v, %v", out, err)
	}
	if check, err := r.v.Revoke(ctx, issue.Token.Plain); err != nil || !check.OK {
		r.Errorf("revoking: %+v, %v", check, err)
	}
}

// unsealAgain seals the server and unseals it with recovery shares.
func unsealAgain(t *testing.T, address string, r *room, token secret.Bytes) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, address+"/v1/sys/seal", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Vault-Token", string(token.Expose()))
	resp, err := http.DefaultClient.Do(req)
	if err != nil || resp.StatusCode != http.StatusNoContent {
		t.Fatalf("sealing: %v, %v", resp, err)
	}
	_ = resp.Body.Close()
	if _, err := r.v.Ways(t.Context()); !errors.Is(err, server.ErrSealed) {
		t.Errorf("sealed: %v", err)
	}
	op := vaultstate.Operation{ID: "unseal", Kind: server.Unseal}
	p, err := r.v.Begin(t.Context(), op)
	if err != nil || p.Needed != 3 || !p.Nodes[0].Sealed {
		t.Fatalf("Begin of unseal: %+v, %v", p, err)
	}
	bad := r.held[1].Clone()
	bad.Expose()[3] ^= 1
	var q *vaultstate.QuorumError
	if _, err := r.v.Submit(t.Context(), "unseal", []secret.Bytes{r.held[0], bad, r.held[2]}); !errors.As(err, &q) {
		t.Errorf("a wrong share: %v", err)
	}
	r.goOn(op, p, nil)
}
