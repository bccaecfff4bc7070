package ceremony_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"conclave/ceremony"
	"conclave/ceremony/plan"
)

func (m *room) interrupt(i ceremony.Interlude) {
	m.s.t.Helper()
	job, err := m.run.Interrupt(i)
	if err != nil {
		m.s.t.Fatalf("%s at %s: %v", i, m.run.Prompt().StepID, err)
	}
	m.do(job)
}

// form finds a form by one of its fields.
func form(p ceremony.Prompt, id string) bool {
	return p.Kind == ceremony.Form && slices.ContainsFunc(p.Fields, func(f ceremony.Field) bool { return f.ID == id })
}

func present(p ceremony.Prompt, without ...string) ceremony.Input {
	var here []bool
	for _, who := range p.People {
		here = append(here, !slices.Contains(without, who.Person.Name))
	}
	return ceremony.Input{Present: here}
}

// goes has somebody leave at the present page.
func (m *room) goes(name string) {
	m.s.t.Helper()
	m.interrupt(ceremony.Leaves)
	for _, c := range m.run.Prompt().Choices {
		if c.Title == name {
			m.answer(ceremony.Input{Choice: c.ID})
			m.answer(ceremony.Input{Text: "a train"})
			return
		}
	}
	m.s.t.Fatalf("%s is not offered: %+v", name, m.run.Prompt().Choices)
}

// TestLeaves: whoever is needed for the rest cannot leave without the ceremony
// standing still; everybody else can.
func TestLeaves(t *testing.T) {
	all := func(p ceremony.Prompt) bool { return len(p.Asides) > 0 }
	for name, c := range map[string]struct {
		c     ceremony.Ceremony
		at    func(ceremony.Prompt) bool
		who   string
		lacks string
	}{
		"a custodian before the share":  {ceremony.Rotate, func(p ceremony.Prompt) bool { return p.StepID == "plan" }, five[1], "2 custodians are here"},
		"at the keyboard":               {ceremony.Rotate, func(p ceremony.Prompt) bool { return at(p, "shares", ceremony.AskShare) }, five[0], "2 custodians are here"},
		"a custodian after the share":   {ceremony.Rotate, func(p ceremony.Prompt) bool { return at(p, "shares", ceremony.HandOver) && p.By.Name == five[2] }, five[0], ""},
		"a custodian who is to prove":   {ceremony.RecoveryRekey, func(p ceremony.Prompt) bool { return at(p, "prove", ceremony.HandOver) }, five[4], "Erik Esser (custodian) is needed"},
		"a custodian who has proven":    {ceremony.RecoveryRekey, func(p ceremony.Prompt) bool { return at(p, "prove", ceremony.HandOver) && p.By.Name == five[3] }, five[1], ""},
		"one who must still answer":     {ceremony.RecoveryRekey, func(p ceremony.Prompt) bool { return at(p, "prove", ceremony.Choose) && p.By.Name == five[1] }, five[1], "Bob Baker (custodian) is needed"},
		"the witness":                   {ceremony.Rotate, func(p ceremony.Prompt) bool { return p.StepID == "go" && all(p) }, "Wim Waters", "Wim Waters (witness) is needed"},
		"the witness at the sign-off":   {ceremony.Rotate, func(p ceremony.Prompt) bool { return p.StepID == "sign-off" && all(p) }, "Wim Waters", ""},
		"the operator":                  {ceremony.Rotate, func(p ceremony.Prompt) bool { return p.StepID == "sign-off" && all(p) }, "Olga Example", "Olga Example (operator) is needed"},
		"a custodian after the change":  {ceremony.Rotate, func(p ceremony.Prompt) bool { return p.StepID == "checks" && all(p) }, five[2], ""},
		"who is needed for the minimum": {ceremony.Rotate, func(p ceremony.Prompt) bool { return p.StepID == "go" && all(p) }, five[2], "4 people are here; the plan needs 5."},
	} {
		for i, way := range []string{"break", "back", "stop"} {
			if i > 0 && !strings.HasSuffix(name, "before the share") && !strings.HasSuffix(name, "still answer") {
				break // the ways are the same for all
			}
			s := initialised(t)
			q := s.request(c.c)
			if name == "who is needed for the minimum" {
				q.Attendance = plan.Number{Value: 5, Given: true}
			}
			m := s.open(c.c, q)
			m.on = rests
			m.drive(c.at)
			m.goes(c.who)
			if stuck := isFailure(m.run.Prompt()); stuck != (c.lacks != "") || stuck && !strings.Contains(m.run.Prompt().Heading, c.lacks) {
				t.Fatalf("%s: %+v", name, m.run.Prompt())
			}
			if c.lacks != "" {
				m.answer(ceremony.Input{Choice: way})
			}
			if way == "stop" && c.lacks != "" {
				m.expect(ceremony.CodeStopped)
				continue
			}
			m.drive(nil)
			m.expect(ceremony.CodeDone)
			if l := m.find("left"); len(l) != 1 || l[0].Facts.Text("name") != c.who || l[0].Facts.Text("reason") != "a train" {
				t.Errorf("%s: left: %v", name, l)
			}
			if got := strings.Contains(m.find("closed")[0].Facts.Text("signoff"), c.who+" has left before the sign-off."); got != (c.lacks == "") {
				t.Errorf("%s, %s: the sign-off is %q", name, way, m.find("closed")[0].Facts.Text("signoff"))
			}
			if n := len(m.find("break")); (n == 1) != (way == "break" && c.lacks != "") {
				t.Errorf("%s, %s: %d breaks", name, way, n)
			}
			if c.lacks == "" {
				break // there is one way only
			}
		}
	}
}

