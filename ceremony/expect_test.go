package ceremony_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"

	"conclave/ceremony"
	"conclave/ceremony/transcript"
	"conclave/hsm/secret"
)

// expect checks how the run ended, that the record holds together, and that
// nothing leaked.
func (m *room) expect(code int) {
	t := m.s.t
	t.Helper()
	if !m.run.Done() {
		t.Fatalf("not over, at %s: %+v", m.run.Prompt().StepID, m.run.Prompt())
	}
	if o := m.run.Outcome(); o.Code != code {
		t.Fatalf("code %d, want %d: %s", o.Code, code, o.Sentence)
	}
	if m.s.token.loggedIn {
		t.Error("somebody is still logged in at the token")
	}
	rep, events := m.events()
	if rep.State != transcript.Closed {
		t.Errorf("the transcript is %s", rep.State)
	}
	if want := map[int]string{ceremony.CodeDone: "closed"}[code]; want != "" && rep.Last.Kind != want {
		t.Errorf("the last event is %s", rep.Last.Kind)
	}
	if m.sealed != 1 {
		t.Errorf("head.txt was written %d times", m.sealed)
	}
	if len(rep.Works) > 0 {
		t.Errorf("begun and not ended: %v", rep.Works)
	}
	_ = events
	m.canary()
}

func (m *room) events() (transcript.Report, []transcript.Event) {
	m.s.t.Helper()
	var list []transcript.Event
	rep, err := transcript.Scan(bytes.NewReader(m.journal.paper.Bytes()), func(e transcript.Event) error {
		list = append(list, e)
		return nil
	})
	if err != nil {
		m.s.t.Fatal(err)
	}
	if rep.Problem != "" {
		m.s.t.Fatalf("the transcript is %s: %s", rep.State, rep.Problem)
	}
	return rep, list
}

// find returns the events of a kind.
func (m *room) find(kind string) []transcript.Event {
	m.s.t.Helper()
	_, events := m.events()
	return slices.DeleteFunc(events, func(e transcript.Event) bool { return e.Kind != kind })
}

// overrides are the ids of those that the record has, in order.
func (m *room) overrides() string {
	m.s.t.Helper()
	var ids []string
	for _, ev := range m.find("override") {
		ids = append(ids, ev.Facts.Text("id"))
	}
	return strings.Join(ids, " ")
}

// canary looks for every secret, in every form, in all that is public.
func (m *room) canary() {
	m.s.t.Helper()
	public := m.journal.paper.String() + m.seen.String() + m.run.Outcome().Sentence
	for _, files := range []map[string][]byte{m.shelf.files, m.shelf.challenges.files} {
		for name, b := range files {
			public += name + string(b)
		}
	}
	all := append([]secret.Bytes{secret.Take([]byte(pin))}, m.s.secrets...)
	for i, x := range all {
		b := x.Expose()
		if len(b) == 0 {
			m.s.t.Fatalf("the canary %d was wiped", i)
		}
		forms := []string{string(b), hex.EncodeToString(b), strings.ToUpper(hex.EncodeToString(b)), base64.StdEncoding.EncodeToString(b)}
		if len(b) == 33 || len(b) == 32 {
			g := m.s.scheme().Groups(x)
			forms = append(forms, string(g.Expose()), string(g.Expose()[:14]))
		}
		for j, f := range forms {
			if strings.Contains(public, f) {
				m.s.t.Errorf("the secret %d is public in form %d", i, j)
			}
		}
	}
}

// problems is every problem that was shown, in order.
func (m *room) problems() string {
	var all []string
	for _, p := range m.prompts {
		if p.Problem != nil {
			all = append(all, p.Problem.Happened+" "+p.Problem.State+" "+p.Problem.Do)
		}
	}
	return strings.Join(all, "\n")
}

func (m *room) says(want string) {
	m.s.t.Helper()
	if !strings.Contains(m.problems(), want) {
		m.s.t.Errorf("nobody was told %q, but:\n%s", want, m.problems())
	}
}
