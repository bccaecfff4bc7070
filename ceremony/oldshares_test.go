package ceremony_test

import (
	"fmt"
	"strings"
	"testing"

	"conclave/ceremony"
	"conclave/ceremony/plan"
)

// TestOldShares: the replaced shares are counted against the vault's own number,
// and destroyed before operator and witness once the new ones are proven; those
// that are missing are named as alive.
func TestOldShares(t *testing.T) {
	for _, tt := range []struct {
		name    string
		answers []string // to the question which lie here
		want    string
		words   int // DESTROYED is typed
	}{
		{"some", []string{"5, 1 2"}, "map[choice:destroyed collected:[1 (Alice Adams) 2 (Bob Baker) 5 (Erik Esser)] method:shredded missing:[3 (Carol Chen) 4 (Dora Dean)] of:5 set:SET]", 2},
		{"all", []string{"6", "1 1", "-1", "one", "ALL"}, "map[choice:destroyed collected:[1 (Alice Adams) 2 (Bob Baker) 3 (Carol Chen) 4 (Dora Dean) 5 (Erik Esser)] method:shredded missing:[] of:5 set:SET]", 2},
		{"none", []string{""}, "map[choice:none collected collected:[] missing:[1 (Alice Adams) 2 (Bob Baker) 3 (Carol Chen) 4 (Dora Dean) 5 (Erik Esser)] of:5 set:SET]", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := initialised(t)
			old := s.roster.Sets[len(s.roster.Sets)-1].ID
			m := s.open(ceremony.RecoveryRekey, s.request(ceremony.RecoveryRekey))
			words, proven, answers := 0, 0, tt.answers
			m.on = func(p ceremony.Prompt) (ceremony.Input, bool) {
				if p.StepID != "old-shares" {
					return ceremony.Input{}, false
				}
				if proven = len(m.find("proven")); proven != 5 || len(m.find("swapped")) != 1 || len(m.find("outcome")) != 1 {
					t.Fatalf("old shares are asked for when %d new ones are proven", proven)
				}
				switch {
				case p.Kind == ceremony.Ask && p.Default == "none":
					a := answers[0]
					answers = answers[1:]
					return ceremony.Input{Text: a}, true
				case p.Kind == ceremony.Confirm:
					words++
				}
				return ceremony.Input{}, false
			}
			s.must(m)
			list := m.find("old-shares")
			if len(list) != 1 || len(answers) != 0 || words != tt.words {
				t.Fatalf("%d events, %d answers left, %d words", len(list), len(answers), words)
			}
			if got := strings.Replace(fmt.Sprint(list[0].Facts), old, "SET", 1); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// TestOldSharesKept: where the new shares were not proven, or the old state was
// put back, nobody is told to destroy an old one.
func TestOldSharesKept(t *testing.T) {
	s := initialised(t)
	q := s.request(ceremony.RecoveryRekey)
	q.SkipProof = true
	m := s.open(ceremony.RecoveryRekey, q)
	m.drive(nil)
	m.expect(ceremony.CodeDone)
	list := m.find("old-shares")
	if len(list) != 1 || list[0].Facts.Text("choice") != "kept" || len(list[0].Facts.List("missing")) != 5 || strings.Contains(m.seen.String(), "DESTROYED") {
		t.Errorf("%v", list)
	}

	s = initialised(t)
	m = s.open(ceremony.RecoveryRekey, s.request(ceremony.RecoveryRekey))
	m.on = func(p ceremony.Prompt) (ceremony.Input, bool) {
		return ceremony.Input{Choice: "undo"}, at(p, "rollback", ceremony.Choose)
	}
	m.drive(nil)
	m.expect(ceremony.CodeDone)
	if n := len(m.find("old-shares")); n != 0 {
		t.Errorf("the old state was put back, and %d events are about old shares", n)
	}
}

// TestOldSharesFewer: the old set's own number counts, not the new one's; and
// without an earlier record there are numbers and no names.
func TestOldSharesFewer(t *testing.T) {
	s := initialised(t)
	s.roster = nil
	q := s.request(ceremony.RecoveryRekey)
	q.RecoveryShares, q.RecoveryThreshold = plan.Number{Value: 3, Given: true}, plan.Number{Value: 2, Given: true}
	m := s.open(ceremony.RecoveryRekey, q)
	m.on = func(p ceremony.Prompt) (ceremony.Input, bool) {
		return ceremony.Input{Text: "4"}, at(p, "old-shares", ceremony.Ask) && p.Default == "none"
	}
	m.drive(nil)
	m.expect(ceremony.CodeDone)
	if got := fmt.Sprint(m.find("old-shares")[0].Facts); got != "map[choice:destroyed collected:[4] method:shredded missing:[1 2 3 5] of:5 set:]" {
		t.Error(got)
	}
}
