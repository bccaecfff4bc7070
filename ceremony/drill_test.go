package ceremony_test

import (
	"slices"
	"strings"
	"testing"

	"conclave/ceremony"
	"conclave/ceremony/custodian"
	"conclave/ceremony/plan"
	"conclave/hsm/secret"
)

// reissued is a site whose first set of shares was replaced by a second.
func reissued(t *testing.T) *site {
	t.Helper()
	s := initialised(t)
	s.must(s.open(ceremony.RecoveryRekey, s.request(ceremony.RecoveryRekey)))
	return s
}

// why is what the record says of each share, in order.
func (m *room) why() string {
	var all []string
	for _, h := range m.find("proven") {
		all = append(all, h.Facts.Text("custodian")+" "+h.Facts.Text("proof"))
	}
	for _, h := range m.find("not-proven") {
		all = append(all, h.Facts.Text("custodian")+" not: "+h.Facts.Text("why"))
	}
	return strings.Join(all, ", ")
}

const allByShare = "Alice Adams share, Bob Baker share, Carol Chen share, Dora Dean share, Erik Esser share"

// TestDrill: every holder types their share and it is proven; the HSM is not
// touched, nobody types a PIN, the vault is what it was, and the roster has the
// new times.
func TestDrill(t *testing.T) {
	s := reissued(t)
	s.token = newToken()
	before, was := s.status().Storage, s.roster
	q := s.request(ceremony.Drill)
	q.Drill = plan.Number{Value: 6, Given: true}
	m := s.open(ceremony.Drill, q)
	m.on = func(p ceremony.Prompt) (ceremony.Input, bool) {
		if p.Kind != ceremony.Form || p.StepID != "keep" {
			return ceremony.Input{}, false
		}
		in := ceremony.Input{}
		for _, f := range p.Fields {
			in.Fields = append(in.Fields, f.Default)
		}
		return in, true
	}
	s.must(m)
	if got := m.why(); got != allByShare {
		t.Errorf("the record: %s", got)
	}
	if len(s.token.calls) > 0 || s.token.logins > 0 {
		t.Errorf("calls to the HSM: %q", s.token.calls)
	}
	if after := s.status().Storage; after != before {
		t.Error("the vault was changed")
	}
	old, _ := was.ValidSet()
	set, _ := s.roster.ValidSet()
	for i, h := range set.Holdings {
		if h.Proven <= old.Holdings[i].Proven {
			t.Errorf("the roster: %s proven %s, before %s", h.Custodian, h.Proven, old.Holdings[i].Proven)
		}
	}
	if next := m.find("next-drill"); len(next) != 1 || next[0].Facts.Text("date") != "2027-05-25" {
		t.Errorf("the next drill: %v", next)
	}
	if o := m.run.Outcome(); !strings.Contains(o.Sentence, "5 of 5 shares are proven. Nothing was changed.") {
		t.Error(o.Sentence)
	}
	rep, _ := m.events()
	if len(rep.Overrides) != 0 {
		t.Errorf("overrides: %q", rep.Overrides)
	}
}

