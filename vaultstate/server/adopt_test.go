package server_test

import (
	"errors"
	"testing"

	"conclave/hsm/secret"
	"conclave/vaultstate"
	"conclave/vaultstate/server/servertest"
)

// TestAdopt: another run of the program goes on with what the server still has,
// at every point, if it is what was agreed.
func TestAdopt(t *testing.T) {
	list, keys := holders(t, 4)
	_, foreign := strangers(t, 4)
	for _, d := range servertest.Dialects[:5] {
		for _, step := range []int{0, 1, 3, 4} { // shares sent by the earlier run: of the quorum, then of the verification
			r := newRoom(t, d)
			op := r.operation(vaultstate.RecoveryRekey, keys)
			begin(t, r.v, op)
			var issue *vaultstate.Issue
			from := r.f.Shares
			switch step {
			case 0:
			case 1:
				r.f.After = func(shares int) { r.f.Standby = shares == from+1 }
				if _, err := r.v.Submit(t.Context(), op.ID, r.held[:3]); err == nil {
					t.Fatal("the first run did not end")
				}
			default:
				p := submit(t, r.v, op.ID, r.held[:3]...)
				var err error
				if issue, err = r.v.Take(t.Context(), op.ID); err != nil {
					t.Fatalf("%+v, %v", p, err)
				}
			}
			if step == 4 {
				for i, s := range received(t, issue, list) {
					if _, err := r.v.Verify(t.Context(), op.ID, i+1, s); err != nil {
						t.Fatal(err)
					}
				}
				r.f.After = func(shares int) { r.f.Standby = shares == from+4 }
				if _, err := r.v.Commit(t.Context(), op.ID); err == nil {
					t.Fatal("the first run did not end")
				}
			}
			r.f.After, r.f.Standby = nil, false

			r.v = open(t, r.f, r.f.Root)
			st, err := r.v.Status(t.Context())
			if err != nil || len(st.Pending) != 1 {
				t.Fatalf("%+v, %v", st, err)
			}
			left := st.Pending[0]
			for what, other := range map[string]vaultstate.Operation{
				"other keys":      {PGPKeys: foreign, Shares: 4, Threshold: 2},
				"no keys":         {Shares: 4, Threshold: 2},
				"other threshold": {PGPKeys: keys, Shares: 4, Threshold: 3},
				"no verification": {PGPKeys: keys, Shares: 4, Threshold: 2, SkipProof: true},
			} {
				other.ID, other.Kind = op.ID, op.Kind
				if _, err := r.v.Adopt(t.Context(), other, left); !errors.Is(err, vaultstate.ErrChanged) {
					t.Errorf("%s, %s: %v", d.Name, what, err)
				}
			}
			gone := left
			gone.ID = "another"
			if _, err := r.v.Adopt(t.Context(), op, gone); !errors.Is(err, vaultstate.ErrChanged) {
				t.Errorf("%s, another nonce: %v", d.Name, err)
			}
			p, err := r.v.Adopt(t.Context(), op, left)
			if err != nil {
				t.Fatalf("%s, %d: %v", d.Name, step, err)
			}
			if step < 3 {
				r.goOn(op, p, list)
			} else {
				r.prove(op, p, received(t, issue, list))
			}
			if r.f.N != 4 || len(r.f.Ops) > 0 {
				t.Errorf("%s, %d: the new shares do not count", d.Name, step)
			}
		}
	}
}

// prove proves shares that an earlier run handed out, and commits.
func (r *room) prove(op vaultstate.Operation, p vaultstate.Progress, mine []secret.Bytes) {
	r.Helper()
	if p.Phase != vaultstate.PhaseProof {
		r.Fatalf("%+v", p)
	}
	for i, s := range mine {
		var err error
		if p, err = r.v.Verify(r.Context(), op.ID, i+1, s); err != nil {
			r.Fatal(err)
		}
	}
	if out, err := r.v.Commit(r.Context(), op.ID); err != nil || !out.Checks[0].OK {
		r.Errorf("%+v, %v", out, err)
	}
}
