package ceremony_test

import (
	"slices"
	"strings"
	"testing"

	"conclave/ceremony"
	"conclave/ceremony/transcript"
	"conclave/hsm/secret"
)

const (
	partOne = "PIN-canary"
	partTwo = "-7351"
)

var holders = []string{"Pat Pine", "Quinn Quick"}

// withParts is an init whose PIN two people type a part of each.
func withParts(s *site) *room {
	q := s.request(ceremony.Init)
	q.PINHolders = holders
	m := s.open(ceremony.Init, q)
	m.on = typesParts
	s.secrets = append(s.secrets, secret.Take([]byte(partOne)))
	return m
}

func typesParts(p ceremony.Prompt) (ceremony.Input, bool) {
	part := map[string]string{holders[0]: partOne, holders[1]: partTwo}[p.By.Name]
	if !isPIN(p) || part == "" {
		return ceremony.Input{}, false
	}
	return ceremony.Input{Secret: secret.Take([]byte(part)), Source: "typed"}, true
}

// TestPINParts: two people type a part each after a hand-over, one login is
// made of both, and the operator gets the keyboard back from the second.
func TestPINParts(t *testing.T) {
	s := newSite(t)
	m := withParts(s)
	s.must(m)
	var went []string
	for _, e := range m.find("hand-over") {
		went = append(went, e.Facts.Text("from")+" to "+e.Facts.Text("to"))
	}
	want := []string{"Olga Example to Pat Pine", "Pat Pine to Quinn Quick", "Quinn Quick to Olga Example"}
	if !slices.Equal(went[:3], want) {
		t.Errorf("the keyboard went %q", went)
	}
	if s.token.logins != 1 {
		t.Errorf("%d tries of one PIN", s.token.logins)
	}
	last := answers(m, "PIN")
	if len(last) != 1 || last[0].Facts.Text("source") != "typed in two parts" || !slices.Equal(last[0].Facts.List("names"), holders) || last[0].Claimed != "" {
		t.Errorf("the record says %+v", last)
	}
	if got := m.find("equipment")[0].Facts.Text("login"); got != "typed in two parts" {
		t.Errorf("the equipment says %q", got)
	}
}

// TestPINPartsWrong asks both anew, says how the counter stands, and keeps
// neither part.
func TestPINPartsWrong(t *testing.T) {
	s := newSite(t)
	m := withParts(s)
	wrong := true
	m.on = func(p ceremony.Prompt) (ceremony.Input, bool) {
		if isPIN(p) && p.By.Name == holders[1] && wrong {
			wrong = false
			return wrongPIN(p), true
		}
		return typesParts(p)
	}
	s.must(m)
	m.says("A wrong PIN was entered since the last right one.")
	var typed []string
	for _, e := range slices.Concat(answers(m, "part 1 of the PIN"), answers(m, "part 2 of the PIN")) {
		typed = append(typed, e.Claimed)
	}
	if want := []string{holders[0], holders[0], holders[1], holders[1]}; !slices.Equal(typed, want) {
		t.Errorf("typed by %q", typed)
	}
	if s.token.logins != 2 {
		t.Errorf("%d tries", s.token.logins)
	}
}

// TestPINPartsLost: a login that was lost is made anew by both, each after a
// hand-over.
func TestPINPartsLost(t *testing.T) {
	s := newSite(t)
	m := withParts(s)
	m.drive(func(p ceremony.Prompt) bool { return at(p, "issue", ceremony.Work) })
	s.token.loggedIn = false
	s.must(m)
	n := 0
	for _, e := range m.find("hand-over") {
		if slices.Contains(holders, e.Facts.Text("to")) && e.Step == "issue" {
			n++
		}
	}
	if n != 2 || len(answers(m, "PIN")) != 2 {
		t.Errorf("%d hand-overs to the holders, %v", n, answers(m, "PIN"))
	}
}

// TestPINPartsInText: neither the PIN nor a part of it gets into a public text.
func TestPINPartsInText(t *testing.T) {
	s := newSite(t)
	m := withParts(s)
	m.drive(func(p ceremony.Prompt) bool { return at(p, "issue", ceremony.Show) })
	for _, text := range []string{partOne, "it was " + partTwo + ", twice", partOne + partTwo} {
		m.note(ceremony.Deviation{Happened: text, Decided: "go on", By: "Olga", Effect: ceremony.GoOn})
		if m.run.Refused() == nil {
			t.Errorf("%q was taken", strings.Repeat("*", len(text)))
		}
	}
	m.abort()
	m.expect(ceremony.CodeStopped)
}

func TestOnePINHolder(t *testing.T) {
	s := newSite(t)
	q := s.request(ceremony.Init)
	q.PINHolders = holders[:1]
	if _, err := q.Resolve(morning); err == nil || !strings.Contains(err.Error(), "two parts") {
		t.Errorf("one holder: %v", err)
	}
	q.PINHolders = []string{holders[0], "wim waters"}
	if _, err := q.Resolve(morning); err == nil {
		t.Error("the witness is a PIN holder")
	}
}

// answers are those to a field.
func answers(m *room, field string) []transcript.Event {
	return slices.DeleteFunc(m.find("answer"), func(e transcript.Event) bool { return e.Facts.Text("field") != field })
}

// TestWholePIN: outside of a rehearsal one person who types the whole PIN is an
// override; two who type a part each are none.
func TestWholePIN(t *testing.T) {
	for name, c := range map[string]struct {
		parts, practice, is bool
	}{"one": {false, false, true}, "two": {true, false, false}, "one, in practice": {false, true, false}} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.practice = c.practice
			m := s.open(ceremony.Init, s.request(ceremony.Init))
			if c.parts {
				m = withParts(s)
			}
			s.must(m)
			if got := m.overrides(); strings.Contains(got, "one-pin-holder") != c.is {
				t.Errorf("the overrides: %s", got)
			}
		})
	}
}