// TestDrillNotTheirs has Bob type what is not his share. It is named, nothing of
// it is kept, and what is recorded is what the people choose.
func TestDrillNotTheirs(t *testing.T) {
	groups := func(pick func(*site) secret.Bytes) func(*site) secret.Bytes {
		return func(s *site) secret.Bytes { return s.scheme().Groups(pick(s)) }
	}
	old := groups(func(s *site) secret.Bytes { return s.old[five[1]] })
	another := groups(func(s *site) secret.Bytes { return s.held[five[3]] })
	for name, c := range map[string]struct {
		typed  func(*site) secret.Bytes
		times  int
		choose string
		says   string
		bob    string // "share", or why not
	}{
		"an old share, then his":  {old, 1, "again", "This is an old share. Share 2 of the set of 2026-11-25, which KC-2 replaced: so say the earlier records.", "share"},
		"only an old share":       {old, 1, "not", "This is an old share.", "not: old"},
		"a stranger's":            {groups((*site).stranger), 1, "not", "This is not share 2, which Bob Baker was handed out. No earlier record knows it.", "not: another"},
		"a slip":                  {func(*site) secret.Bytes { return secret.Take([]byte("ABC")) }, 1, "", "The share has 3 characters", "share"},
		"nothing but slips":       {func(*site) secret.Bytes { return secret.Take([]byte("ABC")) }, 2, "not", "The share has 3 characters", "not: unreadable"},
		"another's, a deviation":  {another, 1, "deviation", "This is the share of Dora Dean, typed in Bob Baker's turn. So say the earlier records.", "share"},
		"another's old one":       {groups(func(s *site) secret.Bytes { return s.old[five[3]] }), 1, "deviation", "This is the share of Dora Dean, typed in Bob Baker's turn.", "share"},
		"another's, and it stops": {another, 1, "stop", "This is the share of Dora Dean, typed in Bob Baker's turn.", ""},
		"an old share, and stop":  {old, 1, "stop", "This is an old share.", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := reissued(t)
			was, _ := s.roster.ValidSet()
			m := s.open(ceremony.Drill, s.request(ceremony.Drill))
			typed := 0
			m.on = func(p ceremony.Prompt) (ceremony.Input, bool) {
				switch {
				case at(p, "drill", ceremony.AskShare) && p.By.Name == five[1] && typed < c.times:
					typed++
					return ceremony.Input{Secret: c.typed(s), Source: "typed"}, true
				case at(p, "drill", ceremony.Choose):
					return ceremony.Input{Choice: c.choose}, true
				}
				return ceremony.Input{}, false
			}
			if c.bob == "" {
				m.drive(nil)
				m.expect(ceremony.CodeStopped)
				m.says(c.says)
				return
			}
			s.must(m)
			m.says(c.says)
			if !strings.Contains(m.why(), "Bob Baker "+c.bob) {
				t.Errorf("the record: %s", m.why())
			}
			set, _ := s.roster.ValidSet()
			if renewed := set.Holdings[1].Proven > was.Holdings[1].Proven; renewed != (c.bob == "share") {
				t.Errorf("the roster: %v", set.Holdings[1])
			}
			if n := len(m.find("deviation")); (n == 1) != (c.choose == "deviation") {
				t.Errorf("%d deviations", n)
			}
			refused := 0
			for _, e := range m.find("share-entered") {
				if e.Facts.Text("result") == "refused" {
					refused++
				}
			}
			if refused != c.times {
				t.Errorf("%d shares are refused in the record", refused)
			}
		})
	}
}

// TestDrillAbsent: who is not here, or not in the plan, or does not take the
// keyboard, is recorded as not proven, and stays as they were in the roster.
func TestDrillAbsent(t *testing.T) {
	s := reissued(t)
	was, _ := s.roster.ValidSet()
	q := s.request(ceremony.Drill)
	q.Custodians = five[:4] // of Erik the plan knows nothing
	m := s.open(ceremony.Drill, q)
	passed := 0
	m.on = func(p ceremony.Prompt) (ceremony.Input, bool) {
		switch {
		case p.Kind == ceremony.People:
			in := ceremony.Input{}
			for _, who := range p.People {
				in.Present = append(in.Present, who.Person.Name != five[3])
			}
			return in, true
		case at(p, "drill", ceremony.HandOver) && (p.By.Name == five[0] && passed == 0 || p.By.Name == five[1]):
			passed++
			return ceremony.Input{Choice: "other"}, true
		case at(p, "drill", ceremony.Choose) && strings.HasPrefix(p.Heading, five[0]):
			return ceremony.Input{Choice: "later"}, true
		case at(p, "drill", ceremony.Choose):
			return ceremony.Input{Choice: "not"}, true
		}
		return ceremony.Input{}, false
	}
	s.must(m)
	if got := m.why(); got != "Carol Chen share, Alice Adams share, Bob Baker not: not tried, Dora Dean not: absent, Erik Esser not: absent" {
		t.Errorf("the record: %s", got)
	}
	set, _ := s.roster.ValidSet()
	for _, i := range []int{1, 3, 4} {
		if set.Holdings[i] != was.Holdings[i] {
			t.Errorf("the roster: %v", set.Holdings[i])
		}
	}
	if o := m.run.Outcome(); !strings.Contains(o.Sentence, "2 of 5 shares are proven; not proven: Bob Baker, Dora Dean, Erik Esser.") {
		t.Error(o.Sentence)
	}
}

