package server_test

import (
	"errors"
	"strings"
	"testing"

	"conclave/hsm/secret"
	"conclave/vaultstate"
	"conclave/vaultstate/server/servertest"
)

// TestRemote: a token that is given later opens what wants one, the requests
// are told once, and the token that was made is revoked.
func TestRemote(t *testing.T) {
	r := newRoom(t, servertest.Dialects[3]) // all of it wants a token
	f := r.f
	v := open(t, f, "")
	defer func() { _ = v.Close() }()
	ctx := t.Context()
	doors, err := v.Doors(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range doors {
		if d.Open || !d.NeedsToken || d.Text == "" {
			t.Errorf("without a token: %+v", d)
		}
	}
	if err := v.UseToken(secret.Take([]byte("no\ntoken"))); err == nil {
		t.Error("a token with a line end was taken")
	}
	if err := v.UseToken(secret.Take([]byte(f.Root))); err != nil {
		t.Fatal(err)
	}
	if doors, err = v.Doors(ctx); err != nil {
		t.Fatal(err)
	}
	for _, d := range doors {
		if !d.Open {
			t.Errorf("with a token: %+v", d)
		}
	}
	told := v.Requests()
	if len(told) < 4 || len(v.Requests()) != 0 {
		t.Errorf("requests: %q", told)
	}
	if s := strings.Join(told, "\n"); strings.Contains(s, f.Root) || !strings.Contains(s, "with the token: 200") {
		t.Errorf("requests:\n%s", s)
	}
	if _, err := v.RevokeIssued(ctx, "none"); !errors.Is(err, vaultstate.ErrNoOperation) {
		t.Errorf("revoking nothing: %v", err)
	}
	r.v = v
	r.finish(vaultstate.Operation{ID: "root", Kind: vaultstate.GenerateRoot}, nil)
	if len(f.Tokens) != 2 {
		t.Errorf("%d tokens", len(f.Tokens))
	}
	check, err := v.RevokeIssued(ctx, "root")
	if err != nil || !check.OK || len(f.Tokens) != 1 {
		t.Errorf("%+v, %v; %d tokens are left", check, err, len(f.Tokens))
	}
}
