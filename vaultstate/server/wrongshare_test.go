package server_test

import (
	"errors"
	"slices"
	"testing"

	"conclave/hsm/secret"
	"conclave/vaultstate"
	"conclave/vaultstate/server/servertest"
)

func (r *room) wrongShareFirst(kind vaultstate.Kind, op vaultstate.Operation, list []holder) {
	r.Helper()
	old := string(r.f.Key)
	p, err := r.v.Begin(r.Context(), op)
	if err != nil || p.Phase != vaultstate.PhaseAuthority || p.Needed != 3 {
		r.Fatalf("Begin of %s: %+v, %v", kind, p, err)
	}
	if _, err := r.v.Begin(r.Context(), op); !errors.Is(err, vaultstate.ErrPending) {
		r.Errorf("a second Begin of %s: %v", kind, err)
	}
	bad := r.held[1].Clone()
	bad.Expose()[3] ^= 1
	var q *vaultstate.QuorumError
	p, err = r.v.Submit(r.Context(), op.ID, []secret.Bytes{r.held[0], bad, r.held[2]})
	if kind == vaultstate.Rekey && !r.f.Dialect.Shamir {
		if err != nil || p.Phase != vaultstate.PhaseReady {
			r.Fatalf("Submit of %s: %+v, %v", kind, p, err)
		}
		_, err = r.v.Commit(r.Context(), op.ID) // where the last share is sent
	}
	if !errors.As(err, &q) || q.Needed != 3 || q.Unseal != r.f.Dialect.Shamir {
		r.Fatalf("%s with a wrong share: %v", kind, err)
	}
	if p, err = r.v.Progress(r.Context(), op.ID); err != nil || p.Phase != vaultstate.PhaseAuthority {
		r.Fatalf("%s after a wrong share: %+v, %v", kind, p, err)
	}
	tokens := len(r.f.Tokens)
	r.held = []secret.Bytes{r.held[0], r.held[1], r.held[2]}
	made := r.goOn(op, p, list)
	switch {
	case kind == vaultstate.GenerateRoot:
		if len(r.f.Tokens) != tokens+1 {
			r.Errorf("%d tokens", len(r.f.Tokens))
		}
	case op.Shares > 0:
		if string(r.f.Key) == old || r.f.N != 4 || r.f.Threshold != 2 {
			r.Error("the new shares do not count")
		}
		r.held = made
		if offers(r.f.Dialect, vaultstate.GenerateRoot) {
			r.finish(vaultstate.Operation{ID: "after", Kind: vaultstate.GenerateRoot}, nil)
		}
	}
	if len(r.f.Ops) > 0 {
		r.Errorf("%s left something pending", kind)
	}
}

// TestQuorumHere: what cannot be a quorum is refused before a share is sent, and
// with two more than needed the wrong one is named.
func TestQuorumHere(t *testing.T) {
	for _, d := range servertest.Dialects {
		if d.Old { // has a generate-root without a token
			t.Run(d.Name, func(t *testing.T) { quorumHere(t, d) })
		}
	}
}

func quorumHere(t *testing.T, d servertest.Dialect) {
	r := newRoom(t, d)
	if _, err := r.v.Begin(t.Context(), vaultstate.Operation{ID: "x", Kind: vaultstate.GenerateRoot}); err != nil {
		t.Fatal(err)
	}
	h := r.held
	bad := h[1].Clone()
	bad.Expose()[3] ^= 1
	short := h[1].Slice(0, 20)
	sent := r.f.Shares
	for _, c := range []struct {
		what  string
		give  []secret.Bytes
		wrong []int
	}{
		{"none", nil, nil},
		{"too few", h[:2], nil},
		{"one twice", []secret.Bytes{h[0], h[1], h[0]}, nil},
		{"one twice, one more", []secret.Bytes{h[0], h[1], h[2], h[0]}, nil},
		{"a short one", []secret.Bytes{h[0], short, h[2]}, nil},
		{"one more, one wrong", []secret.Bytes{h[0], bad, h[2], h[3]}, nil},
		{"two more, one wrong", []secret.Bytes{h[0], bad, h[2], h[3], h[4]}, []int{1}},
		{"two more, the last wrong", []secret.Bytes{h[0], h[2], h[3], h[4], bad}, []int{4}},
	} {
		var q *vaultstate.QuorumError
		p, err := r.v.Submit(t.Context(), "x", c.give)
		if !errors.As(err, &q) || !slices.Equal(q.Wrong, c.wrong) || !slices.Equal(p.Wrong, c.wrong) || q.Unseal != d.Shamir {
			t.Errorf("%s: %v, %v", c.what, err, q)
		}
	}
	if r.f.Shares != sent {
		t.Errorf("%d shares were sent", r.f.Shares-sent)
	}
	if _, err := r.v.Submit(t.Context(), "x", h); err != nil {
		t.Error(err)
	}
}

