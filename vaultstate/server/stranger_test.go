package server_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"conclave/vaultstate"
	"conclave/vaultstate/server"
	"conclave/vaultstate/server/servertest"
)

// TestStranger: somebody cancels the operation between two shares and begins it
// anew for their own PGP keys, with the same numbers and as many shares given.
// No further share is sent, on any dialect, in the quorum and in the
// verification.
func TestStranger(t *testing.T) {
	for _, d := range servertest.Dialects {
		for _, kind := range withQuorum {
			if !offers(d, kind) {
				continue
			}
			steps := []int{0, 1, 2} // shares sent before the stranger comes
			if kind == vaultstate.RecoveryRekey || d.Shamir && kind == vaultstate.Rekey {
				steps = append(steps, 3, 4) // then those of the verification
			}
			for _, step := range steps {
				t.Run(fmt.Sprintf("%s/%s/%d", d.Name, kind, step), func(t *testing.T) {
					newRoom(t, d).stranger(kind, step)
				})
			}
		}
	}
}

func (r *room) stranger(kind vaultstate.Kind, step int) {
	ours, keys := holders(r.T, 4)
	theirs, _ := strangers(r.T, 1)
	op := r.operation(kind, keys)
	if kind == vaultstate.GenerateRoot {
		op.RootTokenPGPKey, op.RootToken = keys[0], true
	}
	if _, err := r.v.Begin(r.Context(), op); err != nil {
		r.Fatal(err)
	}
	from := r.f.Shares
	strike := func() { r.f.Stranger(kinds[kind], theirs[0].key) }
	r.f.After = func(shares int) {
		if shares-from == step {
			strike()
		}
	}
	if step == 0 {
		strike()
	}
	err := r.all(op, ours)
	r.f.After = nil
	if !errors.Is(err, vaultstate.ErrChanged) || !strings.Contains(err.Error(), "the server says that") {
		r.Fatalf("after the stranger: %v", err)
	}
	if kind != vaultstate.Rekey || r.f.Dialect.Shamir {
		if !strings.Contains(err.Error(), theirs[0].key.Fingerprint) {
			r.Errorf("it does not say for whom the operation is now: %v", err)
		}
	}
	if sent := r.f.Shares - from; sent != step {
		r.Errorf("%d shares were sent, want %d", sent, step)
	}
	// Whatever is called afterwards sends nothing, and leaves theirs alone.
	_ = r.all(op, ours)
	if sent := r.f.Shares - from; sent != step {
		r.Errorf("later, %d shares were sent, want %d", sent, step)
	}
	_ = r.v.Cancel(r.Context(), op.ID)
	if r.f.Ops[kinds[kind]] == nil {
		r.Error("the stranger's operation was cancelled")
	}
}

// all calls what is left of an operation, until an error.
func (r *room) all(op vaultstate.Operation, list []holder) error {
	p, err := r.v.Progress(r.Context(), op.ID)
	if err != nil && p.Phase == "" {
		return err
	}
	if p.Phase == vaultstate.PhaseAuthority {
		if p, err = r.v.Submit(r.Context(), op.ID, r.held[:3]); err != nil {
			return err
		}
	}
	if p.Phase == vaultstate.PhaseIssue {
		issue, err := r.v.Take(r.Context(), op.ID)
		if err != nil {
			return err
		}
		for i, s := range received(r.T, issue, list) {
			if _, err := r.v.Verify(r.Context(), op.ID, i+1, s); err != nil {
				return err
			}
		}
	}
	_, err = r.v.Commit(r.Context(), op.ID)
	return err
}

