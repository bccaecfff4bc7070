package ceremony_test

import (
	"errors"
	"strings"
	"testing"

	"conclave/ceremony"
	"conclave/ceremony/custodian"
)

// TestOffline: with offline in the plan a network interface that is up stops the
// ceremony on the page of the machine, and again before the change; once it is
// down, it goes on.
func TestOffline(t *testing.T) {
	for _, step := range []string{"machine", "commit"} {
		for name, found := range map[string]struct {
			up  []string
			err error
		}{"up": {[]string{"eth0"}, nil}, "unknown": {nil, errors.New("no list of eth0")}} {
			t.Run(step+" "+name, func(t *testing.T) {
				s := initialised(t)
				q := s.request(ceremony.Rotate)
				q.Offline = true
				up := false
				m := s.openWith(ceremony.Rotate, q, func(e *ceremony.Env) {
					e.Network = func() ([]string, error) {
						if up {
							return found.up, found.err
						}
						return nil, nil
					}
				})
				m.drive(func(p ceremony.Prompt) bool { return p.StepID == step })
				up = true
				m.answer(m.input(m.run.Prompt()))
				p := m.run.Prompt()
				if p.Problem == nil || !strings.Contains(p.Problem.Happened, "eth0") || p.StepID != step {
					t.Fatalf("with the interface up: %+v", p)
				}
				if n := len(m.find("swapped")); n != 0 {
					t.Fatal("the change was made")
				}
				if f := m.find("failed"); len(f) != 1 || !strings.Contains(f[0].Facts.Text("reason"), "eth0") {
					t.Errorf("the record has %+v", f)
				}
				up = false
				s.must(m)
			})
		}
	}
}

// TestOfflineForGood: what can never be undone is not done either while an interface is
// up, though operator and witness confirmed it: the old key is not destroyed, and the
// root token not revoked. Once it is down, it is done.
func TestOfflineForGood(t *testing.T) {
	for _, x := range []struct {
		ceremony.Ceremony
		word string
		done func(*site, *room) bool
	}{
		{ceremony.Retire, wornKey, func(s *site, m *room) bool { return s.next.none || len(m.find("key-destroyed")) > 0 }},
		{ceremony.RevokeRoot, "REVOKE", func(_ *site, m *room) bool { return len(m.find("token")) > 0 }},
	} {
		t.Run(x.ID, func(t *testing.T) {
			s := initialised(t)
			q := s.request(x.Ceremony)
			q.Offline = true
			up := []string(nil)
			m := s.openWith(x.Ceremony, q, func(e *ceremony.Env) { e.Network = func() ([]string, error) { return up, nil } })
			m.drive(func(p ceremony.Prompt) bool {
				return p.Kind == ceremony.Confirm && p.Word == x.word && p.By.Role == custodian.Witness
			})
			up = []string{"eth0"}
			m.drive(func(p ceremony.Prompt) bool { return p.Problem != nil })
			if p := m.run.Prompt(); p.Problem == nil || !strings.Contains(p.Problem.Happened, "eth0") || x.done(s, m) {
				t.Fatalf("with the interface up: done %v, %+v", x.done(s, m), p)
			}
			up = nil
			s.must(m)
			if !x.done(s, m) {
				t.Error("it was not done")
			}
		})
	}
}

// TestOfflineUnseen: who cannot look at the network does not say that there is none.
func TestOfflineUnseen(t *testing.T) {
	s := initialised(t)
	q := s.request(ceremony.Rotate)
	q.Offline = true
	m := s.open(ceremony.Rotate, q)
	m.drive(func(p ceremony.Prompt) bool { return p.StepID == "machine" })
	m.answer(ceremony.Input{})
	if p := m.run.Prompt(); p.Problem == nil {
		t.Errorf("it goes on: %+v", p)
	}
}

// TestOnline: without offline in the plan nobody looks.
func TestOnline(t *testing.T) {
	s := initialised(t)
	s.must(s.openWith(ceremony.Rotate, s.request(ceremony.Rotate), func(e *ceremony.Env) {
		e.Network = func() ([]string, error) { return []string{"eth0"}, nil }
	}))
}
