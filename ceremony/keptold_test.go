package ceremony_test

import (
	"slices"
	"strings"
	"testing"

	"conclave/ceremony"
)

// TestOldStateKept: the ceremony does not end with an old state that is kept for
// nobody knows what: why, where and until when are asked until they are said, and
// recorded. The next ceremony asks again, of this one too.
func TestOldStateKept(t *testing.T) {
	s := initialised(t)
	m := s.open(ceremony.Rekey, s.request(ceremony.Rekey))
	bad := [][]string{{"", "this disk, Olga", "2026-12-24"}, {"not run yet", " ", "2026-12-24"}, {"not run yet", "this disk, Olga", "2026-11-01"}, {"not run yet", "this disk, Olga", ""}, {"not run yet", strings.Repeat("0f", 33), "2026-12-24"}}
	var fields []string
	m.on = func(p ceremony.Prompt) (ceremony.Input, bool) {
		switch {
		case at(p, "rollback", ceremony.Choose):
			return ceremony.Input{Choice: "keep"}, true
		case at(p, "rollback", ceremony.Form):
			if p.Problem != nil {
				fields = append(fields, p.Problem.Field)
				if p.Problem.Field != "keeper" && p.Fields[1].Default != "this disk, Olga" {
					t.Errorf("what was good is lost: %+v", p.Fields)
				}
			}
			if len(m.find("rollback")) > 0 {
				t.Error("recorded before it was said why")
			}
			if len(bad) > 0 {
				in := ceremony.Input{Fields: bad[0], Source: "typed"}
				bad = bad[1:]
				return in, true
			}
		}
		return ceremony.Input{}, false
	}
	s.must(m)
	if want := []string{"why", "keeper", "till", "till", "keeper"}; !slices.Equal(fields, want) {
		t.Errorf("asked again at %q", fields)
	}
	f := m.find("rollback")[0].Facts
	if f.Text("choice") != "keep" || f.Text("reason") != "the server has not run yet" || f.Text("place") != "this disk, Olga" || f.Text("until") != "2026-12-24" || f.Text("path") == "" {
		t.Errorf("the record says %v", f)
	}

	m = s.open(ceremony.Rotate, s.request(ceremony.Rotate))
	asked := 0
	m.on = func(p ceremony.Prompt) (ceremony.Input, bool) {
		if at(p, "rollback", ceremony.Choose) {
			if asked++; asked == 2 {
				return ceremony.Input{Choice: "keep"}, true
			}
		}
		return ceremony.Input{}, false
	}
	s.must(m)
	var choices []string
	for _, ev := range m.find("rollback") {
		choices = append(choices, ev.Facts.Text("choice")+ev.Facts.Text("reason"))
	}
	if want := []string{"remove", "keepthe server has not run yet"}; !slices.Equal(choices, want) {
		t.Errorf("of both %q", choices)
	}
}
