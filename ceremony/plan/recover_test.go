package plan_test

import (
	"strings"
	"testing"

	"conclave/ceremony/custodian"
	"conclave/ceremony/plan"
	"conclave/ceremony/signature"
	"conclave/vaultstate"
)

// recovering is a plan of a recover that lacks nothing.
func recovering() *plan.Plan {
	approver := func(name, key string) plan.Approver {
		return plan.Approver{Person: custodian.Person{Name: name, Role: custodian.Approver}, Key: signature.Key{ID: key}, Approval: &plan.Approval{}}
	}
	return &plan.Plan{Kind: vaultstate.Recover,
		People:    []custodian.Person{{Name: "Olga Example", Role: custodian.Operator}, {Name: "Pat Pine", Role: custodian.PINHolder}, {Name: "Quinn Quick", Role: custodian.PINHolder}},
		Approvers: []plan.Approver{approver("Anna Board", "a"), approver("Ben Board", "b")},
		Known: []plan.Known{{Name: "Anna Board", Key: "a", Ceremony: "KC-1"}, {Name: "anna  BOARD", Key: "a", Ceremony: "KC-1", Anchored: true},
			{Name: "Ben Board", Key: "b", Ceremony: "KC-1", Anchored: true}},
		Recovery: plan.Recovery{Reason: plan.Loss, Replaces: "the set of KC-1"}}
}

// TestLacking: what a recover asks for and a plan has not is named, each by itself.
func TestLacking(t *testing.T) {
	if l := recovering().Lacking(); len(l) != 0 {
		t.Fatalf("a whole plan lacks %q", l)
	}
	for says, change := range map[string]func(*plan.Plan){
		"has the set that is replaced":                                 func(p *plan.Plan) { p.Recovery.Replaces = "" },
		"Ben Board: has not signed.":                                   func(p *plan.Plan) { p.Approvers[1].Approval = nil },
		"the plan names no approver.":                                  func(p *plan.Plan) { p.Approvers = nil },
		"Ben Board: the key is in no earlier record.":                  func(p *plan.Plan) { p.Approvers[1].Key.ID = "c" },
		"Ben Board: the key is in KC-1 alone, which nothing outside":   func(p *plan.Plan) { p.Known[2].Anchored = false },
		"Ben Board: the key is that of Bob Baker in KC-1.":             func(p *plan.Plan) { p.Known[2].Name = "Bob Baker" },
		"Ben Board: holds a part of the PIN.":                          func(p *plan.Plan) { p.People[1].Name = "ben board" },
		"Anna Board: the key is of two approvers.":                     func(p *plan.Plan) { p.Approvers[1] = p.Approvers[0] },
		"The PIN comes from the file /pin:":                            func(p *plan.Plan) { p.Recovery.GivenPIN = "file /pin" },
		"A compromise is suspected, and the ceremony before was no re": func(p *plan.Plan) { p.Recovery.Reason = plan.Compromise },
	} {
		p := recovering()
		change(p)
		l := p.Lacking()
		if len(l) != 1 || !strings.Contains(l[0], says) {
			t.Errorf("%q: it lacks %q", says, l)
		}
		if err := p.Recoverable(day); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: it is taken: %v", says, err)
		}
		p.Practice = true
		if l := p.Lacking(); len(l) != 0 {
			t.Errorf("%q: a rehearsal lacks %q", says, l)
		}
	}
	rewrapped := recovering()
	rewrapped.Recovery.Reason, rewrapped.Recovery.Rewrapped = plan.Compromise, true
	other := &plan.Plan{Kind: vaultstate.Rotate}
	for _, p := range []*plan.Plan{recovering(), rewrapped, other} {
		if err := p.Recoverable(day); err != nil {
			t.Errorf("%s: %v", p.Kind, err)
		}
	}
}

// TestBreakGlass: the word, and what is said of it for ever.
func TestBreakGlass(t *testing.T) {
	broken := func() *plan.Plan {
		p := recovering()
		p.Overrides = []plan.Override{{ID: plan.BreakGlass}}
		return p
	}
	nobody := broken()
	nobody.Approvers = nil
	one := broken()
	one.Approvers[1].Approval = nil
	for says, p := range map[string]*plan.Plan{
		"Recovery authority was re-created on 2026-11-25 without anybody who held it before.":            nobody,
		"Recovery authority was re-created on 2026-11-25 by breaking the glass, approved by Anna Board.": one,
	} {
		if err := p.Recoverable(day); err != nil || p.Overrides[0].Sentence != says {
			t.Errorf("%v, %q", err, p.Overrides[0].Sentence)
		}
	}
	if err := broken().Recoverable(day); err == nil || !strings.Contains(err.Error(), "nothing is lacking") {
		t.Errorf("the glass is broken for nothing: %v", err)
	}
	for says, r := range map[string]plan.Recovery{
		`"please" is not the word: RECREATE`: {Reason: plan.Loss, BreakGlass: "please"},
		"why are the shares re-created?":     {},
		`"fun": say loss or compromise`:      {Reason: "fun"},
	} {
		q := plan.Request{Kind: vaultstate.Recover, ID: "KC-1", Recovery: r}
		if _, err := q.Resolve(day); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", says, err)
		}
	}
}
