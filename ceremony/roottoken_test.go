package ceremony_test

import (
	"slices"
	"strings"
	"testing"

	"conclave/ceremony"
	"conclave/ceremony/custodian"
	"conclave/ceremony/plan"
	"conclave/ceremony/transcript"
)

// TestTokenReceiver: the token is shown to whom the plan names, who has the
// keyboard for it, and not without them. For what and until when is on the page
// on which it is made valid, in the record, in the roster, and an open item.
func TestTokenReceiver(t *testing.T) {
	s := initialised(t)
	q := s.request(ceremony.GenerateRoot)
	q.RootTokenReceiver, q.RootTokenUntil = five[2], "2099-12-01"
	m := s.open(ceremony.GenerateRoot, q)
	m.drive(func(p ceremony.Prompt) bool { return p.Kind == ceremony.Show })
	p := m.run.Prompt()
	if p.By.Name != five[2] {
		t.Errorf("it is shown to %s", p.By.Name)
	}
	s.must(m)
	var facts []ceremony.Fact
	for _, p := range m.prompts {
		if at(p, "go", ceremony.Confirm) {
			facts = p.Facts
		}
	}
	for _, want := range []ceremony.Fact{{Label: "received by", Value: five[2]}, {Label: "made for", Value: "a test"}, {Label: "revoked by", Value: "2099-12-01"}} {
		if !slices.Contains(facts, want) {
			t.Errorf("the page has %v, not %v", facts, want)
		}
	}
	events := m.find("token")
	if len(events) != 1 || events[0].Facts.Text("receiver") != five[2] || events[0].Facts.Text("purpose") != "a test" || events[0].Facts.Text("until") != "2099-12-01" {
		t.Fatalf("the record: %v", events)
	}
	accessor := events[0].Facts.Text("accessor")
	if !slices.ContainsFunc(facts, func(f ceremony.Fact) bool { return f.Value == accessor }) {
		t.Errorf("no accessor on the page: %v", facts)
	}
	if shown := m.find("shown"); len(shown) != 1 || shown[0].Claimed != five[2] || shown[0].Facts.Text("to") != five[2] {
		t.Errorf("shown: %v", shown)
	}
	last := s.roster.Tokens[len(s.roster.Tokens)-1]
	if last != (custodian.Token{Accessor: accessor, Ceremony: m.env.Plan.ID, Receiver: five[2], Fate: "use", Purpose: "a test", Until: "2099-12-01"}) {
		t.Errorf("the roster: %+v", last)
	}
}

// TestTokenReceiverAbsent: who is to be shown the token is needed.
func TestTokenReceiverAbsent(t *testing.T) {
	s := initialised(t)
	q := s.request(ceremony.GenerateRoot)
	q.Custodians = five
	q.RootTokenReceiver = five[4]
	m := s.open(ceremony.GenerateRoot, q)
	m.drive(func(p ceremony.Prompt) bool { return p.Kind == ceremony.People })
	var in ceremony.Input
	for _, a := range m.run.Prompt().People {
		in.Present = append(in.Present, a.Person.Name != five[4])
	}
	m.answer(in)
	if p := m.run.Prompt(); p.Kind != ceremony.People || p.Problem == nil || !strings.Contains(p.Problem.Happened, five[4]) {
		t.Errorf("%+v", p)
	}
}

// TestTokenTerms: outside of a rehearsal no root token goes out before it was said
// what for, and by when it is revoked. What the plan says is offered, and where it
// says both nobody is asked.
func TestTokenTerms(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*plan.Request)
		asked  []string // what is offered
		terms  string
	}{
		"nothing":     {func(*plan.Request) {}, []string{"", "2026-12-02"}, "to move a mount, 2026-12-24"},
		"the purpose": {func(q *plan.Request) { q.Purpose = "to test" }, []string{"to test", "2026-12-02"}, "to move a mount, 2026-12-24"},
		"all of it":   {func(q *plan.Request) { q.Purpose, q.RootTokenUntil = "to test", "2026-12-30" }, nil, "to test, 2026-12-30"},
	} {
		t.Run(name, func(t *testing.T) {
			s := production(t)
			q := s.request(ceremony.GenerateRoot)
			q.Purpose = ""
			c.change(&q)
			m := s.open(ceremony.GenerateRoot, q)
			var asked []string
			bad := [][]string{{"", "2026-12-24"}, {"to move a mount", "soon"}, {"to move a mount", "2026-11-01"}, {"to move a mount", ""}}
			m.on = func(p ceremony.Prompt) (ceremony.Input, bool) {
				if !at(p, "token", ceremony.Form) {
					return ceremony.Input{}, false
				}
				if asked == nil {
					asked = []string{p.Fields[0].Default, p.Fields[1].Default}
				}
				if p.Problem != nil && p.Problem.Field == "spent" && p.Fields[0].Default != "to move a mount" {
					t.Errorf("what was good is lost: %+v", p.Fields)
				}
				if len(m.find("token"))+len(m.find("shown")) > 0 {
					t.Error("the token is out already")
				}
				if len(bad) == 0 {
					return ceremony.Input{}, false
				}
				typed := bad[0]
				bad = bad[1:]
				return ceremony.Input{Fields: typed, Source: "typed"}, true
			}
			s.must(m)
			if !slices.Equal(asked, c.asked) || asked != nil && len(bad) > 0 {
				t.Errorf("offered %q, %d bad ones were not asked again", asked, len(bad))
			}
			f := m.find("token")[0].Facts
			if got := f.Text("purpose") + ", " + f.Text("until"); got != c.terms {
				t.Errorf("the record says %s", got)
			}
		})
	}
}