// TestChangedFields: each fact that was agreed is compared, and named.
func TestChangedFields(t *testing.T) {
	theirs, _ := strangers(t, 1)
	for _, c := range []struct {
		change func(op *servertest.Op, f *servertest.Server)
		says   string
	}{
		{func(op *servertest.Op, _ *servertest.Server) { op.Nonce = "other" }, `has the nonce "other"`},
		{func(op *servertest.Op, _ *servertest.Server) { op.N = 5 }, "5 new shares with the threshold 2"},
		{func(op *servertest.Op, _ *servertest.Server) { op.T = 3 }, "4 new shares with the threshold 3"},
		{func(op *servertest.Op, _ *servertest.Server) { op.Verification = false }, "verification is required: false"},
		{func(op *servertest.Op, _ *servertest.Server) { op.Backup = true }, "a backup of the new shares is kept"},
		{func(op *servertest.Op, _ *servertest.Server) { op.VerifyNonce = "there" }, `the verification has the nonce "there"`},
		{func(op *servertest.Op, _ *servertest.Server) { op.PGP = nil }, "the PGP keys of nobody"},
		{func(op *servertest.Op, _ *servertest.Server) { op.PGP[0], op.PGP[1] = op.PGP[1], op.PGP[0] }, "the new shares go to the PGP keys"},
		{func(op *servertest.Op, _ *servertest.Server) { op.PGP[3] = string(theirs[0].key.Binary) }, theirs[0].key.Fingerprint},
		{func(op *servertest.Op, _ *servertest.Server) { op.Given = append(op.Given, []byte("x")) }, "it has 1 shares of the quorum, and 0 were sent"},
		{func(_ *servertest.Op, f *servertest.Server) { f.Threshold = 2 }, "2 shares are needed"},
		{func(_ *servertest.Op, f *servertest.Server) { delete(f.Ops, "recovery") }, "nothing is pending any more"},
	} {
		r := newRoom(t, servertest.Dialects[0])
		_, keys := holders(t, 4)
		op := r.operation(vaultstate.RecoveryRekey, keys)
		if _, err := r.v.Begin(t.Context(), op); err != nil {
			t.Fatal(err)
		}
		c.change(r.f.Ops["recovery"], r.f)
		sent := r.f.Shares
		if _, err := r.v.Submit(t.Context(), op.ID, r.held[:3]); !errors.Is(err, vaultstate.ErrChanged) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.says, err)
		}
		if r.f.Shares != sent {
			t.Errorf("%s: a share was sent", c.says)
		}
	}
}

// TestStepDown: a node that seals itself or is not active any more is recognised
// in the middle, and no further share is sent to it.
func TestStepDown(t *testing.T) {
	for _, d := range servertest.Dialects {
		for what, c := range map[string]struct {
			change func(*servertest.Server)
			want   error
		}{
			"sealed":    {func(f *servertest.Server) { f.Sealed = true }, server.ErrSealed},
			"standby":   {func(f *servertest.Server) { f.Standby = true }, server.ErrStandby},
			"forgotten": {func(f *servertest.Server) { clear(f.Ops) }, vaultstate.ErrChanged},
		} {
			r := newRoom(t, d)
			op := r.operation(vaultstate.Rekey, nil)
			if _, err := r.v.Begin(t.Context(), op); err != nil {
				t.Fatal(err)
			}
			from := r.f.Shares
			r.f.After = func(shares int) {
				if shares == from+1 {
					c.change(r.f)
				}
			}
			_, err := r.v.Submit(t.Context(), op.ID, r.held[:3])
			if !errors.Is(err, c.want) || r.f.Shares != from+1 {
				t.Errorf("%s, %s: %v, and %d shares were sent", d.Name, what, err, r.f.Shares-from)
			}
			if what == "standby" && !strings.Contains(err.Error(), "https://active.example:8200") {
				t.Errorf("%s: the active node is not named: %v", d.Name, err)
			}
		}
	}
}

