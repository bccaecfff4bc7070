package vaulttest

import (
	"slices"

	"conclave/vaultstate"
)

func testCancel(p *player) {
	p.initialised()
	op := vaultstate.Operation{ID: second, Kind: vaultstate.RecoveryRekey, Shares: 3, Threshold: 2}
	before := p.State()
	for _, at := range []vaultstate.Phase{vaultstate.PhaseAuthority, vaultstate.PhaseIssue, vaultstate.PhaseProof, vaultstate.PhaseReady} {
		var issue *vaultstate.Issue
		switch at {
		case vaultstate.PhaseAuthority:
			if _, err := p.Vault.Begin(p.ctx(), op); err != nil {
				p.Fatal(err)
			}
		case vaultstate.PhaseIssue:
			p.authorise(op)
		default:
			issue = p.prepare(op)
			if at == vaultstate.PhaseReady {
				p.proveAll(second, issue)
			}
		}
		p.phase(second, at)
		if err := p.Vault.Cancel(p.ctx(), second); err != nil {
			p.Fatalf("Cancel at %q: %v", at, err)
		}
		if p.State() != before {
			p.Errorf("Cancel at %q left something", at)
		}
		p.refuses(second, vaultstate.ErrNoOperation, "Submit", "Take", "Verify", "Commit", "Cancel")
		if issue != nil {
			replaced(p, plain(issue))
			issue.Wipe()
		}
	}
	p.run(op)
}

func testAgain(p *player) {
	p.initialised()
	op := vaultstate.Operation{ID: second, Kind: vaultstate.RecoveryRekey, Shares: 4, Threshold: 3}
	issue := p.prepare(op)
	for _, n := range []int{2, 4} {
		if _, err := p.Vault.Verify(p.ctx(), second, n, issue.Shares[n-1].Plain); err != nil {
			p.Fatal(err)
		}
	}
	p.again()
	if r := p.remote(); r != nil {
		p.adopted(r, op, issue)
		return
	}
	got := p.phase(second, vaultstate.PhaseProof)
	if !slices.Equal(got.Proven, []int{2, 4}) || got.Shares != 4 || got.Threshold != 3 || got.Set != issue.Set {
		p.Errorf("another run finds %+v", got)
	}
	p.refuses(second, vaultstate.ErrNoOperation, "Submit", "Take", "Verify", "Commit", "Cancel")
	p.refused("another operation", vaultstate.ErrPending, func() error {
		_, err := p.Vault.Begin(p.ctx(), vaultstate.Operation{ID: "other", Kind: vaultstate.Rekey})
		return err
	})
	r, ok := p.Vault.(vaultstate.Resumer)
	if !ok {
		p.Skip("this vault does not resume")
	}
	p.refused("an unknown operation", vaultstate.ErrNoOperation, func() error { _, err := r.Resume(p.ctx(), "other"); return err })
	if got, err := r.Resume(p.ctx(), second); err != nil || got.Phase != vaultstate.PhaseProof {
		p.Fatalf("Resume: %+v, %v", got, err)
	}
	p.refuses(second, vaultstate.ErrTaken, "Take")
	bad := flipped(issue.Shares[0].Plain)
	defer bad.Wipe()
	p.refusedQuorum("a slip", []int{1}, func() error { _, err := p.Vault.Verify(p.ctx(), second, 1, bad); return err })
	for _, n := range []int{3, 1} {
		if _, err := p.Vault.Verify(p.ctx(), second, n, issue.Shares[n-1].Plain); err != nil {
			p.Fatal(err)
		}
	}
	if _, err := p.Vault.Commit(p.ctx(), second); err != nil {
		p.Fatal(err)
	}
	ended(p, second)
	p.keep(issue)
	p.run(vaultstate.Operation{ID: "third", Kind: vaultstate.Rotate})

	// What was never taken cannot go on, and is retired.
	p.authorise(vaultstate.Operation{ID: "lost", Kind: vaultstate.RecoveryRekey, Shares: 2, Threshold: 2})
	p.again()
	p.refused("shares that were lost", vaultstate.ErrNotReady, func() error {
		_, err := p.Vault.(vaultstate.Resumer).Resume(p.ctx(), "lost")
		return err
	})
	if l, err := p.Vault.(vaultstate.Rollbacker).Retire(p.ctx(), "lost"); err != nil || l.Set == "" {
		p.Errorf("Retire: %+v, %v", l, err)
	}
	p.run(vaultstate.Operation{ID: "fourth", Kind: vaultstate.Rekey})
}

func testLostAnswer(p *player) {
	if p.remote() != nil {
		testLostFound(p)
		return
	}
	p.initialised()
	issue := p.prepare(vaultstate.Operation{ID: second, Kind: vaultstate.RecoveryRekey, Shares: 2, Threshold: 2})
	p.proveAll(second, issue)
	p.LoseAnswer()
	if _, err := p.Vault.Commit(p.ctx(), second); err == nil {
		p.Fatal("the answer was not lost")
	}
	p.phase(second, vaultstate.PhaseCommitted)
	p.refuses(second, vaultstate.ErrCommitted, "Submit", "Take", "Verify", "Cancel")
	p.Found()
	out, err := p.Vault.Commit(p.ctx(), second)
	if err != nil || out.After.Shares != 2 || out.After.RecoveryKey == out.Before.RecoveryKey {
		p.Errorf("asked again: %+v, %v", out, err)
	}
	ended(p, second)
	p.keep(issue)

	// The same, and the program ends as well.
	if got := p.authorise(vaultstate.Operation{ID: "third", Kind: vaultstate.Rotate}); got.Phase != vaultstate.PhaseReady {
		p.Fatalf("%+v", got)
	}
	p.LoseAnswer()
	if _, err := p.Vault.Commit(p.ctx(), "third"); err == nil {
		p.Fatal("the answer was not lost")
	}
	p.Found()
	p.again()
	p.phase("third", vaultstate.PhaseCommitted)
	if r, ok := p.Vault.(vaultstate.Resumer); ok {
		if got, err := r.Resume(p.ctx(), "third"); err != nil || got.Phase != vaultstate.PhaseCommitted {
			p.Fatalf("Resume: %+v, %v", got, err)
		}
		out, err := p.Vault.Commit(p.ctx(), "third")
		if err != nil || len(out.After.Terms) != 2 || len(out.Before.Terms) != 1 {
			p.Errorf("asked again in another run: %+v, %v", out, err)
		}
		ended(p, "third")
	}
	p.run(vaultstate.Operation{ID: "fourth", Kind: vaultstate.Rekey})
}
