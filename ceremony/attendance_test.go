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
	m.says("Quinn Pin (pin holder) is not marked as here.")
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
