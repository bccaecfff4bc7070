package ceremony_test

import (
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"conclave/assets/words"
	"conclave/ceremony"
	"conclave/ceremony/custodian"
	"conclave/ceremony/transcript"
	"conclave/hsm/secret"
)

// TestPlainShares: shares are shown in plain for a reason that is recorded with
// the override, to one custodian at a time, after custodian and witness said
// that nobody else sees the screen; the record has when each display began.
func TestPlainShares(t *testing.T) {
	s := newSite(t)
	s.practice = false
	q := s.request(ceremony.Init)
	m := s.openWith(ceremony.Init, q, func(e *ceremony.Env) {
		e.Displays = func() []string { return []string{"A second screen is connected: HDMI-A-1."} }
	})
	m.drive(func(p ceremony.Prompt) bool { return at(p, "issue", ceremony.Ask) })
	if m.overrides() != "one-pin-holder" || len(m.find("issued")) != 0 {
		t.Fatal("something was made or recorded before the reason")
	}
	m.answer(ceremony.Input{})
	m.answer(ceremony.Input{Text: strings.Repeat("0f", 33)})
	if m.overrides() != "one-pin-holder" {
		t.Fatal("the override is recorded without a reason")
	}
	m.answer(ceremony.Input{Text: " no keys  yet "})
	if o := m.find("override"); m.overrides() != "one-pin-holder plain-shares" || o[1].Facts.Text("why") != "no keys yet" || o[1].Facts.Text("who") != "Olga Example" {
		t.Fatalf("the override is %v", o)
	}

	m.drive(func(p ceremony.Prompt) bool { return at(p, "issue", ceremony.HandOver) })
	if p := m.run.Prompt(); p.By.Name != "Wim Waters" || p.From != "Olga Example" {
		t.Fatalf("first the keyboard goes from %s to %s", p.From, p.By.Name)
	}
	for i, who := range []string{"Wim Waters", five[0]} {
		m.drive(func(p ceremony.Prompt) bool { return at(p, "issue", ceremony.Choose) })
		p := m.run.Prompt()
		if p.By.Name != who || !strings.HasPrefix(p.Heading, who) || len(p.Lines) != 1 || !strings.Contains(p.Lines[0].Text, "HDMI-A-1") {
			t.Errorf("the page before the share is %+v", p)
		}
		m.answer(ceremony.Input{Choice: "no"})
		if len(m.find("showing")) != 0 || !at(m.run.Prompt(), "issue", ceremony.Choose) {
			t.Fatal("a share is shown although it was not yet so")
		}
		if e := last(m.find("answer")); len(m.conditions()) != i || e.Claimed != who || e.Evidence != transcript.ByKeyboard || e.Facts.Text("value") != "not yet" {
			t.Errorf("that it is not yet so: %v", e)
		}
		m.answer(ceremony.Input{Choice: "yes"})
	}
	if p := m.run.Prompt(); p.Kind != ceremony.Show || p.Reveal.Group != 7 || p.Reveal.Text.Len() != 77 || p.Reveal.Seconds == 0 {
		t.Fatalf("the share is shown like %+v", p)
	}
	s.must(m)

	var order []string
	for _, e := range events(m) {
		switch {
		case e.Step != "issue":
		case e.Kind == "showing" || e.Kind == "shown" || e.Kind == "hand-over":
			order = append(order, e.Kind+" "+e.Facts.Text("to"))
		case e.Kind == "attested":
			order = append(order, "so "+e.Claimed)
			if e.Evidence != transcript.ByKeyboard || !strings.Contains(strings.Join(e.Facts.List("lines"), " "), "HDMI-A-1") {
				t.Errorf("the conditions: %v", e)
			}
		}
	}
	var want []string
	for _, name := range five {
		want = append(want, "hand-over Wim Waters", "so Wim Waters", "hand-over "+name, "so "+name, "showing "+name, "shown "+name)
	}
	if got := strings.Join(order[:min(len(order), len(want))], ", "); got != strings.Join(want, ", ") {
		t.Errorf("the order is %s", got)
	}
}

// TestConditionsAnew: what was said of the screen does not outlast a break:
// witness and custodian are asked again, and a QR code that was asked for is not
// shown on the old answers. Without a witness the custodian is asked alone.
func TestConditionsAnew(t *testing.T) {
	s := newSite(t)
	m := s.open(ceremony.Init, s.request(ceremony.Init))
	m.drive(func(p ceremony.Prompt) bool { return at(p, "issue", ceremony.Show) })
	m.answer(ceremony.Input{Choice: "qr"})
	if !at(m.run.Prompt(), "issue", ceremony.Choose) || len(m.conditions()) != 2 {
		t.Fatalf("at %+v", m.run.Prompt())
	}
	m.on = rests
	m.interrupt(ceremony.Break)
	m.drive(func(p ceremony.Prompt) bool { return at(p, "issue", ceremony.Show) })
	if n := len(m.conditions()); n != 4 || m.run.Prompt().Reveal.Code {
		t.Errorf("after the break %d answers are in the record, and the page is %+v", n, m.run.Prompt())
	}
	s.must(m)

	s = newSite(t)
	q := s.request(ceremony.Init)
	q.Witness, q.NoWitness = "", true
	m = s.open(ceremony.Init, q)
	m.drive(func(p ceremony.Prompt) bool { return at(p, "issue", ceremony.Show) })
	e := m.conditions()
	if len(e) != 1 || e[0].Claimed != five[0] || strings.Contains(strings.Join(e[0].Facts.List("lines"), " "), "witness") {
		t.Errorf("without a witness: %v", e)
	}
	m.abort()
}

