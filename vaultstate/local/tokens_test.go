package local_test

import (
	"errors"
	"testing"

	"conclave/hsm/secret"
	"conclave/vaultstate"
	"conclave/vaultstate/vaulttest"
)

// TestTokenAuthority: a root token of this storage counts, and authorises a
// rotation and nothing else; no other token does, and the refusal tells nothing.
func TestTokenAuthority(t *testing.T) {
	b := empty(t)
	_, issue := b.run(t, vaultstate.Operation{ID: "first", Kind: vaultstate.Init, Shares: 5, Threshold: 3, RootToken: true})
	token := issue.Token.Plain
	accessor, err := b.CheckToken(t.Context(), token)
	if err != nil || accessor != issue.Token.Accessor {
		t.Fatalf("the root token: %q, %v", accessor, err)
	}
	wrong := token.Clone()
	wrong.Expose()[5] ^= 1
	for name, other := range map[string]secret.Bytes{
		"another": wrong, "none": {}, "a long one": secret.New(1000), "a piece": token.Slice(0, token.Len()-1),
	} {
		if _, err := b.CheckToken(t.Context(), other); !errors.Is(err, vaultstate.ErrToken) || err.Error() != vaultstate.ErrToken.Error() {
			t.Errorf("%s: %v", name, err)
		}
	}

	for _, op := range []vaultstate.Operation{
		{ID: "rekey", Kind: vaultstate.Rekey}, {ID: "shares", Kind: vaultstate.RecoveryRekey, Shares: 3, Threshold: 2}, {ID: "root", Kind: vaultstate.GenerateRoot},
	} {
		if _, err := b.Begin(t.Context(), op); err != nil {
			t.Fatal(err)
		}
		if _, err := b.SubmitToken(t.Context(), op.ID, token); !errors.Is(err, vaultstate.ErrUnsupported) {
			t.Errorf("%s with a token: %v", op.ID, err)
		}
		if err := b.Cancel(t.Context(), op.ID); err != nil {
			t.Fatal(err)
		}
	}

	before := vaulttest.Digest(t, b.disk, root)
	if _, err := b.Begin(t.Context(), vaultstate.Operation{ID: "rotate", Kind: vaultstate.Rotate}); err != nil {
		t.Fatal(err)
	}
	if p, err := b.SubmitToken(t.Context(), "rotate", wrong); !errors.Is(err, vaultstate.ErrToken) || p.Phase != vaultstate.PhaseAuthority {
		t.Errorf("a rotation with another token: %+v, %v", p, err)
	}
	if vaulttest.Digest(t, b.disk, root) != before {
		t.Error("what was refused changed something")
	}
	if p, err := b.SubmitToken(t.Context(), "rotate", token); err != nil || p.Phase != vaultstate.PhaseReady {
		t.Fatalf("a rotation with the token: %+v, %v", p, err)
	}
	if out, err := b.Commit(t.Context(), "rotate"); err != nil || len(out.After.Terms) != 2 {
		t.Errorf("the rotation: %+v, %v", out, err)
	}
	if term, err := b.ActiveTerm(t.Context()); err != nil || term.Term != 2 {
		t.Errorf("the active term: %+v, %v", term, err)
	}
	if _, err := b.CheckToken(t.Context(), token); err != nil {
		t.Errorf("the root token after the rotation: %v", err)
	}
}
