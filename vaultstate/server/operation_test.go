package server_test

import (
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"conclave/hsm/secret"
	"conclave/vaultstate"
	"conclave/vaultstate/pgp"
	"conclave/vaultstate/server"
	"conclave/vaultstate/server/servertest"
)

// holder is a custodian with a PGP key.
type holder struct {
	private *pgp.Private
	key     pgp.Key
}

// holders are n of the same people each time; strangers are others.
func holders(t *testing.T, n int) (list []holder, keys [][]byte) {
	t.Helper()
	return people(t, 0, n)
}

func strangers(t *testing.T, n int) (list []holder, keys [][]byte) {
	t.Helper()
	return people(t, 4, n)
}

var everybody []holder

func people(t *testing.T, from, n int) (list []holder, keys [][]byte) {
	t.Helper()
	for len(everybody) < from+n {
		p, k, err := pgp.GenerateKey("Holder", time.Now().Add(-time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		everybody = append(everybody, holder{p, k})
	}
	for _, h := range everybody[from : from+n] {
		list, keys = append(list, h), append(keys, h.key.Binary)
	}
	return list, keys
}

// received are the shares of an issue, as their holders have them.
func received(t *testing.T, issue *vaultstate.Issue, list []holder) []secret.Bytes {
	t.Helper()
	var out []secret.Bytes
	for i, s := range issue.Shares {
		if list == nil {
			out = append(out, s.Plain)
			continue
		}
		if s.PGP != list[i].key.Fingerprint {
			t.Fatalf("share %d is for %s", i+1, s.PGP)
		}
		text, err := list[i].private.Decrypt(s.Encrypted)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := hex.DecodeString(string(text.Expose()))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, secret.Take(raw))
	}
	return out
}

// room is a fake server, its driver, and the people.
type room struct {
	*testing.T
	f    *servertest.Server
	v    *server.Vault
	held []secret.Bytes
}

// newRoom initialises a server 3 of 5 and gives the driver the root token.
func newRoom(t *testing.T, d servertest.Dialect) *room {
	t.Helper()
	f := servertest.New(t, d)
	r := &room{T: t, f: f, v: open(t, f, "")}
	r.held = r.finish(vaultstate.Operation{ID: "init", Kind: vaultstate.Init, Shares: 5, Threshold: 3, RootToken: true}, nil)
	f.Sealed = false
	r.v = open(t, f, f.Root)
	return r
}

// finish plays an operation from Begin to Commit and returns the new shares.
func (r *room) finish(op vaultstate.Operation, list []holder) []secret.Bytes {
	r.Helper()
	p, err := r.v.Begin(r.Context(), op)
	if err != nil {
		r.Fatalf("Begin of %s: %v", op.ID, err)
	}
	return r.goOn(op, p, list)
}

func (r *room) goOn(op vaultstate.Operation, p vaultstate.Progress, list []holder) []secret.Bytes {
	r.Helper()
	var err error
	if p.Phase == vaultstate.PhaseAuthority {
		if p, err = r.v.Submit(r.Context(), op.ID, r.held[:p.Needed]); err != nil {
			r.Fatalf("Submit of %s: %v", op.ID, err)
		}
	}
	return r.end(op, p, list)
}

// end plays an authorised operation to its end.
func (r *room) end(op vaultstate.Operation, p vaultstate.Progress, list []holder) (out []secret.Bytes) {
	r.Helper()
	if p.Phase == vaultstate.PhaseIssue {
		issue, err := r.v.Take(r.Context(), op.ID)
		if err != nil {
			r.Fatalf("Take of %s: %v", op.ID, err)
		}
		if _, err := r.v.Take(r.Context(), op.ID); !errors.Is(err, vaultstate.ErrTaken) {
			r.Errorf("a second Take of %s: %v", op.ID, err)
		}
		out = received(r.T, issue, list)
		for i, s := range out {
			if p, err = r.v.Verify(r.Context(), op.ID, i+1, s); err != nil {
				r.Fatalf("Verify of %s: %v", op.ID, err)
			}
		}
	}
	result, err := r.v.Commit(r.Context(), op.ID)
	if err != nil {
		r.Fatalf("Commit of %s at %s: %v", op.ID, p.Phase, err)
	}
	for _, c := range result.Checks {
		if !c.OK {
			r.Errorf("%s: a check: %s", op.ID, c.Text)
		}
	}
	if err := r.v.Cancel(r.Context(), op.ID); !errors.Is(err, vaultstate.ErrCommitted) {
		r.Errorf("Cancel after Commit of %s: %v", op.ID, err)
	}
	if p, err := r.v.Progress(r.Context(), op.ID); err != nil || p.Phase != vaultstate.PhaseCommitted {
		r.Errorf("the progress after Commit of %s: %+v, %v", op.ID, p, err)
	}
	return out
}

// offers tells whether a dialect has an operation.
func offers(d servertest.Dialect, kind vaultstate.Kind) bool {
	switch kind { //nolint:exhaustive // the others are offered by all
	case vaultstate.GenerateRoot:
		return d.Old || d.RootToken
	case vaultstate.RecoveryRekey:
		return !d.Shamir
	}
	return true
}

func (r *room) operation(kind vaultstate.Kind, keys [][]byte) vaultstate.Operation {
	op := vaultstate.Operation{ID: vaultstate.ID("our-" + string(kind)), Kind: kind}
	switch kind { //nolint:exhaustive // the others have nothing more
	case vaultstate.Rekey:
		if r.f.Dialect.Shamir {
			op.Shares, op.Threshold, op.PGPKeys = 4, 2, keys
		}
	case vaultstate.RecoveryRekey:
		op.Shares, op.Threshold, op.PGPKeys = 4, 2, keys
	}
	return op
}

var withQuorum = []vaultstate.Kind{vaultstate.Rekey, vaultstate.RecoveryRekey, vaultstate.GenerateRoot}

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
