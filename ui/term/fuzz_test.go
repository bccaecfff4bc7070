package term

import (
	"bytes"
	"testing"

	"conclave/hsm/secret"
)

// Whatever a terminal sends: no panic, no byte out of bounds, the caret within
// the text, what lies behind the text is zero, ctrl+c always gets through, and
// no control byte becomes text.
func FuzzEntry(f *testing.F) {
	for _, s := range []string{"1234\r", "\x1b[200~ab\r\n\x1b[201~\r", "\x1b]0;x\x07a\x1bO1Pb", "\x1b[[A\x1b[11~\x7f\x7f", "é\x7f\x15x\x03", "\x1b[<0;1;1M\x1bPq\x1b\\"} {
		f.Add([]byte(s), false, uint8(8), uint8(3))
		f.Add([]byte(s), true, uint8(77), uint8(0))
	}
	f.Fuzz(func(t *testing.T, in []byte, tight bool, room, cut uint8) {
		e := entry{text: secret.New(int(room)), tight: tight}
		defer e.text.Wipe()
		for i, b := range in {
			ev, key := e.feed(b)
			if (ev == stopped) != (b == ctrlC) {
				t.Fatalf("byte %d (%#x): event %v", i, b, ev)
			}
			if (ev == keyed) != (key != 0) {
				t.Fatalf("byte %d: event %v with key %v", i, ev, key)
			}
			if e.n < 0 || e.n > int(room) || e.at < 0 || e.at > e.n {
				t.Fatalf("byte %d: caret %d in %d of %d", i, e.at, e.n, room)
			}
			if i == int(cut) {
				e.cut(e.n/3, e.n/2)
			}
			if e.done {
				e.done = false
			}
		}
		all := e.text.Expose()
		if len(bytes.Trim(all[e.n:], "\x00")) != 0 {
			t.Fatal("what was erased is still there")
		}
		for _, c := range all[:e.n] {
			if c < 0x20 || c == del || tight && (c == ' ' || c >= 0x80) {
				t.Fatalf("%#x became text", c)
			}
		}
		if n := e.count(); n < 0 || n > e.n {
			t.Fatalf("counted %d characters in %d bytes", n, e.n)
		}
		// A person can always begin again, with ctrl+c at the latest.
		if ev, _ := e.feed(ctrlC); ev != stopped {
			t.Fatal("ctrl+c does not get through")
		}
	})
}
