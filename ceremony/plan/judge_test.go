package plan_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"conclave/ceremony/plan"
	"conclave/vaultstate"
)

// TestJudgeSigns: a plan that names a key that signs is told nothing.
func TestJudgeSigns(t *testing.T) {
	q := independent()
	q.SignedBy, q.SignRecord.Label = "seal/bao", "seal"
	p, err := q.Resolve(day)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range p.Judge() {
		if strings.Contains(f.Sentence, "signed") {
			t.Errorf("it is told %q", f.Sentence)
		}
	}
}

// independent is good with two witnesses, one of them of another organisation.
func independent() plan.Request {
	q := good()
	q.Witnesses = []string{"Vera Vance"}
	q.Organisations = map[string]string{"Olga Example": "IT", "Wim Waters": "IT", "Vera Vance": "Audit Ltd"}
	return q
}

// TestJudge has each rule of the arithmetic and of roles that can be accepted,
// and one plan beside it that is within the rule.
func TestJudge(t *testing.T) {
	three := []string{"Alice Adams", "Bob Baker", "Carol Chen"}
	of := func(names []string, where ...string) map[string]string {
		m := map[string]string{}
		for i, name := range names {
			m[name] = where[i%len(where)]
		}
		return m
	}
	for _, c := range []struct {
		name   string
		change func(*plan.Request)
		want   string
	}{
		{"usual", func(*plan.Request) {}, ""},
		{"all are needed", func(q *plan.Request) { q.RecoveryShares, q.RecoveryThreshold, q.Custodians = n(3), n(3), three }, "no-spare-share"},
		{"one holder", func(q *plan.Request) { q.RecoveryShares, q.RecoveryThreshold, q.Custodians = n(1), n(1), three[:1] }, ""}, // single-control
		{"two groups", func(q *plan.Request) { q.RecoveryShares, q.RecoveryThreshold, q.Custodians = n(4), n(2), five[:4] }, "two-quorums"},
		{"just not two groups", func(q *plan.Request) { q.RecoveryShares, q.RecoveryThreshold, q.Custodians = n(3), n(2), three }, ""},
		{"T of one organisation", func(q *plan.Request) {
			q.Organisations["Alice Adams"], q.Organisations["Bob Baker"], q.Organisations["Carol Chen"] = "Ops", "ops", "OPS"
		}, "one-organisation"},
		{"T - 1 of one organisation", func(q *plan.Request) {
			q.Organisations["Alice Adams"], q.Organisations["Bob Baker"] = "Ops", "Ops"
		}, ""},
		{"T report to one", func(q *plan.Request) { q.ReportsTo = of(three, "Max Boss", "max  boss") }, "one-superior"},
		{"they report to others", func(q *plan.Request) { q.ReportsTo = of(three, "Max Boss", "Mia Boss") }, ""},
		{"T at one site", func(q *plan.Request) { q.Sites = of(three, "Bern") }, "one-site"},
		{"at two sites", func(q *plan.Request) { q.Sites = of(three, "Bern", "Basel") }, ""},
		{"one witness", func(q *plan.Request) {
			q.Witnesses, q.Organisations = nil, map[string]string{"Olga Example": "IT", "Wim Waters": "Audit Ltd"}
		}, "one-witness"},
		{"all of the operator's", func(q *plan.Request) { q.Organisations["Vera Vance"] = "it" }, "near-witness"},
		{"organisations not said", func(q *plan.Request) { q.Organisations = nil }, "near-witness"},
		{"neither", func(q *plan.Request) { q.Witnesses, q.Organisations = nil, nil }, "one-witness near-witness"},
		{"nobody watches", func(q *plan.Request) { q.Witnesses, q.NoWitness, q.Organisations = nil, true, nil }, ""}, // no-witness
		{"operator and custodian", func(q *plan.Request) { q.Custodians[0] = "olga EXAMPLE" }, "operator-custodian"},
		{"PIN holder and custodian", func(q *plan.Request) { q.PINHolders = []string{"Alice Adams", "Quinn Pin"} }, "pin-holder-custodian"},
		{"operator and PIN holder", func(q *plan.Request) { q.PINHolders = []string{"Olga Example", "Quinn Pin"} }, "operator-pin-holder"},
		{"approver and custodian", func(q *plan.Request) { q.Approvers = approvers(t, "Alice Adams") }, ""},
		{"approver and witness", func(q *plan.Request) { q.Approvers = approvers(t, "Wim Waters") }, ""},
		{"an approver of whom no record knows", func(q *plan.Request) { q.Approvers, q.Earlier = approvers(t, "Anna Board"), true }, "new-approver"},
		{"an approver, and no record", func(q *plan.Request) { q.Approvers = approvers(t, "Anna Board") }, ""},
		{"nothing is changed", func(q *plan.Request) {
			*q = plan.Request{Kind: plan.Unseal, Operator: "Olga Example", Witness: "Wim Waters"}
		}, ""},
		{"no share is made", func(q *plan.Request) {
			*q = plan.Request{Kind: vaultstate.Rotate, Operator: "Olga Example", Witness: "Wim Waters", Witnesses: []string{"Vera Vance"},
				Organisations: map[string]string{"Olga Example": "IT", "Vera Vance": "Audit Ltd"}}
		}, ""},
	} {
		q := independent()
		q.Custodians = slices.Clone(five)
		c.change(&q)
		p, err := q.Resolve(day)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		var got []string
		for _, f := range p.Judge() {
			if f.Level == plan.LevelWarning {
				got = append(got, f.ID)
				if !slices.Contains(plan.Acceptable, f.ID) {
					t.Errorf("%s: no plan can accept %s", c.name, f.ID)
				}
			}
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s: %q, want %q", c.name, s, c.want)
		}
	}
}

