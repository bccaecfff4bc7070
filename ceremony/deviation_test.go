package ceremony_test

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"

	"conclave/ceremony"
	"conclave/ceremony/transcript"
)

func (m *room) note(d ceremony.Deviation) *ceremony.Refusal {
	m.s.t.Helper()
	job, err := m.run.Note(d)
	if err != nil {
		m.s.t.Fatalf("Note: %v", err)
	}
	m.do(job)
	return m.run.Refused()
}

func happened(text string) ceremony.Deviation {
	return ceremony.Deviation{Happened: text, Decided: "to go on", By: "Olga", Effect: ceremony.GoOn}
}

// TestNoteAnywhere notes a deviation at every page of a ceremony: each page
// stands as it was, and the record, the script and the close name all of them.
func TestNoteAnywhere(t *testing.T) {
	s := initialised(t)
	m := s.open(ceremony.Rotate, s.request(ceremony.Rotate))
	n, kinds := 0, map[ceremony.Kind]bool{}
	m.drive(func(p ceremony.Prompt) bool {
		if p.Final {
			if _, err := m.run.Note(happened("too late")); !errors.Is(err, ceremony.ErrOver) {
				t.Errorf("after the last event: %v", err)
			}
			return false
		}
		if r := m.note(happened("The lamp went out.")); r != nil {
			t.Fatalf("refused: %+v", r)
		}
		n++
		kinds[p.Kind] = true
		if got := m.run.Prompt(); got.Stamp != p.Stamp || got.Heading != p.Heading {
			t.Fatalf("the page of %s is another after a note: %+v", p.StepID, got)
		}
		return false
	})
	m.expect(ceremony.CodeDone)
	if len(kinds) < 6 {
		t.Errorf("notes at %d kinds of pages only", len(kinds))
	}
	if got := len(m.find("deviation")); got != n {
		t.Errorf("%d deviations are in the record, want %d", got, n)
	}
	closed := m.find("closed")[0].Facts.List("deviations")
	if len(closed) != n || closed[0] != "1: The lamp went out." {
		t.Errorf("the close names %q", closed)
	}
	for _, l := range m.run.Script() {
		if l.State != ceremony.Warn && l.State != ceremony.Skipped {
			t.Errorf("step %s is marked %q", l.ID, l.State)
		}
	}
	if first := m.run.Script()[0]; first.Note != "note 1" {
		t.Errorf("the first step has the note %q", first.Note)
	}
}

// Without a deviation the close says so.
func TestNoDeviation(t *testing.T) {
	s := initialised(t)
	m := s.must(s.open(ceremony.Unseal, s.request(ceremony.Unseal)))
	if !strings.Contains(m.seen.String(), "deviations: None") {
		t.Error("nobody was told that there was no deviation")
	}
	if v, ok := m.find("closed")[0].Facts["deviations"]; !ok || len(v.([]string)) != 0 {
		t.Errorf("the close says %v", v)
	}
}

func TestNoteEffects(t *testing.T) {
	s := initialised(t)
	m := s.open(ceremony.Rotate, s.request(ceremony.Rotate))
	m.drive(func(p ceremony.Prompt) bool { return p.StepID == "plan" })
	d := happened("A page of the printed plan was missing.")
	d.Effect = ceremony.DoAgain
	before := m.run.Prompt()
	if r := m.note(d); r != nil || m.run.Prompt().StepID != "plan" || m.run.Prompt().Stamp == before.Stamp {
		t.Errorf("refused %+v, then %+v", r, m.run.Prompt())
	}
	m.drive(func(p ceremony.Prompt) bool { return p.StepID == "shares" })
	if r := m.note(d); r == nil || r.Field != "effect" {
		t.Errorf("a step that cannot be done again: %+v", r)
	}
	d.Effect = ceremony.StopNow
	m.note(d)
	m.expect(ceremony.CodeStopped)
	if got := m.find("deviation"); len(got) != 2 || got[1].Facts.Text("effect") != "stop" {
		t.Errorf("deviations: %+v", got)
	}
	if got := m.find("aborted")[0].Facts.Text("reason"); got != d.Happened {
		t.Errorf("aborted: %s", got)
	}
	script := m.run.Script()
	if i := slices.IndexFunc(script, func(l ceremony.ScriptLine) bool { return l.Title == "Plan" }); script[i].State != ceremony.Warn {
		t.Errorf("the step with the note is marked %q", script[i].State)
	}
}