// TestArrives: somebody of the plan and somebody else come; the agreed plan
// stays what it was, and both sign off.
func TestArrives(t *testing.T) {
	s := initialised(t)
	q := s.request(ceremony.Rotate)
	q.Auditors = []string{"Ada Audit"}
	m := s.open(ceremony.Rotate, q)
	m.on = once(func(p ceremony.Prompt) bool { return p.Kind == ceremony.People }, func(p ceremony.Prompt) ceremony.Input { return present(p, "Ada Audit") })
	m.drive(func(p ceremony.Prompt) bool { return at(p, "shares", ceremony.HandOver) })
	m.interrupt(ceremony.Arrives)
	if c := m.run.Prompt().Choices; c[0].Title != "Ada Audit" || len(c) != 5 {
		t.Fatalf("offered: %+v", c)
	}
	m.answer(ceremony.Input{Choice: m.run.Prompt().Choices[0].ID})
	m.answer(filled(m.run.Prompt(), map[string]string{"checked by": "Wim Waters"}))
	m.interrupt(ceremony.Arrives)
	m.answer(ceremony.Input{Choice: "witness"})
	for _, bad := range []string{"", "wim waters", string(s.scheme().Groups(s.wrong(9)).Expose())} {
		m.answer(filled(m.run.Prompt(), map[string]string{"name": bad}))
		if p := m.run.Prompt(); p.Problem == nil || !form(p, "name") {
			t.Fatalf("%q is taken: %+v", bad, p)
		}
	}
	m.answer(filled(m.run.Prompt(), map[string]string{"name": "Xenia  Late", "organisation": "Audit Ltd"}))
	m.drive(nil)
	m.expect(ceremony.CodeDone)
	came := m.find("arrived")
	if len(came) != 2 || !came[0].Facts.Flag("planned") || came[1].Facts.Flag("planned") || came[1].Facts.Text("name") != "Xenia Late" || came[1].Facts.Text("organisation") != "Audit Ltd" {
		t.Errorf("arrived: %v", came)
	}
	if k := m.find("identity"); len(k) != 3 || k[1].Facts.Text("checked_by") != "Wim Waters" || k[2].Facts.Text("checked_by") != "not stated" {
		t.Errorf("identified: %v", k)
	}
	if got := m.find("closed")[0].Facts.Text("signoff"); got != "complete: 7 of 7 agree." {
		t.Errorf("the sign-off is %q", got)
	}
}

// TestInterludeLeft: whoever looks and goes back leaves nothing in the record.
func TestInterludeLeft(t *testing.T) {
	s := initialised(t)
	m := s.open(ceremony.Rotate, s.request(ceremony.Rotate))
	for _, i := range []ceremony.Interlude{ceremony.Break, ceremony.Leaves, ceremony.Arrives} {
		m.drive(func(p ceremony.Prompt) bool {
			return p.StepID == "plan" && i == ceremony.Break || at(p, "shares", ceremony.AskShare) // a custodian has the keyboard there
		})
		before, heading := m.journal.n, m.run.Prompt().Heading
		m.interrupt(i)
		in := ceremony.Input{Choice: "nobody"}
		if i == ceremony.Break {
			in = filled(m.run.Prompt(), nil)
		}
		m.answer(in)
		if m.run.Prompt().Heading != heading || m.journal.n != before {
			t.Errorf("%s: %d events, then %+v", i, m.journal.n-before, m.run.Prompt())
		}
	}
	m.abort()
}