// TestLostAnswers: an answer that is lost is said to be, what is so is asked,
// and nothing is sent twice.
func TestLostAnswers(t *testing.T) {
	for _, d := range servertest.Dialects[:5] {
		for _, lostShare := range []int{1, 3} {
			r := newRoom(t, d)
			op := r.operation(vaultstate.RecoveryRekey, nil)
			if _, err := r.v.Begin(t.Context(), op); err != nil {
				t.Fatal(err)
			}
			from := r.f.Shares
			r.f.Drop = func(method, path string) bool {
				return strings.HasSuffix(path, "/update") && r.f.Shares == from+lostShare
			}
			p, err := r.v.Submit(t.Context(), op.ID, r.held[:3])
			r.f.Drop = nil
			if lostShare == 1 { // it was counted, and the others followed
				if err != nil || p.Phase != vaultstate.PhaseIssue || r.f.Shares != from+3 {
					t.Errorf("%s, share 1: %+v, %v", d.Name, p, err)
				}
				continue
			}
			if !errors.Is(err, server.ErrLost) || p.Phase != vaultstate.PhaseAuthority || r.f.Shares != from+3 {
				t.Errorf("%s, share 3: %+v, %v", d.Name, p, err)
			}
			r.goOn(op, p, nil) // the operation was begun anew
		}
		r := newRoom(t, d)
		r.f.Drop = func(method, path string) bool {
			return method == http.MethodPost && strings.HasSuffix(path, "sys/rotate")
		}
		r.finish(vaultstate.Operation{ID: "rotate", Kind: vaultstate.Rotate}, nil)
		if r.f.Term != 2 {
			t.Errorf("%s: rotated to %d", d.Name, r.f.Term)
		}
	}
}

// TestLostVerification: the answer that has the new shares count is lost.
func TestLostVerification(t *testing.T) {
	r := newRoom(t, servertest.Dialects[0])
	op := r.operation(vaultstate.RecoveryRekey, nil)
	p, err := r.v.Begin(t.Context(), op)
	if err != nil {
		t.Fatal(err)
	}
	r.f.Drop = func(_, path string) bool { return strings.HasSuffix(path, "/verify") && r.f.Ops["recovery"] == nil }
	r.goOn(op, p, nil) // n and t tell that it counts

	r = newRoom(t, servertest.Dialects[0])
	op.Shares, op.Threshold = 5, 3 // as before: nothing tells
	if _, err = r.v.Begin(t.Context(), op); err != nil {
		t.Fatal(err)
	}
	if _, err = r.v.Submit(t.Context(), op.ID, r.held[:3]); err != nil {
		t.Fatal(err)
	}
	r.f.Drop = func(_, path string) bool { return strings.HasSuffix(path, "/verify") && r.f.Ops["recovery"] == nil }
	if err := r.all(op, nil); !errors.Is(err, server.ErrLost) {
		t.Errorf("%v", err)
	}
	if err := r.v.Cancel(t.Context(), op.ID); !errors.Is(err, server.ErrLost) || !strings.Contains(err.Error(), "either the new shares count now") {
		t.Errorf("cancelled: %v", err)
	}
}

// TestLostEnds: the answer to the last share is lost where nothing tells what it
// made: it is said, also by Cancel, and nothing stays pending here that would be
// sent again.
func TestLostEnds(t *testing.T) {
	for _, c := range []struct {
		op   vaultstate.Operation
		says string
	}{
		{vaultstate.Operation{Kind: vaultstate.GenerateRoot}, "a token that nobody has may count"},
		{vaultstate.Operation{Kind: vaultstate.RecoveryRekey, Shares: 4, Threshold: 2, SkipProof: true}, "Shares or a token that nobody has may count"},
		{vaultstate.Operation{Kind: vaultstate.Rekey}, "The root key is a new one, unless"},
	} {
		r := newRoom(t, servertest.Dialects[0])
		c.op.ID = "x"
		if _, err := r.v.Begin(t.Context(), c.op); err != nil {
			t.Fatal(err)
		}
		from := r.f.Shares
		r.f.Drop = func(_, path string) bool { return strings.HasSuffix(path, "/update") && r.f.Shares == from+3 }
		p, err := r.v.Submit(t.Context(), "x", r.held[:3])
		if err == nil && p.Phase == vaultstate.PhaseReady {
			_, err = r.v.Commit(t.Context(), "x")
		}
		r.f.Drop = nil
		if !errors.Is(err, server.ErrLost) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.op.Kind, err)
		}
		_, err = r.v.Commit(t.Context(), "x")
		if err == nil || r.f.Shares != from+3 {
			t.Errorf("%s: afterwards: %v, %d shares", c.op.Kind, err, r.f.Shares-from)
		}
		if err := r.v.Cancel(t.Context(), "x"); !errors.Is(err, server.ErrLost) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: cancelled: %v", c.op.Kind, err)
		}
		if _, err := r.v.Progress(t.Context(), "x"); !errors.Is(err, vaultstate.ErrNoOperation) {
			t.Errorf("%s: after that: %v", c.op.Kind, err)
		}
	}
}

