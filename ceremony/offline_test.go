package ceremony_test

import (
	"errors"
	"strings"
	"testing"

	"conclave/ceremony"
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
