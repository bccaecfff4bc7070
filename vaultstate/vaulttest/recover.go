package vaulttest

import (
	"errors"

	"conclave/hsm/secret"
	"conclave/vaultstate"
)

// testRecover: new shares without the old ones, which count until the commit and
// no longer.
func testRecover(p *player) {
	p.initialised()
	op := vaultstate.Operation{ID: second, Kind: vaultstate.Recover, Shares: 3, Threshold: 2}
	old := p.held
	tester, ok := p.Vault.(vaultstate.Tester)
	if !ok {
		p.Fatal("this vault tests no shares")
	}
	if !p.offers(vaultstate.Recover) {
		if _, err := p.Vault.Begin(p.ctx(), op); !errors.Is(err, vaultstate.ErrUnsupported) {
			p.Errorf("a server recovers: %v", err)
		}
		p.testAtServer(tester)
		return
	}
	test := func(what string, want bool, shares ...secret.Bytes) {
		p.Helper()
		before := p.State()
		if err := tester.Test(p.ctx(), shares); (err == nil) != want {
			p.Errorf("%s: %v", what, err)
		}
		if p.State() != before {
			p.Errorf("%s: something changed", what)
		}
	}
	wrong := flipped(old[1])
	defer wrong.Wipe()
	test("three of five", true, old[1:4]...)
	test("too few", false, old[:2]...)
	test("one is wrong", false, old[0], wrong, old[2])
	var q *vaultstate.QuorumError
	if err := tester.Test(p.ctx(), []secret.Bytes{old[0], wrong, old[2], old[3]}); !errors.As(err, &q) || len(q.Wrong) != 1 || q.Wrong[0] != 1 {
		p.Errorf("three good ones and a wrong one: %v", err)
	}
	issue := p.prepare(op)
	if issue == nil || len(issue.Shares) != 3 {
		p.Fatalf("the issue is %+v", issue)
	}
	p.refuses(second, vaultstate.ErrNotReady, "Submit", "Commit")
	test("the old shares before the commit", true, old[:3]...)
	p.proveAll(second, issue)
	out, err := p.Vault.Commit(p.ctx(), second)
	if err != nil {
		p.Fatal(err)
	}
	p.keep(issue)
	if out.Kind != vaultstate.Recover || out.Before.RecoveryKey == out.After.RecoveryKey || out.Before.RootKey != out.After.RootKey || out.After.Threshold != 2 {
		p.Errorf("the outcome: %+v", out)
	}
	test("the old shares after it", false, old[:3]...)
	test("the new ones", true, p.held[1:]...)
	p.run(vaultstate.Operation{ID: "rotate", Kind: vaultstate.Rotate})
}