// TestJudgeSays has what is only said.
func TestJudgeSays(t *testing.T) {
	for _, c := range []struct {
		name, want string
		change     func(*plan.Request)
	}{
		{"loss and theft", "5 shares, any 3 of them act together: 2 may be lost, 2 may be told to a thief.", func(*plan.Request) {}},
		{"one spare, long", "One spare share: few, for shares that are kept 7 years.", func(q *plan.Request) {
			q.RecoveryThreshold, q.Retention = n(4), n(7)
		}},
		{"one spare, not said how long", "One spare share: few, where shares are kept for more than two years.", func(q *plan.Request) { q.RecoveryThreshold = n(4) }},
		{"independent", "Vera Vance, a witness, is of another organisation than the operator.", func(*plan.Request) {}},
		{"signed before", "The record before was signed by the HSM key seal/bao; this plan names no key that signs (sign_record), so this one will not be.",
			func(q *plan.Request) { q.SignedBy = "seal/bao" }},
		{"PIN and approval", "Quinn Pin holds a part of the PIN and approves the plan.", func(q *plan.Request) {
			q.PINHolders, q.Approvers = []string{"Paul Pin", "Quinn Pin"}, approvers(t, "Quinn Pin")
		}},
	} {
		q := independent()
		c.change(&q)
		p, err := q.Resolve(day)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if !slices.ContainsFunc(p.Judge(), func(f plan.Finding) bool { return f.Sentence == c.want && f.Level == plan.LevelInfo }) {
			t.Errorf("%s: it is not said: %q in %v", c.name, c.want, p.Judge())
		}
	}
	q := independent()
	q.RecoveryThreshold, q.Retention = n(4), n(2)
	p, err := q.Resolve(day)
	if err != nil {
		t.Fatal(err)
	}
	if slices.ContainsFunc(p.Judge(), func(f plan.Finding) bool { return strings.Contains(f.Sentence, "spare") }) {
		t.Error("one spare share is said to be few for two years")
	}
}

