package ceremony_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"conclave/ceremony"
)

// rests fills in the form of a break.
func rests(p ceremony.Prompt) (ceremony.Input, bool) {
	return filled(p, map[string]string{"reason": "lunch", "back": "13:00", "decided by": "Olga and Wim"}), form(p, "back")
}

func isRest(p ceremony.Prompt) bool { return p.Kind == ceremony.Rest }

// TestBreak: two shares are in; they are wiped, nobody is logged in during the
// break, and after it people, vault and PIN come before the step goes on.
func TestBreak(t *testing.T) {
	s := initialised(t)
	m := s.open(ceremony.Rotate, s.request(ceremony.Rotate))
	m.on = rests
	m.drive(func(p ceremony.Prompt) bool { return at(p, "shares", ceremony.HandOver) && p.By.Name == five[2] })
	m.interrupt(ceremony.Break)
	if p := m.run.Prompt(); len(p.Lines) != 1 || !strings.HasPrefix(p.Lines[0].Text, "2 of 3 shares are in. They are wiped") {
		t.Errorf("before the break is said: %+v", p.Lines)
	}
	m.drive(isRest)
	if s.token.loggedIn {
		t.Error("somebody is logged in during the break")
	}
	m.answer(ceremony.Input{Text: "anybody"})
	if !isRest(m.run.Prompt()) {
		t.Fatalf("any word ends the break: %+v", m.run.Prompt())
	}
	var kinds []ceremony.Kind
	m.drive(func(p ceremony.Prompt) bool {
		kinds = append(kinds, p.Kind)
		return p.Kind == ceremony.HandOver
	})
	if want := []ceremony.Kind{ceremony.Rest, ceremony.People, ceremony.Work, ceremony.AskSecret, ceremony.HandOver}; !slices.Equal(kinds, want) {
		t.Errorf("after the break come the kinds %v, want %v", kinds, want)
	}
	if p := m.run.Prompt(); p.By.Name != five[0] {
		t.Errorf("the step goes on with %+v", p.By)
	}
	s.must(m)
	if n := m.asked(five[0]); n != 2 {
		t.Errorf("Alice was asked %d times", n)
	}
	b, e, out := m.find("break")[0].Facts, m.find("break-ended")[0].Facts, m.find("logged-out")
	if b.Text("reason") != "lunch" || b.Text("back") != "13:00" || b.Text("decided_by") != "Olga and Wim" || b.Number("wiped") != 2 {
		t.Errorf("the break is recorded as %v", b)
	}
	if !e.Flag("same") || len(e.List("people")) != 5 || e.Number("duration_s") < 0 || e.Text("digest") == "" {
		t.Errorf("its end is recorded as %v", e)
	}
	if len(out) != 2 || out[0].Facts.Text("why") != "break" || out[1].Facts.Text("why") != "end" {
		t.Errorf("logged out: %v", out)
	}
}

// TestBreakAnywhere takes a break at every page that offers one: each ceremony
// comes to its good end, and nobody is logged in during any of them.
func TestBreakAnywhere(t *testing.T) {
	for _, c := range []ceremony.Ceremony{ceremony.Init, ceremony.Rekey, ceremony.GenerateRoot, ceremony.Unseal} {
		s := siteFor(t, c)
		m := s.open(c, s.request(c))
		m.on = rests
		seen, n := map[string]bool{}, 0
		m.drive(func(p ceremony.Prompt) bool {
			if p.Kind == ceremony.Rest && s.token.loggedIn {
				t.Errorf("%s: logged in at a break of step %s", c.ID, p.StepID)
			}
			key := p.StepID + p.Heading
			if seen[key] || len(p.Asides) == 0 || p.Asides[0].Not != "" {
				return false
			}
			seen[key] = true
			n++
			m.interrupt(ceremony.Break)
			m.drive(isRest)
			m.drive(func(p ceremony.Prompt) bool { return len(p.Asides) > 0 })
			return false
		})
		m.expect(ceremony.CodeDone)
		if got := len(m.find("break-ended")); got != n || n < 12 {
			t.Errorf("%s: %d breaks ended, %d began", c.ID, got, n)
		}
	}
}