// conditions are the answers that nobody else sees the screen.
func (m *room) conditions() []transcript.Event {
	return slices.DeleteFunc(m.find("attested"), func(e transcript.Event) bool { return e.Step != "issue" })
}

func last(list []transcript.Event) transcript.Event {
	if len(list) == 0 {
		return transcript.Event{}
	}
	return list[len(list)-1]
}

func events(m *room) []transcript.Event {
	_, list := m.events()
	return list
}

// TestShownIsWiped: of the shares that are shown, the program holds one more
// only until its custodian has written it down.
func TestShownIsWiped(t *testing.T) {
	s := newSite(t)
	m := s.open(ceremony.Init, s.request(ceremony.Init))
	var shown []secret.Bytes
	m.on = func(p ceremony.Prompt) (ceremony.Input, bool) {
		if p.Kind == ceremony.Show && p.Reveal.What == "share" {
			shown = append(shown, p.Reveal.Text)
		}
		return ceremony.Input{}, false
	}
	m.drive(func(p ceremony.Prompt) bool {
		for i, x := range shown { // before this page: all of them were written down
			if x.Len() > 0 {
				t.Errorf("share %d is still held at a page for %s", i+1, p.By.Name)
			}
		}
		return p.StepID == "prove"
	})
	if plain := ceremony.PlainShares(m.run); plain != 0 {
		t.Errorf("%d shares are still held when all were shown", plain)
	}
	m.abort()
}

// TestAcknowledge: whoever has proven a share takes it and its duties, with a
// receipt that fits the record; whoever does not, stops the ceremony.
func TestAcknowledge(t *testing.T) {
	s := newSite(t)
	m := s.must(s.openPGP(false))
	taken := m.find("acknowledged")
	if len(taken) != len(five) {
		t.Fatalf("%d custodians took their share", len(taken))
	}
	set, ok := s.roster.ValidSet()
	if !ok {
		t.Fatal("no set is valid")
	}
	for i, e := range taken {
		if e.Claimed != five[i] || e.Facts.Number("number") != i+1 || len(e.Facts.List("duties")) != 3 || set.Holdings[i].Acknowledged == "" {
			t.Errorf("share %d: %v", i+1, e)
		}
	}
	receipts := 0
	list := events(m)
	for _, e := range m.find("receipt") {
		n := e.Facts.Number("event")
		if list[n-1].Kind != "proven" {
			continue
		}
		receipts++
		// The head of event n is what the line after it names.
		sum, err := hex.DecodeString(list[n].Prev)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(words.Words(sum[:8]), " "); got != e.Facts.Text("words") || list[n-1].Claimed != e.Facts.Text("to") {
			t.Errorf("the receipt of event %d for %s does not fit", n, e.Facts.Text("to"))
		}
	}
	if receipts != len(five) {
		t.Errorf("%d receipts of proofs", receipts)
	}

	s = newSite(t)
	m = s.openPGP(false)
	m.drive(func(p ceremony.Prompt) bool { return at(p, "prove", ceremony.Choose) && p.By.Name == five[1] })
	m.answer(ceremony.Input{Choice: "decline"})
	m.expect(ceremony.CodeStopped)
	if len(m.find("void")) != 1 || !strings.Contains(m.find("aborted")[0].Facts.Text("reason"), "Bob Baker does not take share 2") {
		t.Errorf("the record says %v", m.find("aborted"))
	}
}

// TestProofs: the record says which proof was given. Typed shares are combined
// when there are enough of them; a run that was cut off may have too few.
func TestProofs(t *testing.T) {
	for _, c := range []struct{ before, given, taken int }{{0, 5, 5}, {2, 3, 4}, {3, 2, 3}} {
		s := newSite(t)
		q := s.request(ceremony.Init)
		q.RootToken = "none"
		m := s.open(ceremony.Init, q)
		if c.before > 0 { // killed after that many proofs, before the last of them is taken
			m.drive(func(p ceremony.Prompt) bool { return at(p, "prove", ceremony.Choose) && p.By.Name == five[c.before-1] })
			m.kill()
			fresh := m.fresh
			q = s.request(ceremony.Init)
			q.RootToken = "none"
			m = s.open(ceremony.Init, q)
			m.fresh = fresh
		}
		s.must(m)
		for _, e := range m.find("proven") {
			if e.Facts.Text("proof") != "share" {
				t.Errorf("a proof of %s", e.Facts.Text("proof"))
			}
		}
		e := m.find("combined")
		if len(e) != 1 || e[0].Facts.Number("given") != c.given || e[0].Facts.Number("needed") != 3 || e[0].Facts.Flag("same") != (c.given >= 3) {
			t.Errorf("%d were proven before: %v", c.before, e)
		}
		// Who proved theirs in the run before, and had no time to take it, is asked.
		if n := len(m.find("acknowledged")); n != c.taken {
			t.Errorf("%d were proven before: %d took theirs now", c.before, n)
		}
		if set, ok := s.roster.ValidSet(); !ok || slices.ContainsFunc(set.Holdings, func(h custodian.Holding) bool { return h.Acknowledged == "" }) {
			t.Errorf("%d were proven before: the roster lacks who answers for a share", c.before)
		}
	}
}
