package ceremony_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"conclave/ceremony"
	"conclave/ceremony/transcript"
	"conclave/hsm"
)

// foreign is an object that is no business of the ceremony.
var foreign = hsm.Object{Class: "data", Label: "left here", Attributes: map[string]string{"CKA_TOKEN": "true"}}

// lists returns the two inventories of a record.
func (m *room) lists() (first, last transcript.Event) {
	m.s.t.Helper()
	ev := m.find("inventory")
	if len(ev) != 2 || ev[0].Facts.Text("moment") != "before" || ev[1].Facts.Text("moment") != "after" {
		m.s.t.Fatalf("the inventories are %v", ev)
	}
	return ev[0], ev[1]
}

// TestInventory: what differs in the token between the login and the log-out is
// in the record and on the page of the checks, and only that.
func TestInventory(t *testing.T) {
	const key = `secret key "bao-root-key" id 01, AES-256: EXTRACTABLE=false LOCAL=true NEVER_EXTRACTABLE=true SENSITIVE=true`
	for _, tt := range []struct {
		name                    string
		prepare, between        func(*token)
		added, removed, changed []string
		says                    string
		warns                   bool
	}{
		{"nothing", nil, nil, nil, nil, nil, "In the token: nothing was added, removed or changed.", false},
		{"the ceremony's own key", func(k *token) { k.noKey = true }, nil, []string{key}, nil, nil, `In the token: added secret key "bao-root-key" id 01, AES-256.`, false},
		{"something of somebody's", nil, func(k *token) { k.more = append(k.more, foreign) }, []string{`data "left here": TOKEN=true`}, nil, nil, `In the token: added data "left here".`, true},
		{"something is gone", func(k *token) { k.more = append(k.more, foreign) }, func(k *token) { k.more = nil }, nil, []string{`data "left here": TOKEN=true`}, nil, `In the token: removed data "left here".`, true},
		{"an attribute", nil, func(k *token) {
			k.key.Attributes = map[string]string{"CKA_SENSITIVE": "true", "CKA_EXTRACTABLE": "true"}
		}, nil, nil,
			[]string{`secret key "bao-root-key" id 01, AES-256: EXTRACTABLE=false LOCAL=true NEVER_EXTRACTABLE=true, now EXTRACTABLE=true`}, "In the token: changed secret key", true},
		{"too many", func(k *token) { k.count = 501 }, nil, nil, nil, nil, "In the token: objects now: 501; too many to compare them one by one.", true},
		{"no list", nil, func(k *token) { k.err["Inventory"] = errors.New("the token refuses") }, nil, nil, nil,
			"In the token: what is there could not be listed: It failed: the token refuses.", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSite(t)
			if tt.prepare != nil {
				tt.prepare(s.token)
			}
			q := s.request(ceremony.Init)
			q.GenerateKey = true
			m := s.open(ceremony.Init, q)
			m.drive(func(p ceremony.Prompt) bool { return p.StepID == "commit" })
			if tt.between != nil {
				tt.between(s.token)
			}
			var shown []ceremony.Line
			m.drive(func(p ceremony.Prompt) bool {
				if p.StepID == "checks" {
					shown = p.Lines
				}
				return false
			})
			m.expect(ceremony.CodeDone)
			_, ev := m.lists()
			for name, want := range map[string][]string{"added": tt.added, "removed": tt.removed, "changed": tt.changed} {
				if got := ev.Facts.List(name); !slices.Equal(got, want) {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
			i := slices.IndexFunc(shown, func(l ceremony.Line) bool { return strings.HasPrefix(l.Text, tt.says) })
			if i < 0 || (shown[i].Mark == ceremony.Warn) != tt.warns {
				t.Errorf("the page says %v", shown)
			}
		})
	}
}

// TestInventoryAtStop: a key that was made in a ceremony which was stopped is in
// its record.
func TestInventoryAtStop(t *testing.T) {
	s := newSite(t)
	s.token.noKey = true
	q := s.request(ceremony.Init)
	q.GenerateKey = true
	m := s.open(ceremony.Init, q)
	m.drive(func(p ceremony.Prompt) bool { return p.StepID == "issue" })
	m.abort()
	m.expect(ceremony.CodeStopped)
	if _, ev := m.lists(); len(ev.Facts.List("added")) != 1 {
		t.Errorf("the last inventory is %v", ev.Facts)
	}
}

// TestKeyFromElsewhere: of a key that the token does not call its own it is
// said.
func TestKeyFromElsewhere(t *testing.T) {
	s := newSite(t)
	s.token.key.Attributes["CKA_LOCAL"] = "false"
	m := s.must(s.open(ceremony.Init, s.request(ceremony.Init)))
	const want = "The wrapping key is not shown to have been made in this HSM: the token states CKA_LOCAL=false."
	if !strings.Contains(m.seen.String(), want) {
		t.Error("no page says it")
	}
	if ev := m.find("attested"); !slices.ContainsFunc(ev, func(e transcript.Event) bool { return slices.Contains(e.Facts.List("lines"), want) }) {
		t.Error("the record of the checks does not say it")
	}
}

// TestCalls: the calls in the record are all that the token had.
func TestCalls(t *testing.T) {
	s := newSite(t)
	s.token.noKey = true
	q := s.request(ceremony.Init)
	q.GenerateKey = true
	m := s.must(s.open(ceremony.Init, q))
	recorded := map[string]int{}
	for _, e := range m.find("calls") {
		for _, c := range e.Facts.List("calls") {
			name, rest, _ := strings.Cut(c, " ×")
			n := 0
			if _, err := fmt.Sscanf(rest, `%d on "bao-root-key" with id 01`, &n); err != nil {
				t.Fatalf("%q: %v", c, err)
			}
			recorded[name] += n
		}
	}
	if fmt.Sprint(recorded) != fmt.Sprint(s.token.total) || recorded["C_GenerateKey"] != 1 || recorded["C_Decrypt"] < 3 {
		t.Errorf("the record has %v, the token had %v", recorded, s.token.total)
	}
}
