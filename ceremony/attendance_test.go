package ceremony_test

import (
	"slices"
	"strings"
	"testing"

	"conclave/ceremony"
	"conclave/ceremony/plan"
)

// TestAttendance: with fewer people than the plan needs, or without a PIN
// holder, nothing begins; an auditor may be away.
func TestAttendance(t *testing.T) {
	s := initialised(t)
	q := s.request(ceremony.Rotate)
	q.PINHolders, q.Auditors = []string{"Paul Pin", "Quinn Pin"}, []string{"Ada Audit", "Ben Audit"}
	q.Attendance = plan.Number{Value: 8, Given: true} // of nine
	m := s.open(ceremony.Rotate, q)
	without := func(names ...string) func(ceremony.Prompt) ceremony.Input {
		return func(p ceremony.Prompt) ceremony.Input {
			var here []bool
			for _, who := range p.People {
				here = append(here, !slices.Contains(names, who.Person.Name))
			}
			return ceremony.Input{Present: here}
		}
	}
	answers := []func(ceremony.Prompt) ceremony.Input{without("Ada Audit", "Ben Audit"), without("Quinn Pin"), without("Ben Audit")}
	m.on = func(p ceremony.Prompt) (ceremony.Input, bool) {
		if p.Kind != ceremony.People || len(answers) == 0 {
			return ceremony.Input{}, false
		}
		a := answers[0]
		answers = answers[1:]
		return a(p), true
	}
	m.drive(func(p ceremony.Prompt) bool { return len(answers) == 0 && p.Kind != ceremony.People })
	m.says("7 people are here; the plan needs 8.")
	m.says("Quinn Pin (pin holder) is needed, and is not here.")
	if n := len(m.find("person")); n != 9 {
		t.Errorf("%d people are in the record, want 9", n)
	}
}

// TestOneOrganisationHere: who is really here may be able to act alone although
// the plan's people are not.
func TestOneOrganisationHere(t *testing.T) {
	s := initialised(t)
	q := s.request(ceremony.Rotate)
	q.Custodians = five
	q.Organisations = map[string]string{five[0]: "IT", five[1]: "it", five[2]: "IT"}
	m := s.open(ceremony.Rotate, q)
	m.drive(func(p ceremony.Prompt) bool { return len(m.find("person")) > 0 })
	all := m.find("override")
	if len(all) != 1 || all[0].Facts.Text("id") != "one-organisation" || !strings.Contains(all[0].Facts.Text("sentence"), "3 of the custodians who are here are of IT") {
		t.Errorf("overrides %+v", all)
	}
}

// TestWitnesses: one witness is enough to begin, and the record says that the
// other is not here; without any nothing begins.
func TestWitnesses(t *testing.T) {
	for _, c := range []struct {
		name   string
		absent []string
		want   string // overrides; "!" if nothing begins
	}{
		{"both", nil, ""},
		{"the independent one", []string{"Wim Waters"}, "one-witness"},
		{"the operator's", []string{"Vera Vance"}, "one-witness near-witness"},
		{"nobody", []string{"Wim Waters", "Vera Vance"}, "!"},
	} {
		s := initialised(t)
		q := s.request(ceremony.Rotate)
		q.Witnesses = []string{"Vera Vance"}
		q.Organisations = map[string]string{"Olga Example": "IT", "Wim Waters": "it", "Vera Vance": "Audit Ltd"}
		m := s.open(ceremony.Rotate, q)
		m.on = func(p ceremony.Prompt) (ceremony.Input, bool) {
			if p.Kind != ceremony.People || p.Problem != nil {
				return ceremony.Input{}, false
			}
			var here []bool
			for _, who := range p.People {
				here = append(here, !slices.Contains(c.absent, who.Person.Name))
			}
			return ceremony.Input{Present: here}, true
		}
		m.drive(func(p ceremony.Prompt) bool { return p.Problem != nil || len(m.find("person")) > 0 })
		var got []string
		for _, e := range m.find("override") {
			got = append(got, e.Facts.Text("id"))
		}
		if m.run.Prompt().Problem != nil {
			got = []string{"!"}
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s: %q, want %q", c.name, s, c.want)
		}
		if c.want == "" { // both sign
			s.must(m)
			signed := map[string]bool{}
			for _, e := range m.find("signoff") {
				signed[e.Claimed] = e.Facts.Flag("agrees")
			}
			if !signed["Wim Waters"] || !signed["Vera Vance"] {
				t.Errorf("signed off: %v", signed)
			}
		}
	}
}

// TestSecondWitnessAsked: whoever names the first witness on the day is asked for
// a second, and may say which organisation they are of.
func TestSecondWitnessAsked(t *testing.T) {
	for _, c := range []struct {
		name, answer string
		want         []string
	}{
		{"another", "Vera Vance, of Audit Ltd", []string{"Wim Waters", "Vera Vance of Audit Ltd"}},
		{"nobody", "", []string{"Wim Waters"}},
		{"the same", "wim  WATERS", nil},
	} {
		s := initialised(t)
		q := s.request(ceremony.Rotate)
		q.Witness = ""
		m := s.open(ceremony.Rotate, q)
		m.on = func(p ceremony.Prompt) (ceremony.Input, bool) {
			switch {
			case p.Kind != ceremony.Ask:
				return ceremony.Input{}, false
			case p.Field == "witness":
				return ceremony.Input{Text: "Wim Waters"}, true
			}
			return ceremony.Input{Text: c.answer}, true
		}
		m.drive(func(p ceremony.Prompt) bool { return p.Problem != nil || len(m.find("person")) > 0 })
		if c.want == nil {
			m.says("is already here as witness")
			continue
		}
		var got []string
		for _, e := range m.find("person") {
			if e.Facts.Text("role") == "witness" {
				name := e.Facts.Text("name")
				if of := e.Facts.Text("organisation"); of != "" {
					name += " of " + of
				}
				got = append(got, name)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		s.must(m)
	}
}

// TestTwoRoles: somebody who is operator and custodian sits in both places, and
// so does a PIN holder who is custodian.
func TestTwoRoles(t *testing.T) {
	s := newSite(t)
	q := s.request(ceremony.Init)
	q.Custodians = slices.Clone(five)
	q.Custodians[2] = q.Operator
	m := s.open(ceremony.Init, q)
	s.must(m)
	if n := len(m.find("proven")); n != 5 {
		t.Errorf("%d of 5 shares are proven", n)
	}
}