// TestStrangerInTheGap: the stranger comes between our look and our share. The
// server refuses the share by its nonce, and no other follows.
func TestStrangerInTheGap(t *testing.T) {
	theirs, _ := strangers(t, 1)
	for _, d := range servertest.Dialects {
		for _, kind := range withQuorum {
			if !offers(d, kind) {
				continue
			}
			r := newRoom(t, d)
			op := r.operation(kind, nil)
			begin(t, r.v, op)
			from, struck := r.f.Shares, false
			r.f.Before = func(path string) {
				if strings.HasSuffix(path, "/update") && !struck {
					struck = true
					r.f.Stranger(kinds[kind], theirs[0].key)
				}
			}
			_, err := r.v.Submit(t.Context(), op.ID, r.held[:3])
			if !errors.Is(err, vaultstate.ErrChanged) || r.f.Shares != from+1 || len(r.f.Ops[kinds[kind]].Given) != 0 {
				t.Errorf("%s, %s: %v, %d shares were sent", d.Name, kind, err, r.f.Shares-from)
			}
		}
	}
}

// TestSwappedShares: the new shares come for other holders than were agreed.
func TestSwappedShares(t *testing.T) {
	_, keys := holders(t, 4)
	for _, d := range servertest.Dialects[:5] {
		r := newRoom(t, d)
		r.f.Swap = true
		op := r.operation(vaultstate.RecoveryRekey, keys)
		begin(t, r.v, op)
		if _, err := r.v.Submit(t.Context(), op.ID, r.held[:3]); !errors.Is(err, vaultstate.ErrChanged) || len(r.f.Ops) > 0 {
			t.Errorf("%s: %v", d.Name, err)
		}
	}
}

// TestMisdirectedShares: the messages themselves are for other PGP keys than was
// agreed, whatever the answer says. What does not count yet is cancelled; what
// counts is handed out, and a check says it.
func TestMisdirectedShares(t *testing.T) {
	list, keys := holders(t, 4)
	for _, d := range servertest.Dialects[:5] {
		r := newRoom(t, d)
		r.f.Misdirect = true
		op := r.operation(vaultstate.RecoveryRekey, keys)
		begin(t, r.v, op)
		_, err := r.v.Submit(t.Context(), op.ID, r.held[:3])
		if !errors.Is(err, vaultstate.ErrChanged) || !strings.Contains(err.Error(), "share 1 was to be encrypted to the PGP key "+list[0].key.Fingerprint) || len(r.f.Ops) > 0 {
			t.Errorf("%s: %v", d.Name, err)
		}
	}
	f := servertest.New(t, servertest.Dialects[0])
	f.Misdirect = true
	v := open(t, f, "")
	op := vaultstate.Operation{ID: "init", Kind: vaultstate.Init, Shares: 4, Threshold: 2, PGPKeys: keys, SkipProof: true}
	begin(t, v, op)
	if _, err := v.Take(t.Context(), op.ID); err != nil {
		t.Fatal(err)
	}
	out, err := v.Commit(t.Context(), op.ID)
	bad := 0
	for _, c := range out.Checks {
		if !c.OK && strings.Contains(c.Text, "is not encrypted to the PGP key that was agreed") {
			bad++
		}
	}
	if err != nil || bad != 4 {
		t.Errorf("an init: %+v, %v", out.Checks, err)
	}
}
