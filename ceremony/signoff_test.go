package ceremony_test

import (
	"bytes"
	"crypto/sha256"
	"strings"
	"testing"

	"conclave/assets/words"
	"conclave/ceremony"
)

// TestReceipts checks that each receipt is the head after its event, and that it
// follows the last act of everybody but the operator.
func TestReceipts(t *testing.T) {
	s := initialised(t)
	m := s.must(s.open(ceremony.Rotate, s.request(ceremony.Rotate)))
	lines := bytes.SplitAfter(m.journal.paper.Bytes(), []byte("\n"))
	list := m.find("receipt")
	if len(list) != 4 {
		t.Fatalf("%d receipts, want those of a witness and three custodians", len(list))
	}
	for _, e := range list {
		n := e.Facts.Number("event")
		sum := sha256.Sum256(lines[n-1])
		if want := strings.Join(words.Words(sum[:8]), " "); e.Facts.Text("words") != want {
			t.Errorf("the receipt of event %d for %s has other words", n, e.Facts.Text("to"))
		}
		if !bytes.Contains(lines[n-1], []byte(`"signoff"`)) || !bytes.Contains(lines[n-1], []byte(e.Facts.Text("to"))) {
			t.Errorf("event %d is not what %s did last: %s", n, e.Facts.Text("to"), lines[n-1])
		}
		if !strings.Contains(m.seen.String(), strings.Join(strings.Fields(e.Facts.Text("words"))[:4], " ")) {
			t.Errorf("%s has not seen the words", e.Facts.Text("to"))
		}
	}
}

// TestSignOff has people who agree, who do not, and who are gone. The record
// closes each time; only the word complete is missing.
func TestSignOff(t *testing.T) {
	for _, tc := range []struct {
		name  string
		no    string // who does not agree
		gone  string // who has left
		later string // who comes later
		want  string
	}{
		{"all agree", "", "", "", "complete: 5 of 5 agree."},
		{"somebody later", "", "", "Wim Waters", "complete: 5 of 5 agree."},
		{"a custodian does not", "Bob Baker", "", "", "not complete: 4 of 5 agree. Bob Baker does not agree: The lamp was out."},
		{"the witness has left", "", "Wim Waters", "", "not complete: 4 of 5 agree. Wim Waters has left before the sign-off. No independent person, a witness, agrees."},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := initialised(t)
			m := s.open(ceremony.Rotate, s.request(ceremony.Rotate))
			secrets := 0
			m.on = func(p ceremony.Prompt) (in ceremony.Input, ok bool) {
				if p.StepID != "sign-off" {
					return in, false
				}
				called := p.Kind == ceremony.HandOver && (p.By.Name == tc.gone || p.By.Name == tc.later)
				switch {
				case called && tc.gone != "":
					return ceremony.Input{Choice: "other"}, true
				case called && secrets == 0:
					secrets++
					return ceremony.Input{Choice: "other"}, true
				case p.Kind == ceremony.Choose && p.Choices[0].ID == "later" && tc.gone != "":
					return ceremony.Input{Choice: "left"}, true
				case p.Kind == ceremony.Choose && p.By.Name == tc.no:
					return ceremony.Input{Choice: "disagree"}, true
				case p.Kind == ceremony.Ask && secrets == 0:
					secrets++
					return ceremony.Input{Text: "see " + pin}, true
				case p.Kind == ceremony.Ask:
					return ceremony.Input{Text: "The lamp was out."}, true
				}
				return in, false
			}
			m.drive(nil)
			m.expect(ceremony.CodeDone)
			if got := m.find("closed")[0].Facts.Text("signoff"); got != tc.want {
				t.Errorf("closed: %s\nwant    %s", got, tc.want)
			}
			for _, e := range m.find("signoff") {
				if e.Evidence != "keyboard" || e.Facts.Flag("agrees") == (e.Claimed == tc.no || e.Claimed == tc.gone) {
					t.Errorf("%s: %s, agrees %v", e.Claimed, e.Evidence, e.Facts.Flag("agrees"))
				}
			}
		})
	}
}

// Without a witness the record says what it lacks.
func TestSignOffAlone(t *testing.T) {
	s := initialised(t)
	q := s.request(ceremony.Unseal)
	q.Witness = ""
	m := s.must(s.open(ceremony.Unseal, q))
	want := "not complete: 1 of 1 agree. Fewer than 2 people agree. No independent person, a witness, agrees."
	if got := m.find("closed")[0].Facts.Text("signoff"); got != want {
		t.Errorf("closed: %s", got)
	}
	if !strings.Contains(m.seen.String(), "sign-off "+want) {
		t.Error("nobody was told")
	}
}