// TestBreakNotHere: while a share is typed or shown there is none; before it is
// known who is here, while the program works and after the close, nothing.
func TestBreakNotHere(t *testing.T) {
	s := newSite(t)
	m := s.open(ceremony.Init, s.request(ceremony.Init))
	kinds := map[ceremony.Kind]bool{}
	m.drive(func(p ceremony.Prompt) bool {
		_, err := m.run.Interrupt("nap")
		if err == nil {
			t.Fatal("an interlude of no known kind began")
		}
		for _, a := range p.Asides {
			if a.Not == "" {
				continue
			}
			kinds[p.Kind] = true
			if _, err := m.run.Interrupt(a.Interlude); !errors.Is(err, ceremony.ErrNotHere) {
				t.Errorf("%s at %s: %v", a.Interlude, p.StepID, err)
			}
		}
		if len(p.Asides) > 0 && (p.Kind == ceremony.Work || p.StepID == "brief" || p.Final) {
			t.Errorf("%s offers %+v", p.StepID, p.Asides)
		}
		return false
	})
	if !kinds[ceremony.Show] || !kinds[ceremony.AskShare] || len(kinds) != 2 {
		t.Errorf("refused at the kinds %v", kinds)
	}
}

// TestBreakChanged: what was changed during a break is found, and the ceremony
// ends as not what it claims.
func TestBreakChanged(t *testing.T) {
	for _, step := range []string{"machine", "shares"} {
		s := initialised(t)
		m := s.open(ceremony.Rotate, s.request(ceremony.Rotate))
		m.on = rests
		m.drive(func(p ceremony.Prompt) bool { return p.StepID == step && len(p.Asides) > 0 })
		m.interrupt(ceremony.Break)
		m.drive(isRest)
		f, err := s.disk.Create("/vault/core/_extra", 0o600)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		m.drive(isFailure)
		m.answer(ceremony.Input{Choice: "again"})
		m.answer(ceremony.Input{Choice: "stop"})
		m.expect(ceremony.CodeChanged)
		if e := m.find("break-ended"); len(e) != 1 || e[0].Facts.Flag("same") {
			t.Errorf("%s: the record says %v", step, e)
		}
	}
}

// TestBreakUnlogged: a token that does not log out is a failure that people
// see, and the break begins only when it did.
func TestBreakUnlogged(t *testing.T) {
	s := initialised(t)
	m := s.open(ceremony.Rotate, s.request(ceremony.Rotate))
	m.on = rests
	m.drive(func(p ceremony.Prompt) bool { return at(p, "shares", ceremony.HandOver) })
	s.token.err["Logout"] = errDisk
	m.interrupt(ceremony.Break)
	m.drive(isFailure)
	if len(m.find("logged-out")) != 1 || m.find("logged-out")[0].Facts.Text("result") == "done" {
		t.Errorf("the record says %v", m.find("logged-out"))
	}
	s.must(m)
}

// TestBreakPeople: after a break the same people are needed as before; who is
// not back has left, and who came is identified.
func TestBreakPeople(t *testing.T) {
	s := initialised(t)
	q := s.request(ceremony.Rotate)
	q.Auditors = []string{"Ada Audit", "Ben Audit"}
	m := s.open(ceremony.Rotate, q)
	m.on = func(p ceremony.Prompt) (ceremony.Input, bool) {
		if p.Kind != ceremony.People {
			return rests(p)
		}
		without := "Ben Audit"
		if len(m.find("break")) > 0 {
			without = "Ada Audit"
			if p.Problem == nil {
				without = "Wim Waters"
			}
		}
		return present(p, without), true
	}
	m.drive(func(p ceremony.Prompt) bool { return p.StepID == "plan" })
	m.interrupt(ceremony.Break)
	m.drive(nil)
	m.expect(ceremony.CodeDone)
	m.says("Wim Waters (witness) is needed, and is not here.")
	left, came, known := m.find("left"), m.find("arrived"), m.find("identity")
	if len(left) != 1 || left[0].Facts.Text("name") != "Ada Audit" || left[0].Facts.Text("reason") != "not back after the break" {
		t.Errorf("left: %v", left)
	}
	if len(came) != 1 || came[0].Facts.Text("name") != "Ben Audit" || !came[0].Facts.Flag("planned") {
		t.Errorf("arrived: %v", came)
	}
	if len(known) != 2 || !slices.Equal(known[1].Facts.List("names"), []string{"Ben Audit"}) {
		t.Errorf("identified: %v", known)
	}
	if got := m.find("closed")[0].Facts.Text("signoff"); !strings.HasPrefix(got, "not complete: 6 of 6 agree. Ada Audit has left before the sign-off.") {
		t.Errorf("the sign-off is %q", got)
	}
}
