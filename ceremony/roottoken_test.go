package ceremony_test

import (
	"slices"
	"strings"
	"testing"

	"conclave/ceremony"
	"conclave/ceremony/custodian"
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