// TestTokenKey: the key that the root token is encrypted to is compared with its
// receiver's own card and challenged; of a receiver who is not here the witness
// alone holds it against the plan.
func TestTokenKey(t *testing.T) {
	for name, c := range map[string]struct {
		holder, receiver string
		card, challenge  string // whose
	}{
		"the operator's":    {"Olga Example", "", "Olga Example", "Olga Example"},
		"a custodian's":     {five[1], five[1], five[1], five[1]},
		"of one not here":   {"Rita Root", "Rita Root", "", ""},
		"exchanged (found)": {"Rita Root", five[1], "STOPPED", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := initialised(t)
			q := s.request(ceremony.GenerateRoot)
			f := s.keyFor(c.holder)
			if c.receiver == five[1] && c.holder != five[1] {
				s.keyFor(five[1]) // what is on his card
			}
			q.RootTokenKey, q.RootTokenReceiver = &f, c.receiver
			m := s.open(ceremony.GenerateRoot, q)
			if c.card == "STOPPED" {
				m.drive(func(p ceremony.Prompt) bool { return at(p, "keys", ceremony.Choose) })
				if p := m.run.Prompt(); p.Problem == nil || p.Problem.Badge != "STOPPED" || len(m.find("token")) > 0 {
					t.Errorf("%+v", p)
				}
				return
			}
			s.must(m)
			var card, challenge string
			for _, ev := range m.find("pgp-key") {
				card += ev.Claimed
			}
			for _, ev := range m.find("challenge") {
				challenge += ev.Facts.Text("name")
			}
			if card != c.card || challenge != c.challenge {
				t.Errorf("cards of %q, challenges to %q", card, challenge)
			}
			witnessed := slices.ContainsFunc(m.find("attested"), func(ev transcript.Event) bool {
				return ev.Facts.Text("what") == "the keys are those of the printed plan" && ev.Claimed == "Wim Waters"
			})
			if !witnessed {
				t.Error("the witness did not hold it against the plan")
			}
		})
	}
}

// TestTokenUnseen: a root token is shown after the witness and whoever receives it
// said, each on a page of their own, that nobody else sees the screen; without a
// witness the receiver says it.
func TestTokenUnseen(t *testing.T) {
	for _, c := range []struct {
		receiver, want string
		alone          bool
	}{
		{"", "hand-over Wim Waters, so Wim Waters, hand-over Olga Example, so Olga Example, showing Olga Example, shown Olga Example", false},
		{five[1], "hand-over Wim Waters, so Wim Waters, hand-over Bob Baker, so Bob Baker, showing Bob Baker, shown Bob Baker, hand-over Olga Example", false},
		{"", "so Olga Example, showing Olga Example, shown Olga Example", true},
	} {
		s := initialised(t)
		q := s.request(ceremony.GenerateRoot)
		q.RootTokenReceiver = c.receiver
		if c.alone {
			q.Witness, q.NoWitness = "", true
		}
		m := s.openWith(ceremony.GenerateRoot, q, func(e *ceremony.Env) {
			e.Displays = func() []string { return []string{"A second screen is connected: HDMI-A-1."} }
		})
		m.on = once(func(p ceremony.Prompt) bool {
			return at(p, "token", ceremony.Choose) && strings.Contains(p.Heading, "is all of this so?")
		}, func(p ceremony.Prompt) ceremony.Input {
			if len(p.Lines) != 1 || !strings.Contains(p.Lines[0].Text, "HDMI-A-1") {
				t.Errorf("the page says %+v", p.Lines)
			}
			return ceremony.Input{Choice: "no"}
		})
		s.must(m)
		m.says("The root token is not shown yet.")
		var order []string
		for _, e := range events(m) {
			switch {
			case e.Step != "token":
			case e.Kind == "showing" || e.Kind == "shown" || e.Kind == "hand-over":
				order = append(order, e.Kind+" "+e.Facts.Text("to"))
			case e.Kind == "attested":
				order = append(order, "so "+e.Claimed)
			}
		}
		if got := strings.Join(order, ", "); got != c.want {
			t.Errorf("the order is %s", got)
		}
	}
}
