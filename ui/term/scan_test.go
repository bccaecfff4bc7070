package term

import (
	"strings"
	"testing"
	"time"
)

const scanned = "798114Z20CB50F02E950G91FE71E1BA749A4190850903C08K3FEFC7Z8F600EF7F911FW357601C"

// scanner feeds a tap, at times that the test sets.
type scanner struct {
	tap  *Tap
	now  time.Time
	last Note
	seen bool // a note said that something came too early
}

func newScanner() *scanner {
	s := &scanner{tap: NewTap(nil), now: time.Unix(1e9, 0)}
	s.tap.now = func() time.Time { return s.now }
	return s
}

func (s *scanner) arm() { s.tap.ArmShare(200, s.hear) }

func (s *scanner) hear(n Note) {
	s.last = n
	s.seen = s.seen || n.Early
}

// send types text in pieces, each so long after the one before.
func (s *scanner) send(text string, each int, gap time.Duration) {
	for len(text) > 0 {
		n := min(each, len(text))
		s.now = s.now.Add(gap)
		_, notes, note := s.tap.sort(make([]byte, 256), []byte(text[:n]))
		for _, x := range notes {
			note(x)
		}
		text = text[n:]
	}
}

func (s *scanner) holds() string {
	text := ""
	s.tap.Peek(func(b []byte) { text = string(b) })
	return text
}

// TestScan: a reader that types as a keyboard does gives the whole share,
// however fast it is and whatever it sends behind.
func TestScan(t *testing.T) {
	for _, end := range []string{"\r", "\n", "\r\n", "\t", "\t\r\n"} {
		for _, each := range []int{1, 3, 64, 256} {
			s := newScanner()
			s.arm()
			s.now = s.now.Add(time.Second)
			s.send(scanned+end, each, 5*time.Millisecond)
			if !s.last.Done || s.seen || s.last.Pasted || s.holds() != scanned {
				t.Errorf("%q, %d at a time: %+v, %d characters", end, each, s.last, len(s.holds()))
			}
		}
	}
	s := newScanner()
	s.arm()
	s.now = s.now.Add(time.Second)
	s.send(scanned, 1, 0)
	if s.last.Done || s.holds() != scanned {
		t.Errorf("with nothing behind it: %+v", s.last)
	}
}

// TestScanTooEarly: of a scan that began before its page, nothing is taken: not
// the rest of it, nor its enter. The page is told, and the next scan is whole.
func TestScanTooEarly(t *testing.T) {
	for at := range len(scanned) {
		for _, gap := range []time.Duration{0, time.Millisecond, 20 * time.Millisecond, 60 * time.Millisecond} {
			for _, paused := range []bool{false, true} {
				s := newScanner()
				if paused { // a page lay over the entry; a key takes it away
					s.arm()
					s.tap.Pause()
				}
				s.now = s.now.Add(time.Minute)
				s.send(scanned[:at], 1, gap)
				if s.arm(); paused {
					s.tap.Pause()
					s.tap.Resume()
				}
				s.send(scanned[at:]+"\r\n", 1, gap)
				if s.holds() != "" || s.last.Done || !s.seen || !s.last.Early {
					t.Fatalf("cut at %d, %s apart: %+v, %q is held", at, gap, s.last, s.holds())
				}
				s.now = s.now.Add(time.Second + time.Millisecond)
				s.send(scanned+"\r", 1, gap)
				if s.holds() != scanned || !s.last.Done || s.last.Early {
					t.Fatalf("cut at %d, %s apart, then whole: %+v, %d are held", at, gap, s.last, len(s.holds()))
				}
			}
		}
	}
}

// TestEarlyKeys: what a run is, and what is not one.
func TestEarlyKeys(t *testing.T) {
	for _, c := range []struct {
		name, text string
		each       int
		gap        time.Duration
		want       string
		seen       bool
	}{
		{"a person types early, and goes on", "ABCDE\r", 1, 290 * time.Millisecond, "", true},
		{"an enter of the page before, then a PIN", "\rAB", 1, 200 * time.Millisecond, "AB", false},
		{"a second enter", "\r", 1, 10 * time.Millisecond, "", false},
		{"the terminal has the focus again", "\x1b[I", 3, 10 * time.Millisecond, "", false},
		{"a paste that began early", "\x1b[200~" + scanned + "\x1b[201~\r", 10, 90 * time.Millisecond, "", true},
	} {
		s := newScanner()
		s.arm()
		s.send(c.text, c.each, c.gap)
		if s.holds() != c.want || s.seen != c.seen || s.last.Done {
			t.Errorf("%s: %q is held, %+v", c.name, s.holds(), s.last)
		}
	}
	s := newScanner()
	s.arm()
	s.send("\x0c", 1, 10*time.Millisecond)
	if s.last.Key != KeyBlank {
		t.Error("a key with a meaning does not count in the first moments")
	}
	s = newScanner()
	s.arm()
	s.send("12\x03", 3, 10*time.Millisecond)
	if s.tap.Armed() {
		t.Error("ctrl+c does not stop in the first moments")
	}
	if strings.Contains(s.holds(), "1") {
		t.Error("something is kept")
	}
}
