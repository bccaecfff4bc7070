package ceremony_test

import (
	"fmt"
	"strings"
	"testing"

	"conclave/ceremony"
	"conclave/ceremony/plan"
)

// keepPage plays an init up to the page on which people say where all is kept.
func keepPage(t *testing.T, change func(*plan.Request)) *room {
	t.Helper()
	s := newSite(t)
	q := s.request(ceremony.Init)
	if change != nil {
		change(&q)
	}
	m := s.open(ceremony.Init, q)
	m.drive(func(p ceremony.Prompt) bool { return p.StepID == "keep" })
	return m
}

// defaults are the lines as the page has them.
func defaults(p ceremony.Prompt) map[string]string {
	m := map[string]string{}
	for _, f := range p.Fields {
		m[f.ID] = f.Default
	}
	return m
}

// TestKeeping: what is said of the time afterwards is in the record, with the
// plan's cadence and retention as they would be; a day that cannot be is asked
// for again, and no secret gets in.
func TestKeeping(t *testing.T) {
	m := keepPage(t, func(q *plan.Request) {
		q.Retention, q.Drill = plan.Number{Value: 7, Given: true}, plan.Number{Value: 6, Given: true}
	})
	p := m.run.Prompt()
	lines := defaults(p)
	if lines["until"] != "2033-11-25" || lines["drill"] != "2027-05-25" || lines["class"] != "7 years, by the plan" {
		t.Errorf("the page suggests %v", lines)
	}
	lines["envelopes"], lines["copies"], lines["device"] = "safe 2, bag B-17", "Olga Example, Wim Waters; the archive", "server room"
	for _, bad := range []struct{ field, text, says string }{
		{"drill", "in spring", "A day is written as"},
		{"drill", "2026-11-24", "is to come"},
		{"drill", "2027-06-30", "within 6 months"},
		{"until", "2027-13-01", "A day is written as"},
		{"envelopes", "hvs.CAESIJ1234567890abcdefghijk", "looks like"},
	} {
		wrong := map[string]string{}
		for k, v := range lines {
			wrong[k] = v
		}
		wrong[bad.field] = bad.text
		m.answer(filled(m.run.Prompt(), wrong))
		p := m.run.Prompt()
		if p.StepID != "keep" || p.Problem == nil || !strings.Contains(p.Problem.Happened, bad.says) || defaults(p)["device"] != "server room" {
			t.Fatalf("%s: %+v", bad.text, p)
		}
	}
	lines["until"] = "two years after the key is destroyed"
	m.answer(filled(m.run.Prompt(), lines))
	got := ""
	for _, kind := range []string{"kept", "copies", "retention", "next-drill"} {
		for _, e := range m.find(kind) {
			got += fmt.Sprintln(kind, e.Facts)
		}
	}
	want := "kept map[place:safe 2, bag B-17 what:share envelopes]\nkept map[place:server room what:HSM and PIN]\n" +
		"copies map[number:3 taken_by:[Olga Example Wim Waters the archive]]\n" +
		"retention map[class:7 years, by the plan until:two years after the key is destroyed years:7]\nnext-drill map[backup_months:24 date:2027-05-25 months:6]\n"
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	m.s.must(m)
}

// TestKeepingUndone: where the vault was taken away again there is nothing to keep.
func TestKeepingUndone(t *testing.T) {
	s := newSite(t)
	m := s.open(ceremony.Init, s.request(ceremony.Init))
	m.on = func(p ceremony.Prompt) (ceremony.Input, bool) {
		return ceremony.Input{Choice: "undo"}, at(p, "rollback", ceremony.Choose)
	}
	m.drive(nil)
	m.expect(ceremony.CodeDone)
	if n := len(m.find("kept")) + len(m.find("next-drill")); n != 0 {
		t.Errorf("%d things are kept of a vault that is not", n)
	}
}
