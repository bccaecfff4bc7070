package ceremony_test

import (
	"context"
	"strings"
	"testing"

	"conclave/ceremony"
	"conclave/ceremony/transcript"
	"conclave/hsm/secret"
	"conclave/vaultstate"
	"conclave/vaultstate/share"
)

// TestWrongQuorum: three shares of which one is wrong tell nothing; with a
// fourth the wrong one is found, and nobody types again.
func TestWrongQuorum(t *testing.T) {
	s := initialised(t)
	q := s.request(ceremony.Rekey)
	q.Custodians = five
	m := s.openWith(ceremony.Rekey, q, func(e *ceremony.Env) { e.Roster = nil })
	m.on = func(p ceremony.Prompt) (ceremony.Input, bool) {
		if at(p, "shares", ceremony.AskShare) && p.By.Name == five[1] {
			return m.typed(s.stranger()), true
		}
		return ceremony.Input{}, false
	}
	m.drive(nil)
	m.expect(ceremony.CodeDone)
	m.says("These shares together do not make the recovery key.")
	m.says("Found by trying combinations: wrong is the share of Bob Baker.")
	for name, want := range map[string]int{five[0]: 1, five[1]: 1, five[2]: 1, five[3]: 1, five[4]: 0} {
		if got := m.asked(name); got != want {
			t.Errorf("%s was asked %d times, want %d", name, got, want)
		}
	}
	quorums := m.find("quorum")
	if n := len(quorums); n != 3 || quorums[1].Facts.List("wrong")[0] != five[1] || quorums[2].Facts.Text("result") != "accepted" {
		t.Errorf("the record says %v", quorums)
	}
	for _, e := range m.find("authorised") {
		if e.Claimed == five[1] {
			t.Error("Bob is said to have authorised it")
		}
	}
}

// TestAuthorisedBy: a share authorises by share where a record knows it as theirs;
// where none does, it is what was typed.
func TestAuthorisedBy(t *testing.T) {
	for _, known := range []bool{true, false} {
		s := initialised(t)
		m := s.openWith(ceremony.Rekey, s.request(ceremony.Rekey), func(e *ceremony.Env) {
			if !known {
				e.Roster = nil
			}
		})
		m.drive(nil)
		want := map[bool]transcript.Evidence{true: transcript.ByShare, false: transcript.ByKeyboard}[known]
		list := m.find("authorised")
		for _, e := range list {
			if e.Evidence != want {
				t.Errorf("known: %v; %s authorised by %s", known, e.Claimed, e.Evidence)
			}
		}
		if len(list) != 3 {
			t.Errorf("%d authorised", len(list))
		}
	}
}

// TestTwoWrong: of four shares two are wrong: all are kept, a fifth is asked
// for, both are named, and only one of them must be typed again.
func TestTwoWrong(t *testing.T) {
	s := initialised(t)
	q := s.request(ceremony.Rekey)
	q.Custodians = five
	m := s.openWith(ceremony.Rekey, q, func(e *ceremony.Env) { e.Roster = nil })
	n := map[string]int{}
	m.on = func(p ceremony.Prompt) (ceremony.Input, bool) {
		if at(p, "shares", ceremony.AskShare) && (p.By.Name == five[1] || p.By.Name == five[2]) {
			if n[p.By.Name]++; n[p.By.Name] == 1 {
				return m.typed(s.stranger()), true
			}
		}
		return ceremony.Input{}, false
	}
	m.drive(nil)
	m.expect(ceremony.CodeDone)
	m.says("wrong is the share of Bob Baker and Carol Chen.")
	if m.asked(five[1])+m.asked(five[2]) != 2 {
		t.Errorf("Bob was asked %d times, Carol %d times", m.asked(five[1]), m.asked(five[2]))
	}
}

// TestNoWayOut: three custodians, one of them with a wrong share: all type
// again, or the ceremony stops.
func TestNoWayOut(t *testing.T) {
	s := initialised(t)
	m := s.openWith(ceremony.Rekey, s.request(ceremony.Rekey), func(e *ceremony.Env) { e.Roster = nil })
	m.on = func(p ceremony.Prompt) (ceremony.Input, bool) {
		if at(p, "shares", ceremony.AskShare) && p.By.Name == five[1] {
			return m.typed(s.stranger()), true
		}
		if at(p, "shares", ceremony.Choose) && m.asked(five[0]) == 2 {
			return ceremony.Input{Choice: "stop"}, true
		}
		return ceremony.Input{}, false
	}
	m.drive(nil)
	m.expect(ceremony.CodeStopped)
	if m.asked(five[0]) != 2 {
		t.Errorf("Alice was asked %d times", m.asked(five[0]))
	}
	if !s.works(three(s.held)...) {
		t.Error("the shares work no more")
	}
}

// TestClash: two shares with one number. If the first was the wrong one, it is
// given up for the second, and only its custodian types again.
func TestClash(t *testing.T) {
	s := initialised(t)
	m := s.openWith(ceremony.Rekey, s.request(ceremony.Rekey), func(e *ceremony.Env) { e.Roster = nil })
	wrong := once(func(p ceremony.Prompt) bool { return at(p, "shares", ceremony.AskShare) && p.By.Name == five[0] },
		func(ceremony.Prompt) ceremony.Input { return m.typed(s.wrong(share.X(s.held[five[1]]))) })
	m.on = func(p ceremony.Prompt) (ceremony.Input, bool) {
		if in, ok := wrong(p); ok {
			return in, true
		}
		return ceremony.Input{Choice: "use"}, at(p, "shares", ceremony.Choose)
	}
	m.drive(nil)
	m.expect(ceremony.CodeDone)
	for name, want := range map[string]int{five[0]: 2, five[1]: 1, five[2]: 1} {
		if got := m.asked(name); got != want {
			t.Errorf("%s was asked %d times, want %d", name, got, want)
		}
	}
}

// tooMany says of every quorum that there are too many combinations.
type tooMany struct{ vaultstate.Vault }

func (tooMany) Submit(_ context.Context, _ vaultstate.ID, q []secret.Bytes) (vaultstate.Progress, error) {
	return vaultstate.Progress{}, &vaultstate.QuorumError{Given: len(q), Needed: 3, Err: vaultstate.ErrTooManySubsets}
}

func TestTooManyCombinations(t *testing.T) {
	s := initialised(t)
	m := s.openWith(ceremony.Rekey, s.request(ceremony.Rekey), func(e *ceremony.Env) { e.Vault = tooMany{e.Vault} })
	m.drive(func(p ceremony.Prompt) bool { return at(p, "shares", ceremony.Choose) })
	m.says("There are more than 10,000 combinations of them")
	if p := m.run.Prompt(); p.Choices[0].ID != "again" || !strings.Contains(p.Text[0], "10,000") {
		t.Errorf("%+v", p)
	}
	m.abort()
	m.expect(ceremony.CodeStopped)
}
