package ceremony_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"conclave/ceremony"
	"conclave/ceremony/plan"
)

// sleep moves the clock on.
func (c *clock) sleep(d time.Duration) { c.ticks += int(d / (100 * time.Millisecond)) }

// TestSuspended: what a run left behind waits as long as the plan says, and no
// longer: then it can only be removed, and the page says so. By whichever of
// staged state and record is older; without the record by the staged state.
func TestSuspended(t *testing.T) {
	for _, c := range []struct {
		name   string
		days   int // of the plan; 0: not said
		wait   time.Duration
		record bool
		goesOn bool
	}{
		{"in time", 2, 47 * time.Hour, true, true},
		{"late", 2, 49 * time.Hour, true, false},
		{"late, without the record", 2, 49 * time.Hour, false, false},
		{"in the usual time", 0, 29 * 24 * time.Hour, true, true},
		{"after the usual time", 0, 31 * 24 * time.Hour, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := initialised(t)
			before := killed(s, ceremony.RecoveryRekey)
			s.clock.sleep(c.wait)
			q := s.request(ceremony.RecoveryRekey)
			if c.days > 0 {
				q.Suspended = plan.Number{Value: c.days, Given: true}
			}
			m := s.openWith(ceremony.RecoveryRekey, q, func(e *ceremony.Env) {
				if !c.record {
					e.Roster = nil
				}
			})
			m.fresh = before.fresh
			m.drive(func(p ceremony.Prompt) bool { return at(p, "vault", ceremony.Choose) })
			p := m.run.Prompt()
			offered := slices.ContainsFunc(p.Choices, func(c ceremony.Choice) bool { return c.ID == "resume" })
			text := strings.Join(p.Text, " ")
			if offered != c.goesOn || strings.Contains(text, "waits since 2026-11-25") == c.goesOn {
				t.Fatalf("offered: %v; %s", offered, text)
			}
			if !c.goesOn && !strings.Contains(text, "Remove it, and hold the ceremony from its beginning: its shares are void.") {
				t.Errorf("what to do is not said: %s", text)
			}
			// Who is here is asked anew in either case.
			if !c.goesOn {
				m.answer(ceremony.Input{Choice: "resume"}) // not a choice
				if !at(m.run.Prompt(), "vault", ceremony.Choose) {
					t.Fatal("it goes on all the same")
				}
			}
			if n := len(m.find("person")); n != 7 {
				t.Errorf("%d people were marked before it goes on", n)
			}
			m.drive(nil)
			m.expect(ceremony.CodeDone)
			if void := len(m.find("void")); void == 1 == c.goesOn {
				t.Errorf("%d sets are void", void)
			}
		})
	}
}

// TestBreakOverNight: a break with plain shares in the program's memory does not
// last into another day.
func TestBreakOverNight(t *testing.T) {
	for wait, ends := range map[time.Duration]bool{11 * time.Hour: false, 13 * time.Hour: true} {
		s := initialised(t)
		m := s.open(ceremony.RecoveryRekey, s.request(ceremony.RecoveryRekey))
		m.on = rests
		m.drive(func(p ceremony.Prompt) bool { return at(p, "issue", ceremony.HandOver) && p.By.Name == five[1] })
		m.interrupt(ceremony.Break)
		if said := m.run.Prompt().Lines; !strings.Contains(said[len(said)-1].Text, "longer than 12 hours") {
			t.Errorf("before the break is said: %+v", said)
		}
		m.drive(isRest)
		s.clock.sleep(wait)
		m.answer(ceremony.Input{Text: m.run.Prompt().Word})
		if !ends {
			if m.run.Done() {
				t.Errorf("it ended after %v", wait)
			}
			m.abort()
			continue
		}
		m.expect(ceremony.CodeStopped)
		if len(m.find("void")) != 1 || !strings.Contains(m.find("aborted")[0].Facts.Text("reason"), "longer than 12 hours") {
			t.Errorf("the record says %v", m.find("aborted"))
		}
	}
}
