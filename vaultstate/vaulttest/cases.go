package vaulttest

import (
	"slices"

	"conclave/hsm/secret"
	"conclave/vaultstate"
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
