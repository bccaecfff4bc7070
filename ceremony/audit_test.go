package ceremony_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"conclave/ceremony"
	"conclave/ceremony/record"
	"conclave/ceremony/transcript"
)

// parts are the parts of an audit, in their order.
var parts = []string{"Ceremony", "Overrides", "Deviations", "Refused, failed, skipped, interrupted", "Open items", "People", "Sign-off",
	"Who could have acted alone?", "What was not watched?", "Which shares are alive, and where?", "What would make this record false without being noticed?",
	"Keys in the HSM, as the token states them", "Calls that used or made a key", "The script, as it went", "Control matrix",
	"What a record must have, and where it is in this one", "Head: compare it with the paper", "How to check without us"}

// auditOf makes the audit of events and cuts it into its parts; the first is
// what comes before them.
func auditOf(t *testing.T, events []transcript.Event, rep transcript.Report) map[string]string {
	t.Helper()
	var b bytes.Buffer
	if err := record.New(events, rep).Audit(&b); err != nil {
		t.Fatal(err)
	}
	got, rest := map[string]string{}, b.String()
	last := "verdict"
	for _, title := range parts {
		before, after, ok := strings.Cut(rest, "\n\n"+title)
		if !ok {
			t.Fatalf("the audit has no part %q after %q", title, last)
		}
		got[last], last, rest = before, title, after
	}
	got[last] = rest
	return got
}

// TestAuditOfCeremony holds an init and looks for every part of its audit. Each
// part is of the record: with the event changed that it comes from, it says
// something else.
func TestAuditOfCeremony(t *testing.T) {
	s := newSite(t)
	s.practice = false
	s.token.noKey = true
	q := s.request(ceremony.Init)
	q.GenerateKey = true
	m := s.open(ceremony.Init, q)
	m.on = func(p ceremony.Prompt) (ceremony.Input, bool) {
		return filled(p, map[string]string{"backup": "NO BACKUP"}), at(p, "room", ceremony.Form)
	}
	noted := false
	m.drive(func(p ceremony.Prompt) bool {
		noted = p.StepID == "machine"
		return noted
	})
	job, err := m.run.Note(ceremony.Deviation{Happened: "the door was open", Expected: "it is shut", Decided: "it was shut", By: "Wim Waters", Effect: ceremony.GoOn})
	if err != nil || !noted {
		t.Fatal(noted, err)
	}
	m.do(job)
	m.drive(nil)
	m.expect(ceremony.CodeDone)
	rep, events := m.events()
	whole := auditOf(t, events, rep)
	for _, tt := range []struct {
		part, says string // says is nowhere in the part once the record is changed
		kind       string
		change     func(transcript.Facts) // nil: the events of the kind are gone
	}{
		{"verdict", "PEOPLE: 7 claimed, 5 by share, 0 by decryption, 0 by signature, 2 by keyboard", "person", func(f transcript.Facts) { f["present"] = false }},
		{"Ceremony", "the vault is initialised.", "closed", nil},
		{"Overrides", "Shares are shown on this screen", "override", nil},
		{"Deviations", "the door was open", "deviation", nil},
		{"Open items", "the HSM's key has no backup", "room", func(f transcript.Facts) { f["backup"] = "in Bern" }},
		{"People", "Wim Waters", "person", func(f transcript.Facts) { f["name"] = "Nobody" }},
		{"Sign-off", "complete: 7 of 7 agree", "closed", func(f transcript.Facts) { f["signoff"] = "x" }},
		{"Who could have acted alone?", "typed by one person", "equipment", func(f transcript.Facts) { f["login"] = "protected-path" }},
		{"What was not watched?", "nobody else at the screen", "shown", nil},
		{"Which shares are alive, and where?", "Erik Esser", "share", nil},
		{"Keys in the HSM, as the token states them", "was made in this ceremony", "key", func(f transcript.Facts) { f["generated"] = false }},
		{"Keys in the HSM, as the token states them", `added secret key "bao-root-key" id 01`, "inventory", func(f transcript.Facts) { delete(f, "objects"); f["count"] = 0 }},
		{"Calls that used or made a key", "C_GenerateKey ×1", "calls", nil},
		{"The script, as it went", "done: a piece of work was done", "done", nil},
		{"Control matrix", "PCI 3.7.8     PCI DSS 4.0.1: custodians acknowledge their responsibilities\n                -> events", "acknowledged", nil},
		{"What a record must have, and where it is in this one", "calls that used or made a key, by function and key: events", "calls", nil},
		{"Head: compare it with the paper", rep.Head.String(), "", nil},
	} {
		flat := func(s string) string { return strings.ToLower(strings.Join(strings.Fields(s), " ")) }
		says := flat(tt.says)
		if !strings.Contains(flat(whole[tt.part]), says) {
			t.Errorf("%s does not say %q:\n%s", tt.part, tt.says, whole[tt.part])
			continue
		}
		changed, rep := changedEvents(events, tt.kind, tt.change), rep
		if tt.kind == "" {
			rep.Head = transcript.Head{Count: rep.Head.Count}
		}
		if got := auditOf(t, changed, rep)[tt.part]; strings.Contains(flat(got), says) {
			t.Errorf("%s says %q although the record does not", tt.part, tt.says)
		}
	}
	for part, text := range whole {
		if strings.Contains(strings.ToLower(text), "complian") {
			t.Errorf("%s says compliant", part)
		}
	}
}

// changedEvents is a record in which the events of a kind are others.
func changedEvents(events []transcript.Event, kind string, change func(transcript.Facts)) []transcript.Event {
	var list []transcript.Event
	for _, ev := range events {
		if ev.Kind != kind {
			list = append(list, ev)
			continue
		}
		if change == nil {
			continue
		}
		f := transcript.Facts{}
		for name, v := range ev.Facts {
			f[name] = v
		}
		change(f)
		ev.Facts = f
		list = append(list, ev)
	}
	return slices.Clip(list)
}
