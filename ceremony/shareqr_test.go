package ceremony_test

import (
	"slices"
	"strings"
	"testing"

	"conclave/ceremony"
	"conclave/ceremony/transcript"
)

// TestShareQR: a share is shown as a QR code only after its custodian asked for
// it and was warned; the record has it before the screen, as an override, and it
// is no delivery: the lines are still to be written down.
func TestShareQR(t *testing.T) {
	s := newSite(t)
	m := s.open(ceremony.Init, s.request(ceremony.Init))
	shown := func(p ceremony.Prompt) bool { return at(p, "issue", ceremony.Show) }
	m.drive(shown)
	if p := m.run.Prompt(); !p.Reveal.Offers || p.Reveal.Code {
		t.Fatalf("the first page of a share: %+v", p.Reveal)
	}
	lines := m.run.Prompt().Reveal.Text
	codes := func() (n int) {
		for _, e := range events(m) {
			if e.Facts.Text("what") == "share as a QR code" {
				n++
			}
		}
		return n
	}

	m.answer(ceremony.Input{Choice: "qr"})
	p := m.run.Prompt()
	if p.Kind != ceremony.Choose || p.Choices[0].ID != "no" || !strings.Contains(strings.Join(p.Text, " "), "camera") || lines.Len() != 0 {
		t.Fatalf("no warning, or the lines are kept under it: %+v", p)
	}
	m.answer(ceremony.Input{Choice: "no"})
	if p := m.run.Prompt(); !shown(p) || p.Reveal.Code || codes() != 0 {
		t.Fatalf("no does not lead back to the lines: %+v", p)
	}
	m.answer(ceremony.Input{Choice: "qr"})
	m.answer(ceremony.Input{Choice: "yes"})
	p = m.run.Prompt()
	if !shown(p) || !p.Reveal.Code || p.Reveal.Offers || p.Reveal.Text.Len() != 77 || p.Reveal.Seconds != 30 {
		t.Fatalf("the QR code is shown like %+v", p)
	}
	if o := m.find("override"); codes() != 1 || !slices.ContainsFunc(o, func(e transcript.Event) bool {
		return e.Facts.Text("id") == "share-qr" && e.Facts.Text("who") == five[0]
	}) {
		t.Errorf("while it is shown the record has %d events of it, and the overrides %v", codes(), o)
	}
	code := p.Reveal.Text
	m.answer(ceremony.Input{})
	if p := m.run.Prompt(); !shown(p) || p.Reveal.Code || p.By.Name != five[0] || code.Len() != 0 {
		t.Fatalf("the code does not lead back to the lines, or is kept: %+v", p)
	}
	for _, e := range m.find("shown") {
		if e.Facts.Text("what") == "share" {
			t.Errorf("the QR code counts as a delivery: %v", e)
		}
	}
	m.answer(ceremony.Input{Choice: "qr"}) // once more
	m.answer(ceremony.Input{Choice: "yes"})
	m.answer(ceremony.Input{})
	s.must(m)
	n := 0
	for _, e := range m.find("override") {
		if e.Facts.Text("id") == "share-qr" {
			n++
		}
	}
	if codes() != 4 || n != 1 {
		t.Errorf("two displays: %d events, %d overrides", codes(), n)
	}
}
