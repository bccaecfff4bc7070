package server_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"conclave/vaultstate"
	"conclave/vaultstate/server"
	"conclave/vaultstate/server/servertest"
)

// TestShorterToken: the receiver gets a token that ends by itself, plain or to
// their PGP key; the root token that made it is gone before.
func TestShorterToken(t *testing.T) {
	list, keys := holders(t, 1)
	for _, d := range servertest.Dialects[:5] {
		if !offers(d, vaultstate.GenerateRoot) {
			continue
		}
		for _, key := range [][]byte{nil, keys[0]} {
			r := newRoom(t, d)
			before := len(r.f.Tokens)
			op := vaultstate.Operation{ID: "short", Kind: vaultstate.GenerateRoot, RootTokenTTL: time.Hour, RootTokenPGPKey: key}
			begin(t, r.v, op)
			submit(t, r.v, op.ID, r.held[:3]...)
			issue, err := r.v.Take(t.Context(), op.ID)
			if err != nil {
				t.Fatal(err)
			}
			token := issue.Token.Plain
			if key != nil {
				if token.Len() > 0 || issue.Token.PGP != list[0].key.Fingerprint {
					t.Errorf("%s: %+v", d.Name, issue.Token)
				}
				if token, err = list[0].private.Decrypt(issue.Token.Encrypted); err != nil {
					t.Fatal(err)
				}
			}
			if got := r.f.Tokens[string(token.Expose())]; got == "" || got != issue.Token.Accessor || len(r.f.Tokens) != before+1 {
				t.Errorf("%s: the token is not the one that counts, or the root token still does: %d tokens", d.Name, len(r.f.Tokens)-before)
			}
			out, err := r.v.Commit(t.Context(), op.ID)
			if err != nil || len(out.Checks) != 2 || !out.Checks[0].OK || !strings.HasPrefix(out.Checks[0].Text, "Of the root token: ") || !out.Checks[1].OK {
				t.Errorf("%s: %+v, %v", d.Name, out.Checks, err)
			}
			if check, err := r.v.RevokeIssued(t.Context(), op.ID); err != nil || !check.OK || len(r.f.Tokens) != before {
				t.Errorf("%s: revoking it: %+v, %v", d.Name, check, err)
			}
		}
	}
}

// TestShorterTokenRefused: where none can be made, the root token is revoked all
// the same, and it is said.
func TestShorterTokenRefused(t *testing.T) {
	for what, c := range map[string]struct {
		set  func(f *servertest.Server)
		says []string
		left int
	}{
		"no orphans":      {func(f *servertest.Server) { f.NoOrphans = true }, []string{"was made and revoked again, and there is no other"}, 0},
		"the answer lost": {func(f *servertest.Server) { f.Drop = dropping("auth/token/create-orphan") }, []string{"revoked again", "may count until it ends, 1h0m0s"}, 1},
		"neither":         {func(f *servertest.Server) { f.NoOrphans, f.Keep = true, true }, []string{"could not be revoked"}, 1},
	} {
		r := newRoom(t, servertest.Dialects[0])
		before := len(r.f.Tokens)
		c.set(r.f)
		op := vaultstate.Operation{ID: "short", Kind: vaultstate.GenerateRoot, RootTokenTTL: time.Hour}
		begin(t, r.v, op)
		_, err := r.v.Submit(t.Context(), op.ID, r.held[:3])
		for _, s := range c.says {
			if !errors.Is(err, server.ErrLost) || !strings.Contains(err.Error(), s) {
				t.Errorf("%s: %v, want %q", what, err, s)
			}
		}
		if len(r.f.Tokens) != before+c.left {
			t.Errorf("%s: %d tokens are left", what, len(r.f.Tokens)-before)
		}
		if again := r.v.Cancel(t.Context(), op.ID); !errors.Is(again, server.ErrLost) || again.Error() != err.Error() {
			t.Errorf("%s: cancelled: %v", what, again)
		}
	}
	r := newRoom(t, servertest.Dialects[0])
	for _, op := range []vaultstate.Operation{{Kind: vaultstate.Rotate, RootTokenTTL: time.Hour}, {Kind: vaultstate.GenerateRoot, RootTokenTTL: -1}} {
		op.ID = "x"
		if _, err := r.v.Begin(t.Context(), op); err == nil {
			t.Errorf("%s for %s was taken", op.Kind, op.RootTokenTTL)
		}
	}
}

func dropping(path string) func(method, at string) bool {
	return func(_, at string) bool { return at == path }
}
