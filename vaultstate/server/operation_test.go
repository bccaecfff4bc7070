package server_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"conclave/hsm/secret"
	"conclave/vaultstate"
	"conclave/vaultstate/server"
	"conclave/vaultstate/server/servertest"
)

// TestOperations plays every operation on every dialect, with a wrong share on
// the way, and the good ones handed in again.
func TestOperations(t *testing.T) {
	for _, d := range servertest.Dialects {
		t.Run(d.Name, func(t *testing.T) {
			for _, kind := range withQuorum {
				r := newRoom(t, d)
				if !offers(d, kind) {
					want := server.ErrClosed
					if kind == vaultstate.RecoveryRekey && d.Shamir {
						want = vaultstate.ErrUnsupported
					}
					if _, err := r.v.Begin(t.Context(), r.operation(kind, nil)); !errors.Is(err, want) {
						t.Errorf("%s: %v", kind, err)
					}
					continue
				}
				list, keys := holders(t, 4)
				r.wrongShareFirst(kind, r.operation(kind, keys), list)
			}
			r := newRoom(t, d)
			r.finish(vaultstate.Operation{ID: "rotate", Kind: vaultstate.Rotate}, nil)
			if r.f.Term != 2 {
				t.Errorf("the term is %d", r.f.Term)
			}
		})
	}
}

// TestCancel: nothing stays pending, and a token that was made is revoked.
func TestCancel(t *testing.T) {
	for _, d := range servertest.Dialects {
		for _, kind := range withQuorum {
			if !offers(d, kind) {
				continue
			}
			for _, submit := range []bool{false, true} {
				r := newRoom(t, d)
				key, tokens := string(r.f.Key), len(r.f.Tokens)
				op := r.operation(kind, nil)
				if _, err := r.v.Begin(t.Context(), op); err != nil {
					t.Fatal(err)
				}
				if submit {
					if _, err := r.v.Submit(t.Context(), op.ID, r.held[:3]); err != nil {
						t.Fatal(err)
					}
				}
				if err := r.v.Cancel(t.Context(), op.ID); err != nil {
					t.Errorf("%s, %s: %v", d.Name, kind, err)
				}
				if len(r.f.Ops) > 0 || string(r.f.Key) != key || len(r.f.Tokens) != tokens {
					t.Errorf("%s, %s: something is left", d.Name, kind)
				}
				if _, err := r.v.Progress(t.Context(), op.ID); !errors.Is(err, vaultstate.ErrNoOperation) {
					t.Errorf("%s, %s: %v", d.Name, kind, err)
				}
			}
		}
	}
}

// TestForeign: what somebody else began is shown, and neither used nor cancelled.
func TestForeign(t *testing.T) {
	for _, d := range servertest.Dialects {
		for _, kind := range withQuorum {
			if !offers(d, kind) {
				continue
			}
			r := newRoom(t, d)
			op := r.operation(kind, nil)
			if _, err := r.v.Begin(t.Context(), op); err != nil {
				t.Fatal(err)
			}
			other := open(t, r.f, r.f.Root)
			st, err := other.Status(t.Context())
			if err != nil || len(st.Pending) == 0 || st.Pending[0].Kind != kind || !strings.Contains(st.Pending[0].Text, r.f.Ops[kinds[kind]].Nonce) {
				t.Errorf("%s, %s: the status is %+v, %v", d.Name, kind, st, err)
			}
			if _, err := other.Begin(t.Context(), op); !errors.Is(err, vaultstate.ErrPending) {
				t.Errorf("%s, %s: %v", d.Name, kind, err)
			}
			if _, err := r.v.Progress(t.Context(), op.ID); err != nil {
				t.Errorf("%s, %s: ours is disturbed: %v", d.Name, kind, err)
			}
			gone := st.Pending[0]
			gone.ID = "another"
			if err := other.Discard(t.Context(), gone); !errors.Is(err, vaultstate.ErrChanged) || r.f.Ops[kinds[kind]] == nil {
				t.Errorf("%s, %s: another one is discarded: %v", d.Name, kind, err)
			}
			if err := r.v.Discard(t.Context(), st.Pending[0]); !errors.Is(err, vaultstate.ErrChanged) {
				t.Errorf("%s, %s: ours is discarded: %v", d.Name, kind, err)
			}
			if err := other.Discard(t.Context(), st.Pending[0]); err != nil || r.f.Ops[kinds[kind]] != nil {
				t.Errorf("%s, %s: it is not discarded: %v", d.Name, kind, err)
			}
			if _, err := r.v.Progress(t.Context(), op.ID); !errors.Is(err, vaultstate.ErrChanged) {
				t.Errorf("%s, %s: ours is gone: %v", d.Name, kind, err)
			}
		}
	}
}

// TestSecondRule is rule S2: nothing that a server would force silently is sent.
func TestSecondRule(t *testing.T) {
	r := newRoom(t, servertest.Dialects[0])
	for _, op := range []vaultstate.Operation{{Shares: 5, Threshold: 3}, {Shares: 1, Threshold: 3}, {Shares: -1}} {
		op.ID, op.Kind = "x", vaultstate.Rekey
		if _, err := r.v.Begin(t.Context(), op); !errors.Is(err, vaultstate.ErrSingleValue) {
			t.Errorf("%+v: %v", op, err)
		}
	}
	for _, x := range r.v.Exchanges() {
		if x.Method != http.MethodGet {
			t.Errorf("%s %s was sent", x.Method, x.Path)
		}
	}
}

// TestStandby: a node that is not the active one is not worked with, and says
// which is.
func TestStandby(t *testing.T) {
	r := newRoom(t, servertest.Dialects[0])
	r.f.Standby = true
	st, err := r.v.Status(t.Context())
	if err != nil || len(st.Warnings) != 1 || !strings.Contains(st.Warnings[0], "https://active.example:8200") {
		t.Errorf("%+v, %v", st, err)
	}
	for _, kind := range []vaultstate.Kind{vaultstate.Rekey, vaultstate.RecoveryRekey, vaultstate.GenerateRoot, vaultstate.Rotate} {
		if _, err := r.v.Begin(t.Context(), r.operation(kind, nil)); !errors.Is(err, server.ErrStandby) || !strings.Contains(err.Error(), "https://active.example:8200") {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

// TestRevoke: a token that survives its revocation is not said to be revoked.
func TestRevoke(t *testing.T) {
	r := newRoom(t, servertest.Dialects[0])
	token := secret.Take([]byte(r.f.Root))
	r.f.Keep = true
	if check, err := r.v.Revoke(t.Context(), token); err == nil || check.OK || !strings.Contains(check.Text, "may still count") {
		t.Errorf("%+v, %v", check, err)
	}
	r.f.Keep = false
	if check, err := r.v.Revoke(t.Context(), token); err != nil || !check.OK {
		t.Errorf("%+v, %v", check, err)
	}
}