// TestOnePerson: two roles that one person cannot have, under the same name, or
// under two names that a key or a mailbox shows to be of one.
func TestOnePerson(t *testing.T) {
	for _, c := range []struct {
		name, want string
		change     func(*plan.Request)
	}{
		{"two shares", "already named as custodian", func(q *plan.Request) { q.Custodians[1] = "ALICE  adams" }},
		{"custodian and witness", "already named as witness", func(q *plan.Request) { q.Custodians[1] = "Wim Waters" }},
		{"operator and witness", "already named as operator", func(q *plan.Request) { q.Witness = "olga example" }},
		{"operator and second witness", "already named as operator", func(q *plan.Request) { q.Witnesses = []string{"olga example"} }},
		{"one witness twice", "already named as witness", func(q *plan.Request) { q.Witnesses = []string{"wim waters"} }},
		{"operator and auditor", "already named as operator", func(q *plan.Request) { q.Auditors = []string{"Olga Example"} }},
		{"operator and approver", "already named as operator", func(q *plan.Request) { q.Approvers = approvers(t, "Olga Example") }},
		{"one approver twice", "already named as approver", func(q *plan.Request) { q.Approvers = approvers(t, "Anna Board", "anna board") }},
		{"letters of two cases", "already named as operator", func(q *plan.Request) { q.Operator, q.Witness = "Ångström Σ", "ångström ς" }},
		{"one key, two names", "have one key", func(q *plan.Request) {
			q.Approvers = approvers(t, "Anna Board", "Ben Board")
			q.Approvers[1].Key = q.Approvers[0].Key
		}},
		{"a custodian's key approves", "have one key", func(q *plan.Request) {
			q.RecoveryKeys = keysOf(t, five...)
			q.Approvers = []plan.ApproverKey{{Name: "Anna Board", Key: q.RecoveryKeys[2]}}
		}},
		{"one mailbox, two shares", "Alice Adams and Erik Esser have one mailbox, cv25519@example.org", func(q *plan.Request) {
			q.RecoveryKeys = append([]plan.File{mailed(t)}, keysOf(t, five[1:]...)...)
			q.Mail = map[string]string{"Erik Esser": "CV25519@example.org"}
		}},
		{"one mailbox, operator and custodian", "Alice Adams and Olga Example have one mailbox, cv25519@example.org", func(q *plan.Request) {
			q.RecoveryKeys = append([]plan.File{mailed(t)}, keysOf(t, five[1:]...)...)
			q.Mail = map[string]string{"Olga Example": "cv25519@example.org"}
		}},
		{"one mailbox, operator and approver", "have one mailbox, cv25519@example.org", func(q *plan.Request) {
			q.Approvers = []plan.ApproverKey{{Name: "Anna Board", Key: mailed(t)}}
			q.Mail = map[string]string{"Olga Example": "cv25519@example.org"}
		}},
	} {
		q := good()
		q.Custodians = slices.Clone(five)
		c.change(&q)
		if _, err := q.Resolve(day); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	q := good() // the same person under the same name: what is theirs is no conflict
	q.Custodians, q.RecoveryKeys = slices.Clone(five), append([]plan.File{mailed(t)}, keysOf(t, five[1:]...)...)
	q.Mail = map[string]string{"Alice Adams": "cv25519@example.org"}
	q.Approvers = []plan.ApproverKey{{Name: "Alice Adams", Key: q.RecoveryKeys[0]}}
	if _, err := q.Resolve(day); err != nil {
		t.Error(err)
	}
}

// mailed is a key that names a mailbox.
func mailed(t *testing.T) plan.File {
	t.Helper()
	b, err := os.ReadFile("testdata/keys/cv25519.asc")
	if err != nil {
		t.Fatal(err)
	}
	return plan.File{Name: "cv25519.asc", Data: b}
}

// TestUnplanned: PGP keys whose fingerprints stand in no plan are an override,
// but for a rehearsal's; without keys there is none.
func TestUnplanned(t *testing.T) {
	k := key(t, "Alice", day)
	for name, c := range map[string]struct {
		change func(*plan.Request)
		want   bool
	}{
		"no keys": {func(*plan.Request) {}, false},
		"a holder's": {func(q *plan.Request) {
			q.RecoveryShares, q.RecoveryThreshold, q.Custodians, q.RecoveryKeys = n(1), n(1), five[:1], []plan.File{k}
		}, true},
		"the witness'":   {func(q *plan.Request) { q.WitnessKey = &k }, true},
		"the root token": {func(q *plan.Request) { q.RootTokenKey = &k }, true},
		"practice":       {func(q *plan.Request) { q.Practice, q.RootTokenKey = true, &k }, false},
	} {
		q := independent()
		q.Custodians = slices.Clone(five)
		c.change(&q)
		p, err := q.Resolve(day)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		p.Unplanned()
		if got := slices.ContainsFunc(p.Overrides, func(o plan.Override) bool { return o.ID == "unplanned-keys" }); got != c.want {
			t.Errorf("%s: %v, overrides %+v", name, got, p.Overrides)
		}
	}
}
