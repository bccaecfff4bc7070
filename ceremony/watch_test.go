package ceremony_test

import (
	"testing"

	"conclave/ceremony"
)

// watchedAs holds what an audience sees of a ceremony that is over, and of each
// moment before, to the script that its people had.
func watchedAs(t *testing.T, m *room) {
	t.Helper()
	_, events := m.events()
	script := m.run.Script()
	for n := 1; n <= len(events); n++ {
		w := ceremony.Watch(events[:n])
		if len(w.Recent) != n || w.Header.ID != events[0].Facts.Text("id") {
			t.Fatalf("after %d events: %d lines of %q", n, len(w.Recent), w.Header.ID)
		}
		if (w.Over != "") != (n == len(events)) {
			t.Errorf("after %d of %d events it is over: %q", n, len(events), w.Over)
		}
		now := 0
		for _, l := range w.Script {
			if l.State == ceremony.Now {
				now++
			}
		}
		if now > 1 {
			t.Errorf("after %d events %d steps are being done", n, now)
		}
	}
	w := ceremony.Watch(events)
	if len(w.Script) != len(script) {
		t.Fatalf("an audience sees %v, the people had %v", w.Script, script)
	}
	for i, l := range w.Script {
		if s := script[i]; l.ID != s.ID || l.Title != s.Title || l.Number != s.Number || (l.State == ceremony.Skipped) != (s.State == ceremony.Skipped) || l.State == ceremony.ToCome || l.State == ceremony.Now {
			t.Errorf("step %d is %+v, and was %+v", i+1, l, s)
		}
	}
}
