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

func testInit(p *player) {
	p.refuses(first, vaultstate.ErrNoOperation, "Submit", "Take", "Verify", "Commit", "Cancel")
	recover := vaultstate.ErrNotInitialized
	if p.remote() != nil {
		recover = vaultstate.ErrUnsupported
	}
	p.refused("a recover before the init", recover, func() error {
		_, err := p.Vault.Begin(p.ctx(), vaultstate.Operation{ID: first, Kind: vaultstate.Recover, Shares: 1, Threshold: 1})
		return err
	})
	p.refused("a rekey before the init", vaultstate.ErrNotInitialized, func() error {
		_, err := p.Vault.Begin(p.ctx(), vaultstate.Operation{ID: first, Kind: vaultstate.Rekey})
		return err
	})
	op := initial
	op.RootToken = true
	got, err := p.Vault.Begin(p.ctx(), op)
	if err != nil || got.Phase != vaultstate.PhaseIssue || got.Shares != 5 || got.Threshold != 3 || got.Set == "" {
		p.Fatalf("Begin: %+v, %v", got, err)
	}
	p.refuses(first, vaultstate.ErrNotReady, "Submit", "Verify", "Commit")
	issue, err := p.Vault.Take(p.ctx(), first)
	if err != nil {
		p.Fatal(err)
	}
	if issue.Token == nil || issue.Token.Plain.Len() == 0 || issue.Token.Accessor == "" {
		p.Errorf("the root token: %+v", issue.Token)
	}
	checkIssue(p, issue, got)
	p.proveAll(first, issue)
	if st, err := p.Vault.Status(p.ctx()); err != nil || st.Initialized != (p.remote() != nil) {
		p.Errorf("before the commit it says that it is initialised: %v, %v", st.Initialized, err)
	}
	out, err := p.Vault.Commit(p.ctx(), first)
	if err != nil {
		p.Fatal(err)
	}
	p.keep(issue)
	if out.Kind != vaultstate.Init || out.After.Shares != 5 || out.After.Threshold != 3 || out.Committed.IsZero() {
		p.Errorf("the outcome: %+v", out)
	}
	for _, c := range out.Checks {
		if !c.OK {
			p.Errorf("a check: %s", c.Text)
		}
	}
	ended(p, first)
	st, err := p.Vault.Status(p.ctx())
	if err != nil || !st.Initialized || st.Shares != 5 || st.Threshold != 3 {
		p.Errorf("the status: %+v, %v", st, err)
	}
	p.refused("a second init", vaultstate.ErrInitialized, func() error {
		_, err := p.Vault.Begin(p.ctx(), vaultstate.Operation{ID: second, Kind: vaultstate.Init, Shares: 1, Threshold: 1})
		return err
	})
	p.run(vaultstate.Operation{ID: second, Kind: vaultstate.Rekey})
}

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

// ended wants every call to say that the operation is committed.
func ended(p *player, id vaultstate.ID) {
	p.Helper()
	p.phase(id, vaultstate.PhaseCommitted)
	p.refuses(id, vaultstate.ErrCommitted, "Submit", "Take", "Verify", "Commit", "Cancel")
	p.phase(id, vaultstate.PhaseCommitted)
}

func testOperations(p *player) {
	p.initialised()
	for _, op := range []vaultstate.Operation{
		{ID: "rekey", Kind: vaultstate.Rekey, Shares: 1, Threshold: 1},
		{ID: "rotate", Kind: vaultstate.Rotate},
		{ID: "recovery", Kind: vaultstate.RecoveryRekey, Shares: 7, Threshold: 4},
		{ID: "token", Kind: vaultstate.GenerateRoot},
		{ID: "rotate-again", Kind: vaultstate.Rotate},
		{ID: "recovery-again", Kind: vaultstate.RecoveryRekey, Shares: 3, Threshold: 2},
		{ID: "recover", Kind: vaultstate.Recover, Shares: 4, Threshold: 3},
		{ID: "rotate-after", Kind: vaultstate.Rotate},
	} {
		if !p.offers(op.Kind) {
			p.Logf("this vault has no %s", op.Kind)
			continue
		}
		out, issue := p.run(op)
		ended(p, op.ID)
		b, a := out.Before, out.After
		for what, got := range map[string][2]bool{
			"the root key":     {a.RootKey != b.RootKey, op.Kind == vaultstate.Rekey && p.remote() == nil},
			"the newest term":  {newest(a) != newest(b), op.Kind == vaultstate.Rotate},
			"the recovery key": {a.RecoveryKey != b.RecoveryKey, issues(op)},
			"a token":          {issue != nil && issue.Token != nil, op.Kind == vaultstate.GenerateRoot},
			"shares":           {issue != nil && issue.Shares != nil, issues(op)},
		} {
			if got[0] != got[1] {
				p.Errorf("%s: %s changed or came: %v, want %v", op.ID, what, got[0], got[1])
			}
		}
	}
}

