package ceremony_test

import (
	"slices"
	"strings"
	"testing"

	"conclave/ceremony"
	"conclave/ceremony/plan"
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

// TestMachineOverrides: what a machine should not be in production is an
// override with a reason that somebody types, before the plan is read aloud;
// where the plan accepted it, with the plan's.
func TestMachineOverrides(t *testing.T) {
	s := production(t)
	q := s.request(ceremony.Rotate)
	q.Overrides = []plan.Override{
		{ID: plan.OverSSH, Sentence: "It comes over the network."},
		{ID: plan.SwapOn, Sentence: "Swap is on."},
		{ID: plan.InMultiplexer, Sentence: "It runs in tmux.", Why: "the console is broken"},
	}
	m := s.open(ceremony.Rotate, q)
	m.drive(func(p ceremony.Prompt) bool { return at(p, "machine", ceremony.Ask) || p.StepID == "room" })
	p := m.run.Prompt()
	text := strings.Join(p.Text, " ")
	if p.StepID != "machine" || p.Default != "" || !strings.Contains(text, "over the network. Swap is on.") || strings.Contains(text, "tmux") {
		t.Fatalf("the page of the reason is %+v", p)
	}
	m.answer(ceremony.Input{})
	m.answer(ceremony.Input{Text: strings.Repeat("0f", 33)})
	if n := len(m.find("override")); n != 1 { // the plan's
		t.Fatalf("%d overrides are recorded without a reason", n)
	}
	m.answer(ceremony.Input{Text: " the HSM is  in Bern "})
	if m.run.Prompt().StepID != "room" {
		t.Errorf("at %+v", m.run.Prompt())
	}
	s.must(m)
	got := map[string]string{}
	for _, o := range m.find("override") {
		got[o.Facts.Text("id")] = o.Facts.Text("who") + ": " + o.Facts.Text("why")
	}
	for id, want := range map[string]string{plan.OverSSH: "Olga Example: the HSM is in Bern", plan.SwapOn: "Olga Example: the HSM is in Bern", plan.InMultiplexer: ": the console is broken"} {
		if got[id] != want {
			t.Errorf("%s is %q", id, got[id])
		}
	}
	if all := strings.Join(m.find("closed")[0].Facts.List("overrides"), " "); !strings.Contains(all, plan.OverSSH) || !strings.Contains(all, plan.SwapOn) {
		t.Errorf("the last event lists %s", all)
	}
	if n := strings.Count(m.seen.String(), "Swap is on."); n < 3 {
		t.Errorf("what all sign does not name it: %d", n)
	}
}