// TestVerificationFails: custodians who prove shares that the server does not
// know are asked again, and the old shares count until then.
func TestVerificationFails(t *testing.T) {
	for _, d := range servertest.Dialects[:4] {
		r := newRoom(t, d)
		list, keys := holders(t, 2)
		op := vaultstate.Operation{ID: "r", Kind: vaultstate.RecoveryRekey, Shares: 2, Threshold: 2, PGPKeys: keys}
		if _, err := r.v.Begin(t.Context(), op); err != nil {
			t.Fatal(err)
		}
		if _, err := r.v.Submit(t.Context(), "r", r.held[:3]); err != nil {
			t.Fatal(err)
		}
		old := string(r.f.Key)
		issue, err := r.v.Take(t.Context(), "r")
		if err != nil {
			t.Fatal(err)
		}
		mine := received(t, issue, list)
		bad := mine[0].Clone()
		bad.Expose()[0] ^= 1
		prove := func(shares ...secret.Bytes) {
			for i, s := range shares {
				if _, err := r.v.Verify(t.Context(), "r", i+1, s); err != nil {
					t.Fatal(err)
				}
			}
		}
		prove(bad, mine[1])
		var q *vaultstate.QuorumError
		if _, err := r.v.Commit(t.Context(), "r"); !errors.As(err, &q) {
			t.Fatalf("%s: a wrong share: %v", d.Name, err)
		}
		if p, err := r.v.Progress(t.Context(), "r"); err != nil || p.Phase != vaultstate.PhaseProof || len(p.Proven) > 0 || string(r.f.Key) != old {
			t.Errorf("%s: after it: %+v, %v", d.Name, p, err)
		}
		prove(mine...)
		out, err := r.v.Commit(t.Context(), "r")
		if err != nil || string(r.f.Key) == old || out.After.Shares != 2 || out.After.RecoveryKey != vaultstate.KeyDigest("recovery-key", secret.Take([]byte(string(r.f.Key)))) {
			t.Errorf("%s: the right shares: %+v, %v", d.Name, out, err)
		}
	}
}

// TestWrongProof: a share that is not the one that was handed out is named, as
// soon as that can be known.
func TestWrongProof(t *testing.T) {
	list, keys := holders(t, 4)
	for _, c := range []struct {
		keys [][]byte
		list []holder
	}{{nil, nil}, {keys, list}} {
		r := newRoom(t, servertest.Dialects[0])
		op := r.operation(vaultstate.RecoveryRekey, c.keys)
		begin(t, r.v, op)
		submit(t, r.v, op.ID, r.held[:3]...)
		issue, err := r.v.Take(t.Context(), op.ID)
		if err != nil {
			t.Fatal(err)
		}
		mine := received(t, issue, c.list)
		bad := mine[2].Clone()
		bad.Expose()[5] ^= 4
		verify := func(number int, s secret.Bytes) (p vaultstate.Progress, wrong []int) {
			p, err := r.v.Verify(t.Context(), op.ID, number, s)
			var q *vaultstate.QuorumError
			if errors.As(err, &q) {
				wrong = q.Wrong
			} else if err != nil {
				t.Fatal(err)
			}
			return p, wrong
		}
		if _, wrong := verify(3, bad); c.keys == nil && !slices.Equal(wrong, []int{3}) {
			t.Errorf("a wrong share, alone: %v", wrong)
		}
		verify(1, mine[0])
		if _, wrong := verify(2, mine[0]); !slices.Equal(wrong, []int{2}) {
			t.Errorf("somebody else's share: %v", wrong)
		}
		verify(2, mine[1])
		verify(4, mine[3])
		p, wrong := verify(3, bad)
		if !slices.Equal(wrong, []int{3}) || p.Phase != vaultstate.PhaseProof || !slices.Equal(p.Proven, []int{1, 2, 4}) {
			t.Errorf("a wrong share: %v, %+v", wrong, p)
		}
		if p, wrong = verify(3, mine[2]); wrong != nil || p.Phase != vaultstate.PhaseReady {
			t.Errorf("the right one: %v, %+v", wrong, p)
		}
	}
}