// TestDrillLeft: who leaves in their turn has not proven anything.
func TestDrillLeft(t *testing.T) {
	s := reissued(t)
	m := s.open(ceremony.Drill, s.request(ceremony.Drill))
	m.drive(func(p ceremony.Prompt) bool { return at(p, "drill", ceremony.AskShare) && p.By.Name == five[2] })
	job, err := m.run.Interrupt(ceremony.Leaves)
	if err != nil {
		t.Fatal(err)
	}
	m.do(job)
	m.on = func(p ceremony.Prompt) (ceremony.Input, bool) {
		switch {
		case p.Heading == "Who leaves?":
			i := slices.IndexFunc(p.Choices, func(c ceremony.Choice) bool { return c.Title == five[2] })
			return ceremony.Input{Choice: p.Choices[i].ID}, true
		case p.Field == "reason":
			return ceremony.Input{Text: "a train"}, true
		}
		return ceremony.Input{}, false
	}
	s.must(m)
	if got := m.why(); got != "Alice Adams share, Bob Baker share, Dora Dean share, Erik Esser share, Carol Chen not: absent" {
		t.Errorf("the record: %s", got)
	}
}

// TestDrillAlone: whoever has the keyboard, no share but theirs is in memory,
// and none once they have typed it.
func TestDrillAlone(t *testing.T) {
	s := reissued(t)
	m := s.open(ceremony.Drill, s.request(ceremony.Drill))
	var typed []secret.Bytes
	held, turns := 0, 0
	m.on = func(p ceremony.Prompt) (ceremony.Input, bool) {
		if p.StepID != "drill" {
			return ceremony.Input{}, false
		}
		for i, b := range typed {
			if b.Len() > 0 {
				t.Errorf("the share that was typed %d. is there at %q", i+1, p.Heading)
			}
		}
		switch p.Kind { //nolint:exhaustive // the two that the test is about
		case ceremony.HandOver:
			if turns++; turns == 1 {
				held = secret.Held()
			} else if now := secret.Held(); now != held {
				t.Errorf("%d cells of secrets are in use at the hand-over %d, and %d were at the first", now, turns, held)
			}
		case ceremony.AskShare:
			in := m.typed(s.held[p.By.Name])
			typed = append(typed, in.Secret)
			return in, true
		}
		return ceremony.Input{}, false
	}
	s.must(m)
	if turns != 6 || len(typed) != 5 {
		t.Errorf("%d hand-overs, %d shares", turns, len(typed))
	}
}

// TestDrillNothingToCompare: without a record, or with one of another state,
// there is no drill of the shares.
func TestDrillNothingToCompare(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*site)
		code   int
		says   string
	}{
		"no record":       {func(s *site) { s.roster = nil }, ceremony.CodeStopped, "there is nothing to compare with"},
		"no set":          {func(s *site) { s.roster = &custodian.Roster{} }, ceremony.CodeStopped, "there is nothing to compare with"},
		"no fingerprints": {func(s *site) { s.roster.Sets[len(s.roster.Sets)-1].Holdings[2].Fingerprint = "" }, ceremony.CodeStopped, "there is nothing to compare with"},
		"another set":     {func(s *site) { s.roster.Sets[len(s.roster.Sets)-1].Threshold = 2 }, ceremony.CodeChanged, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := reissued(t)
			c.change(s)
			m := s.open(ceremony.Drill, s.request(ceremony.Drill))
			m.on = func(p ceremony.Prompt) (ceremony.Input, bool) {
				return ceremony.Input{Choice: "stop"}, p.Kind == ceremony.Choose && p.Problem != nil
			}
			m.drive(nil)
			if o := m.run.Outcome(); o.Code == ceremony.CodeDone || c.code == ceremony.CodeChanged && o.Code != c.code {
				t.Errorf("%+v", o)
			}
			m.says(c.says)
			for _, p := range m.prompts {
				if p.Kind == ceremony.AskShare {
					t.Fatal("somebody was asked for a share")
				}
			}
		})
	}
}

// TestDrillCompared: where the plan asks for it the vault is opened, and its key
// is the record's.
func TestDrillCompared(t *testing.T) {
	s := reissued(t)
	q := s.request(ceremony.Drill)
	q.Drilling.CompareKey = true
	m := s.must(s.open(ceremony.Drill, q))
	if got := m.why(); got != allByShare || s.token.logins == 0 {
		t.Errorf("%s; %d logins", got, s.token.logins)
	}
	attested := m.find("attested")
	if i := slices.IndexFunc(attested[len(attested)-1].Facts.List("lines"), func(l string) bool { return l == "the recovery key that the HSM holds is that of the record" }); i < 0 {
		t.Errorf("%q", attested[len(attested)-1].Facts.List("lines"))
	}
}
