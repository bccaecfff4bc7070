package ceremony_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"conclave/ceremony"
	"conclave/hsm/secret"
)

// TestLateAnswers refuses answers to another page, twice, while at work, and
// after the end. What was typed is wiped.
func TestLateAnswers(t *testing.T) {
	s := initialised(t)
	m := s.open(ceremony.Rotate, s.request(ceremony.Rotate))
	m.drive(func(p ceremony.Prompt) bool { return at(p, "shares", ceremony.AskShare) })
	stamp := m.run.Prompt().Stamp
	refused := func(want error, st ceremony.Stamp) {
		t.Helper()
		typed := secret.Take([]byte("a secret"))
		if _, err := m.run.Answer(ceremony.Input{Stamp: st, Secret: typed}); !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
		if typed.Len() != 0 {
			t.Error("what was typed was not wiped")
		}
	}
	refused(ceremony.ErrStale, ceremony.Stamp{Step: stamp.Step, Page: stamp.Page - 1})
	refused(ceremony.ErrStale, ceremony.Stamp{Step: stamp.Step + 1, Page: stamp.Page})
	in := m.input(m.run.Prompt())
	in.Stamp = stamp
	job, err := m.run.Answer(in)
	if err != nil {
		t.Fatal(err)
	}
	refused(ceremony.ErrBusy, stamp)
	if _, err := m.run.Abort("Olga", "now"); !errors.Is(err, ceremony.ErrBusy) {
		t.Errorf("Abort at work: %v", err)
	}
	res := job(t.Context())
	refused(ceremony.ErrBusy, stamp)
	if err := m.run.Finish(res); err != nil {
		t.Fatal(err)
	}
	if err := m.run.Finish(res); !errors.Is(err, ceremony.ErrStale) {
		t.Errorf("Finish twice: %v", err)
	}
	refused(ceremony.ErrStale, stamp)
	func() {
		defer func() {
			if recover() == nil {
				t.Error("a job ran twice")
			}
		}()
		job(t.Context())
	}()
	m.drive(nil)
	m.expect(ceremony.CodeDone)
	refused(ceremony.ErrOver, m.run.Prompt().Stamp)
	if _, err := m.run.Abort("Olga", "now"); !errors.Is(err, ceremony.ErrOver) {
		t.Errorf("Abort after the end: %v", err)
	}
}

// TestWrongWords: nothing goes on for y, for an empty line, or for another word.
func TestWrongWords(t *testing.T) {
	s := initialised(t)
	m := s.open(ceremony.Rekey, s.request(ceremony.Rekey))
	for {
		m.drive(func(p ceremony.Prompt) bool { return p.Kind == ceremony.Confirm || p.Kind == ceremony.HandOver })
		if m.run.Done() {
			break
		}
		p := m.run.Prompt()
		for _, word := range []string{"", "y", "yes", p.Word + "X"} {
			m.answer(ceremony.Input{Text: word})
			now := m.run.Prompt()
			if now.StepID != p.StepID || now.Kind != p.Kind || now.By != p.By || now.Problem == nil {
				t.Fatalf("%q went on from %q to %+v", word, p.Heading, now)
			}
		}
		if p.Kind == ceremony.HandOver && p.By.Role != ceremony.Custodian && !p.Other {
			m.answer(ceremony.Input{Choice: "other"})
			if m.run.Prompt().By != p.By {
				t.Fatalf("a hand-over to %s was passed by", p.By.Name)
			}
		}
		m.answer(ceremony.Input{Text: "  " + strings.ToLower(p.Word) + " "})
	}
	m.expect(ceremony.CodeDone)
}

// TestTooFewHere: with fewer custodians than the threshold nothing begins.
func TestTooFewHere(t *testing.T) {
	s := initialised(t)
	m := s.open(ceremony.Rotate, s.request(ceremony.Rotate))
	m.on = once(func(p ceremony.Prompt) bool { return p.Kind == ceremony.People }, func(p ceremony.Prompt) ceremony.Input {
		return ceremony.Input{Present: []bool{true, true, true, false, true}}
	})
	s.must(m)
	m.says("2 custodians are here; the vault needs the shares of 3.")
	for i, who := range five[:2] {
		s := initialised(t)
		m := s.open(ceremony.RecoveryRekey, s.request(ceremony.RecoveryRekey))
		m.on = once(func(p ceremony.Prompt) bool { return p.Kind == ceremony.People }, func(p ceremony.Prompt) ceremony.Input {
			here := slices.Repeat([]bool{true}, len(p.People))
			here[2+i] = false
			return ceremony.Input{Present: here}
		})
		s.must(m)
		m.says(who + " (custodian) is needed, and is not here.")
	}
}

// TestMarksAreKept: who was marked as here stays so when somebody is missing.
func TestMarksAreKept(t *testing.T) {
	s := initialised(t)
	m := s.open(ceremony.Rotate, s.request(ceremony.Rotate))
	m.drive(func(p ceremony.Prompt) bool { return p.Kind == ceremony.People })
	want := []bool{true, false, true, false, true}
	m.answer(ceremony.Input{Present: want})
	var got []bool
	for _, a := range m.run.Prompt().People {
		got = append(got, a.Present)
	}
	if !slices.Equal(got, want) {
		t.Errorf("the page comes back with the marks %v, not %v", got, want)
	}
}

// TestSecretInName: a share, a token or a key typed where a name belongs is
// refused and not recorded.
func TestSecretInName(t *testing.T) {
	s := newSite(t)
	q := s.request(ceremony.Init)
	q.Witness = ""
	m := s.open(ceremony.Init, q)
	raw := s.wrong(9)
	groups := string(s.scheme().Groups(raw).Expose())
	spaced := ""
	for i := 0; i < len(groups); i += 7 {
		spaced += groups[i:i+7] + " "
	}
	for _, text := range []string{groups, spaced, spaced[:60], string(hexOf(raw).Expose()), string(hexOf(raw).Expose()[:24]), "s.nRhVl4yX0Yk3sLk2xQ9aZr1b", "hvs.CAESIJabcdefghijklmnop", "-----BEGIN PGP PRIVATE KEY BLOCK-----"} {
		m.drive(func(p ceremony.Prompt) bool { return p.Kind == ceremony.Ask })
		m.answer(ceremony.Input{Text: text})
		if p := m.run.Prompt(); p.Kind != ceremony.Ask || p.Problem == nil || !strings.Contains(p.Problem.Happened, "looks like") {
			t.Fatalf("%q was taken for a name", text)
		}
		if strings.Contains(m.journal.paper.String(), text[:10]) {
			t.Fatalf("%q is in the record", text)
		}
	}
	for _, name := range []string{"Wim Waters-van den Broeck, Audit 2", "Zoë Müller", "Hubert Blaine Wolfeschlegelsteinhausenbergerdorff Sr."} {
		m.drive(func(p ceremony.Prompt) bool { return p.Kind == ceremony.Ask })
		if !m.run.Done() && m.run.Prompt().Kind == ceremony.Ask {
			m.answer(ceremony.Input{Text: name})
		}
		if p := m.run.Prompt(); p.Problem != nil {
			t.Fatalf("%q is no name: %+v", name, p.Problem)
		}
		m.run.Close()
		m = s.open(ceremony.Init, q)
	}
}
