package vaulttest

import (
	"errors"

	"conclave/hsm/secret"
	"conclave/vaultstate"
)

// adopted goes on with what an earlier run left at a server.
func (p *player) adopted(r vaultstate.Remote, op vaultstate.Operation, issue *vaultstate.Issue) {
	p.Helper()
	p.refuses(op.ID, vaultstate.ErrNoOperation, "Submit", "Take", "Verify", "Commit", "Cancel")
	p.refused("another operation", vaultstate.ErrPending, func() error {
		_, err := r.Begin(p.ctx(), vaultstate.Operation{ID: "other", Kind: op.Kind, Shares: 4, Threshold: 3})
		return err
	})
	st, err := r.Status(p.ctx())
	if err != nil || len(st.Pending) != 1 {
		p.Fatalf("%+v, %v", st, err)
	}
	other := op
	other.Threshold = 2
	p.refused("going on with another threshold", vaultstate.ErrChanged, func() error {
		_, err := r.Adopt(p.ctx(), other, st.Pending[0])
		return err
	})
	got, err := r.Adopt(p.ctx(), op, st.Pending[0])
	if err != nil || got.Phase != vaultstate.PhaseProof || got.Shares != 4 || got.Threshold != 3 || len(got.Proven) != 0 {
		p.Fatalf("Adopt: %+v, %v", got, err)
	}
	p.refuses(op.ID, vaultstate.ErrTaken, "Take")
	p.proveAll(op.ID, issue)
	if _, err := p.Vault.Commit(p.ctx(), op.ID); err != nil {
		p.Fatal(err)
	}
	ended(p, op.ID)
	p.keep(issue)
	p.run(vaultstate.Operation{ID: "third", Kind: vaultstate.Rekey})
}

// testLostFound is testLostAnswer of a server, which can be asked: Commit says
// that it is done, or that the answer is lost and what is so; then it goes on.
func testLostFound(p *player) {
	p.initialised()
	for _, op := range []vaultstate.Operation{
		{ID: "second", Kind: vaultstate.RecoveryRekey, Shares: 2, Threshold: 2},
		{ID: "third", Kind: vaultstate.RecoveryRekey, Shares: 1, Threshold: 1},
		{ID: "fourth", Kind: vaultstate.Rotate},
		{ID: "fifth", Kind: vaultstate.Rekey},
	} {
		issue := p.prepare(op)
		p.proveAll(op.ID, issue)
		p.LoseAnswer()
		_, err := p.Vault.Commit(p.ctx(), op.ID)
		p.Found()
		switch {
		case err == nil:
		case !errors.Is(err, vaultstate.ErrLost):
			p.Fatalf("Commit of %s without its answer: %v", op.ID, err)
		case op.Kind == vaultstate.RecoveryRekey:
			if _, err := p.Vault.Commit(p.ctx(), op.ID); err != nil {
				p.Fatalf("Commit of %s, asked again: %v", op.ID, err)
			}
		}
		if err == nil || issue != nil {
			ended(p, op.ID)
		}
		p.keep(issue)
	}
	p.again()
	p.run(vaultstate.Operation{ID: "sixth", Kind: vaultstate.RecoveryRekey, Shares: 2, Threshold: 2})
}

// testAtServer: a quorum is proven by a root token that is gone afterwards, and
// nothing stays pending.
func (p *player) testAtServer(tester vaultstate.Tester) {
	p.Helper()
	h := p.held
	if !p.offers(vaultstate.GenerateRoot) {
		if err := tester.Test(p.ctx(), h[:3]); !errors.Is(err, vaultstate.ErrClosed) {
			p.Errorf("a server that makes no root token tests shares: %v", err)
		}
		return
	}
	wrong := flipped(h[1])
	defer wrong.Wipe()
	for what, c := range map[string]struct {
		shares []secret.Bytes
		good   bool
	}{
		"three of five": {h[1:4], true},
		"too few":       {h[:2], false},
		"one is wrong":  {[]secret.Bytes{h[0], wrong, h[2]}, false},
	} {
		err := tester.Test(p.ctx(), c.shares)
		var q *vaultstate.QuorumError
		if (err == nil) != c.good || err != nil && !errors.As(err, &q) {
			p.Errorf("%s: %v", what, err)
		}
		if st, err := p.Vault.Status(p.ctx()); err != nil || len(st.Pending) > 0 {
			p.Errorf("%s: %+v is pending, %v", what, st.Pending, err)
		}
	}
	p.run(vaultstate.Operation{ID: "after", Kind: vaultstate.Rekey})
}