func newest(s vaultstate.State) (term uint32) {
	if n := len(s.Terms); n > 0 {
		term = s.Terms[n-1].Term
	}
	return term
}

func issues(op vaultstate.Operation) bool {
	return op.Kind == vaultstate.RecoveryRekey || op.Kind == vaultstate.Recover
}

func testRefusedOperations(p *player) {
	tooFewKeys := make([][]byte, 2)
	begin := func(what string, want error, op vaultstate.Operation) {
		p.Helper()
		op.ID = second
		p.refused(what, want, func() error { _, err := p.Vault.Begin(p.ctx(), op); return err })
	}
	counts := func(kind vaultstate.Kind) {
		for what, op := range map[string]vaultstate.Operation{
			"no shares":                     {},
			"a threshold of 0":              {Shares: 3},
			"a threshold of 1 for 3 shares": {Shares: 3, Threshold: 1},
			"a threshold above the shares":  {Shares: 3, Threshold: 4},
			"256 shares":                    {Shares: 256, Threshold: 3},
			"negative shares":               {Shares: -3, Threshold: -3},
			"fewer PGP keys than shares":    {Shares: 3, Threshold: 2, PGPKeys: tooFewKeys},
			"a PGP key that is none":        {Shares: 1, Threshold: 1, PGPKeys: [][]byte{[]byte("key")}},
			"a token's key without a token": {Shares: 3, Threshold: 2, RootTokenPGPKey: []byte("key")},
		} {
			op.Kind = kind
			begin(string(kind)+": "+what, nil, op)
		}
	}
	counts(vaultstate.Init)
	p.initialised()
	counts(vaultstate.RecoveryRekey)
	counts(vaultstate.Recover) // a server refuses every one
	begin("an unknown operation", vaultstate.ErrUnsupported, vaultstate.Operation{Kind: "explode"})
	begin("a root key in 5 shares", vaultstate.ErrSingleValue, vaultstate.Operation{Kind: vaultstate.Rekey, Shares: 5, Threshold: 1})
	begin("a root key with a threshold of 3", vaultstate.ErrSingleValue, vaultstate.Operation{Kind: vaultstate.Rekey, Shares: 1, Threshold: 3})
	begin("a root key for PGP keys", nil, vaultstate.Operation{Kind: vaultstate.Rekey, PGPKeys: tooFewKeys})
	begin("shares of a rotation", nil, vaultstate.Operation{Kind: vaultstate.Rotate, Shares: 3, Threshold: 2})
	begin("shares with a token", nil, vaultstate.Operation{Kind: vaultstate.GenerateRoot, Shares: 3, Threshold: 2})
	begin("a token with a rotation", nil, vaultstate.Operation{Kind: vaultstate.Rotate, RootToken: true})
	for _, id := range []vaultstate.ID{"", "..", "a/b", "-x"} {
		p.refused("the id "+string(id), nil, func() error {
			_, err := p.Vault.Begin(p.ctx(), vaultstate.Operation{ID: id, Kind: vaultstate.Rotate})
			return err
		})
	}
	p.run(vaultstate.Operation{ID: second, Kind: vaultstate.Rotate})
}