func TestNoteNeeds(t *testing.T) {
	s := initialised(t)
	m := s.open(ceremony.Rotate, s.request(ceremony.Rotate))
	m.do(m.run.Start())
	for field, d := range map[string]ceremony.Deviation{
		"happened":   {Decided: "x", By: "x", Effect: ceremony.GoOn},
		"decided":    {Happened: "x", By: " ", Effect: ceremony.GoOn},
		"decided by": {Happened: "x", Decided: "x", Effect: ceremony.GoOn},
		"effect":     {Happened: "x", Decided: "x", By: "x"},
		"expected":   {Expected: strings.Repeat("x", 3000), Happened: "x", Decided: "x", By: "x", Effect: ceremony.GoOn},
	} {
		if r := m.note(d); r == nil || r.Field != field {
			t.Errorf("%s: %+v", field, r)
		}
	}
	if n := len(m.find("deviation")); n != 0 {
		t.Errorf("%d deviations in the record", n)
	}
}

// TestSecretsInText types the secrets that are in use into every public field:
// none comes to the record, and it says that something was refused.
func TestSecretsInText(t *testing.T) {
	s := initialised(t)
	m := s.open(ceremony.Rotate, s.request(ceremony.Rotate))
	m.drive(func(p ceremony.Prompt) bool { return at(p, "shares", ceremony.HandOver) && p.By.Name == "Carol Chen" })
	raw := s.held["Alice Adams"]
	b := raw.Expose()
	forms := map[string]string{
		"hex":               hex.EncodeToString(b),
		"HEX":               strings.ToUpper(hex.EncodeToString(b)),
		"eight bytes":       hex.EncodeToString(b[11:19]),
		"eight bytes apart": strings.ToUpper(hex.EncodeToString(b[11:15]) + " " + hex.EncodeToString(b[15:19])),
		"groups":            string(s.scheme().Groups(raw).Expose()),
		"three groups":      string(s.scheme().Groups(raw).Expose()[7:28]),
		"base64":            base64.StdEncoding.EncodeToString(b),
		"base64 inside":     base64.RawURLEncoding.EncodeToString(b[5:16]),
		"raw":               string(b[3:12]),
		"PIN":               pin,
		"PIN apart":         pin[:5] + " " + pin[5:],
	}
	n := 0
	for form, text := range forms {
		for i := range 4 {
			d := happened("The lamp went out.")
			field := []*string{&d.Expected, &d.Happened, &d.Decided, &d.By}[i]
			*field = "I saw " + text + " on the paper"
			n++
			if r := m.note(d); r == nil || r.Field != []string{"expected", "happened", "decided", "decided by"}[i] {
				t.Errorf("%s in field %d: %+v", form, i, r)
			}
		}
	}
	if got := m.find("deviation"); len(got) != 0 {
		t.Errorf("deviations: %+v", got)
	}
	refused := slices.DeleteFunc(m.find("answer"), func(e transcript.Event) bool { return e.Facts.Text("value") != "text refused: looks like a secret" })
	if len(refused) != n {
		t.Errorf("%d refusals in the record, want %d", len(refused), n)
	}
	job, err := m.run.Abort(pin, "the share is "+forms["three groups"])
	if err != nil {
		t.Fatal(err)
	}
	m.do(job)
	m.expect(ceremony.CodeStopped)
}
