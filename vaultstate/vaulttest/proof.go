package vaulttest

import (
	"errors"
	"slices"
	"time"

	"conclave/hsm/secret"
	"conclave/vaultstate"
	"conclave/vaultstate/pgp"
	"conclave/vaultstate/share"
)

// checkIssue looks at shares: numbers, fingerprints, x-coordinates.
func checkIssue(p *player, issue *vaultstate.Issue, got vaultstate.Progress) {
	p.Helper()
	set, err := share.ParseSet(issue.Set)
	if err != nil || issue.Set != got.Set || len(issue.Shares) != got.Shares {
		p.Fatalf("%d shares of the set %q, %v", len(issue.Shares), issue.Set, err)
	}
	for i, s := range issue.Shares {
		if s.Number != i+1 || s.Fingerprint != set.Fingerprint(s.Plain) {
			p.Errorf("share %d has the number %d, or another fingerprint", i+1, s.Number)
		}
		if share.DuplicateX(plain(issue)[:i], s.Plain) >= 0 {
			p.Errorf("share %d has the x of another", i+1)
		}
	}
}

func testProof(p *player) {
	p.initialised()
	op := vaultstate.Operation{ID: second, Kind: vaultstate.RecoveryRekey, Shares: 4, Threshold: 2}
	issue := p.prepare(op)
	checkIssue(p, issue, p.phase(second, vaultstate.PhaseProof))
	p.refuses(second, vaultstate.ErrTaken, "Take")
	p.refuses(second, vaultstate.ErrNotReady, "Submit", "Commit")
	verify := func(n int, s secret.Bytes) func() error {
		return func() error { _, err := p.Vault.Verify(p.ctx(), second, n, s); return err }
	}
	s := plain(issue)
	bad := flipped(s[0])
	defer bad.Wipe()
	p.refusedQuorum("a slip", []int{1}, verify(1, bad))
	p.refusedQuorum("nothing", []int{1}, verify(1, secret.Bytes{}))
	p.refusedQuorum("the share of another", []int{1}, verify(1, s[1]))
	p.refusedQuorum("a share that counts now", []int{1}, verify(1, p.held[0]))
	p.refused("number 0", nil, verify(0, s[0]))
	p.refused("number 5", nil, verify(5, s[0]))
	for i, n := range []int{3, 1, 1, 4} {
		got, err := p.Vault.Verify(p.ctx(), second, n, s[n-1])
		if want := []int{1, 2, 2, 3}[i]; err != nil || len(got.Proven) != want || got.Phase != vaultstate.PhaseProof {
			p.Fatalf("share %d: %+v, %v", n, got, err)
		}
	}
	p.refuses(second, vaultstate.ErrNotReady, "Commit")
	if got, err := p.Vault.Verify(p.ctx(), second, 2, s[1]); err != nil || got.Phase != vaultstate.PhaseReady {
		p.Fatalf("the last: %+v, %v", got, err)
	}
	p.refuses(second, vaultstate.ErrTaken, "Take")
	p.refused("a proof too many", vaultstate.ErrNotReady, verify(1, s[0]))
	if _, err := p.Vault.Commit(p.ctx(), second); err != nil {
		p.Fatal(err)
	}
	ended(p, second)
	replaced(p, p.held[:3])
	p.keep(issue)
	p.run(vaultstate.Operation{ID: "third", Kind: vaultstate.Rotate})
}

// replaced wants shares not to authorise anything any more.
func replaced(p *player, old []secret.Bytes) {
	p.Helper()
	const id = "replaced"
	if _, err := p.Vault.Begin(p.ctx(), p.byQuorum(id)); err != nil {
		p.Fatal(err)
	}
	var q *vaultstate.QuorumError
	if _, err := p.Vault.Submit(p.ctx(), id, old); !errors.As(err, &q) {
		p.Errorf("replaced shares: %v", err)
	}
	if err := p.Vault.Cancel(p.ctx(), id); err != nil {
		p.Fatal(err)
	}
}

func testPGP(p *player) {
	var people []*pgp.Private
	op := vaultstate.Operation{ID: first, Kind: vaultstate.Init, Shares: 3, Threshold: 2, RootToken: true}
	var fingerprints []string
	for _, name := range []string{"Alice Example", "Bob Example", "Carol Example"} {
		private, k, err := pgp.GenerateKey(name, time.Now().Add(-time.Hour))
		if err != nil {
			p.Fatal(err)
		}
		people = append(people, private)
		op.PGPKeys = append(op.PGPKeys, k.Binary)
		fingerprints = append(fingerprints, k.Fingerprint)
	}
	op.RootTokenPGPKey = op.PGPKeys[0]
	issue := p.prepare(op)
	got := p.phase(first, vaultstate.PhaseProof)
	if !slices.Equal(got.PGP, fingerprints) {
		p.Errorf("the shares go to %v, want %v", got.PGP, fingerprints)
	}
	for i, s := range issue.Shares {
		if s.Plain.Len() > 0 || s.PGP != fingerprints[i] {
			p.Fatalf("share %d is plain, or for %q", s.Number, s.PGP)
		}
		text, err := people[i].Decrypt(s.Encrypted)
		if err != nil {
			p.Fatal(err)
		}
		raw, _, err := share.Scheme{}.Parse(text, 33)
		if err != nil || text.Len() != 66 {
			p.Fatalf("what share %d decrypts to: %v", s.Number, err)
		}
		text.Wipe()
		if _, err := p.Vault.Verify(p.ctx(), first, s.Number, raw); err != nil {
			p.Fatal(err)
		}
		p.held = append(p.held, raw)
	}
	token, err := people[0].Decrypt(issue.Token.Encrypted)
	if err != nil || token.Len() == 0 || issue.Token.Plain.Len() > 0 || issue.Token.PGP != fingerprints[0] {
		p.Errorf("the token: %v", err)
	}
	p.token = token
	p.useToken()
	if _, err := p.Vault.Commit(p.ctx(), first); err != nil {
		p.Fatal(err)
	}
	p.run(vaultstate.Operation{ID: second, Kind: vaultstate.Rotate})
}

func testSkipped(p *player) {
	p.initialised()
	op := vaultstate.Operation{ID: second, Kind: vaultstate.RecoveryRekey, Shares: 3, Threshold: 2, SkipProof: true}
	if p.MustProve {
		p.refused("shares that nobody proves", nil, func() error { _, err := p.Vault.Begin(p.ctx(), op); return err })
		p.run(vaultstate.Operation{ID: "third", Kind: vaultstate.Rekey})
		return
	}
	issue := p.prepare(op)
	if _, err := p.Vault.Verify(p.ctx(), second, 2, issue.Shares[1].Plain); err != nil {
		p.Fatal(err)
	}
	if _, err := p.Vault.Commit(p.ctx(), second); err != nil {
		p.Fatal(err)
	}
	ended(p, second)
	p.keep(issue)
	p.run(vaultstate.Operation{ID: "third", Kind: vaultstate.Rekey})
}