func testAuthority(p *player) {
	p.initialised()
	old := p.held
	p.run(vaultstate.Operation{ID: "between", Kind: vaultstate.RecoveryRekey, Shares: 6, Threshold: 3})
	got, err := p.Vault.Begin(p.ctx(), p.byQuorum(second))
	if err != nil || got.Needed != 3 {
		p.Fatalf("Begin: %+v, %v", got, err)
	}
	p.refuses(second, vaultstate.ErrNotReady, "Take", "Verify", "Commit")
	p.refused("another operation", vaultstate.ErrPending, func() error {
		_, err := p.Vault.Begin(p.ctx(), vaultstate.Operation{ID: "other", Kind: vaultstate.Rekey})
		return err
	})
	bad := flipped(p.held[1])
	defer bad.Wipe()
	h := p.held
	stranger := secret.Random(h[0].Len())
	defer stranger.Wipe()
	for share.DuplicateX(h, stranger) >= 0 || share.X(stranger) == 0 {
		stranger.Expose()[stranger.Len()-1]++
	}
	one, two, replacedAt := []int{1}, []int{0, 3}, []int{3}
	if p.remote() != nil { // where the key is not there to be compared
		one, two, replacedAt = nil, nil, nil
	}
	replacedOne := old[slices.IndexFunc(old, func(s secret.Bytes) bool { return share.DuplicateX(h, s) < 0 })]
	for _, c := range []struct {
		what  string
		give  []secret.Bytes
		wrong []int
	}{
		{"none", nil, nil},
		{"too few", h[:2], nil},
		{"as many as needed, one wrong", []secret.Bytes{h[0], bad, h[2]}, nil},
		{"one more than needed, one wrong", []secret.Bytes{h[0], bad, h[2], h[3]}, one},
		{"two more than needed, two wrong", []secret.Bytes{bad, h[0], h[2], stranger, h[3]}, two},
		{"two more than needed, one wrong", []secret.Bytes{h[0], bad, h[2], h[3], h[4]}, []int{1}},
		{"one twice", []secret.Bytes{h[0], h[0], h[1]}, nil},
		{"replaced ones", old[:3], nil},
		{"one replaced", []secret.Bytes{h[4], h[5], h[0], replacedOne}, replacedAt},
	} {
		p.refusedQuorum(c.what, c.wrong, func() error {
			got, err := p.Vault.Submit(p.ctx(), second, c.give)
			if !slices.Equal(got.Wrong, c.wrong) {
				p.Errorf("%s: the progress says that %v are wrong", c.what, got.Wrong)
			}
			return err
		})
		p.phase(second, vaultstate.PhaseAuthority)
	}
	if got, err = p.Vault.Submit(p.ctx(), second, []secret.Bytes{h[5], h[1], h[3], h[0]}); err != nil {
		p.Fatalf("right shares, one more than needed: %+v, %v", got, err)
	}
	if got.Phase == vaultstate.PhaseIssue {
		issue, err := p.Vault.Take(p.ctx(), second)
		if err != nil {
			p.Fatal(err)
		}
		p.proveAll(second, issue)
	} else {
		p.refuses(second, vaultstate.ErrNotReady, "Take")
	}
	p.phase(second, vaultstate.PhaseReady)
	p.refuses(second, vaultstate.ErrNotReady, "Submit", "Verify")
	if _, err := p.Vault.Commit(p.ctx(), second); err != nil {
		p.Fatal(err)
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

func testUnsplit(p *player) {
	p.run(vaultstate.Operation{ID: first, Kind: vaultstate.Init, Shares: 1, Threshold: 1, RootToken: p.remote() != nil})
	if n := p.held[0].Len(); n != 32 {
		p.Errorf("a key that is not split has %d bytes", n)
	}
	if _, err := p.Vault.Begin(p.ctx(), p.byQuorum(second)); err != nil {
		p.Fatal(err)
	}
	bad := flipped(p.held[0])
	defer bad.Wipe()
	p.refusedQuorum("another key", nil, func() error {
		_, err := p.Vault.Submit(p.ctx(), second, []secret.Bytes{bad})
		return err
	})
	if got, err := p.Vault.Submit(p.ctx(), second, p.held); err != nil || got.Phase == vaultstate.PhaseAuthority {
		p.Fatalf("%+v, %v", got, err)
	}
	if err := p.Vault.Cancel(p.ctx(), second); err != nil {
		p.Fatal(err)
	}
	p.run(vaultstate.Operation{ID: "split", Kind: vaultstate.RecoveryRekey, Shares: 2, Threshold: 2})
	p.run(vaultstate.Operation{ID: "rotate", Kind: vaultstate.Rotate})
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