// TestInterludeKeeps: a page that no step would draw again comes back.
func TestInterludeKeeps(t *testing.T) {
	s := initialised(t)
	m := s.open(ceremony.Rotate, s.request(ceremony.Rotate))
	m.on = rests
	s.token.err["SelfTest"] = errDisk
	m.drive(isFailure)
	m.interrupt(ceremony.Break)
	m.drive(isRest)
	m.drive(func(p ceremony.Prompt) bool { return len(p.Asides) > 0 })
	if p := m.run.Prompt(); !isFailure(p) || p.Choices[0].ID != "again" {
		t.Fatalf("after the break: %+v", p)
	}
	s.must(m)
}

// TestIdentity: one name for all, another for some; nobody checks themselves,
// and no number comes to the record.
func TestIdentity(t *testing.T) {
	s := initialised(t)
	m := s.open(ceremony.Rotate, s.request(ceremony.Rotate))
	for _, c := range []struct {
		lines map[string]string
		says  string
	}{
		{map[string]string{"checked by": "passport L01X00T47"}, "There is a number in this."},
		{map[string]string{"checked by": "Wim", "others": "Zoe", "others by": "Olga"}, "Zoe names nobody who is listed"},
		{map[string]string{"checked by": "Wim", "others": "Bob"}, "belong together"},
	} {
		m.drive(func(p ceremony.Prompt) bool { return form(p, "checked by") })
		m.answer(filled(m.run.Prompt(), c.lines))
		m.says(c.says)
	}
	if strings.Contains(m.journal.paper.String()+m.seen.String(), "L01X00T47") {
		t.Error("the number of a document was kept")
	}
	m.answer(filled(m.run.Prompt(), map[string]string{"checked by": "Wim Waters", "others": "olga, Bob Baker", "others by": "Olga Example"}))
	got := fmt.Sprint(m.find("identity")[0].Facts, m.find("identity")[1].Facts, m.find("identity")[2].Facts)
	want := "map[checked_by:not stated names:[Olga Example Wim Waters]] map[checked_by:Wim Waters names:[Alice Adams Carol Chen]] map[checked_by:Olga Example names:[Bob Baker]]"
	if got != want {
		t.Errorf("identified: %s", got)
	}
	m.abort()
}

// TestLoggedOut: the login ends before the sign-off, by an event, and whatever
// would need the HSM needs a login; who stops is logged out as well.
func TestLoggedOut(t *testing.T) {
	s := initialised(t)
	m := s.open(ceremony.Rotate, s.request(ceremony.Rotate))
	m.drive(func(p ceremony.Prompt) bool { return at(p, "sign-off", ceremony.Choose) })
	if out := m.find("logged-out"); len(out) != 1 || out[0].Facts.Text("why") != "end" || out[0].Facts.Text("result") != "done" {
		t.Errorf("the record says %v", out)
	}
	if _, _, err := m.local.Open(t.Context(), false, nil); err == nil {
		t.Error("the vault opens without a login")
	}
	m.drive(nil)
	m.expect(ceremony.CodeDone)
	if s.token.logins != 1 {
		t.Errorf("%d logins", s.token.logins)
	}
	m = s.open(ceremony.Rotate, s.request(ceremony.Rotate))
	m.drive(func(p ceremony.Prompt) bool { return at(p, "shares", ceremony.HandOver) })
	m.abort()
	m.expect(ceremony.CodeStopped)
	if out := m.find("logged-out"); len(out) != 1 || out[0].Facts.Text("why") != "stop" {
		t.Errorf("the record says %v", out)
	}
	// A token that does not confirm it keeps nobody from closing.
	m = s.open(ceremony.Rotate, s.request(ceremony.Rotate))
	m.drive(func(p ceremony.Prompt) bool { return p.StepID == "checks" })
	s.token.err["Logout"] = errDisk
	s.must(m)
	if out := m.find("logged-out"); len(out) != 1 || out[0].Facts.Text("result") != "not confirmed by the token" {
		t.Errorf("the record says %v", out)
	}
}
