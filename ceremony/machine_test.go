package ceremony_test

import (
	"slices"
	"testing"

	"conclave/ceremony"
)

// TestCircumstances: what the machine is used in is on its page, in one event, and
// what is unusual among it marked.
func TestCircumstances(t *testing.T) {
	s := initialised(t)
	m := s.openWith(ceremony.Rotate, s.request(ceremony.Rotate), func(e *ceremony.Env) {
		e.Machine.Circumstances = []ceremony.Circumstance{{What: "swap", Text: "it is off"}, {What: "network", Text: "eth0 is up", Unusual: true}, {What: "users", Text: "nobody else"}}
	})
	m.drive(func(p ceremony.Prompt) bool { return p.StepID == "machine" })
	page := m.run.Prompt()
	var warned, good []string
	for _, l := range page.Lines {
		if l.Mark == ceremony.Warn {
			warned = append(warned, l.Text)
		} else {
			good = append(good, l.Text)
		}
	}
	if !slices.Equal(warned, []string{"network: eth0 is up"}) || !slices.Contains(good, "swap: it is off; users: nobody else") {
		t.Errorf("the page says %q, and warns %q", good, warned)
	}
	s.must(m)
	list := m.find("machine")
	if len(list) != 1 || !slices.Equal(list[0].Facts.List("circumstances"), []string{"swap: it is off", "users: nobody else"}) ||
		!slices.Equal(list[0].Facts.List("unusual"), []string{"network: eth0 is up"}) {
		t.Errorf("the record has %+v", list)
	}
}
