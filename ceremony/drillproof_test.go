package ceremony_test

import (
	"slices"
	"strings"
	"testing"

	"conclave/ceremony"
	"conclave/ceremony/plan"
	"conclave/hsm/secret"
)

func (s *site) drillOf(proof string) plan.Request {
	q := s.request(ceremony.Drill)
	q.Drilling.Proof = proof
	return q
}

// TestDrillQuorum: as many as are needed give their share, and the vault compares
// the key that they make with the one of its HSM. Operator and witness agree to
// it first, and it is an override. The others prove theirs alone, where a record
// knows it.
func TestDrillQuorum(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*site)
		wrong  bool // Bob's first try is
		record string
		says   string // the outcome
	}{
		"with a record": {func(*site) {}, false,
			"Alice Adams quorum, Bob Baker quorum, Carol Chen quorum, Dora Dean share, Erik Esser share", "5 of 5 shares are proven."},
		"without one":          {func(s *site) { s.roster = nil }, false, "", "The shares of Alice Adams, Bob Baker and Carol Chen make the recovery key. Nothing was changed."},
		"one of them is wrong": {func(s *site) { s.roster = nil }, true, "", "The shares of Alice Adams, Carol Chen and Dora Dean make the recovery key."},
	} {
		t.Run(name, func(t *testing.T) {
			s := initialised(t)
			c.change(s)
			before := s.status().Storage
			m := s.open(ceremony.Drill, s.drillOf(plan.ProofQuorum))
			wrong, most := 0, 0
			m.on = func(p ceremony.Prompt) (ceremony.Input, bool) {
				switch {
				case c.wrong && wrong == 0 && at(p, "shares", ceremony.AskShare) && p.By.Name == five[1]:
					wrong++
					return m.typed(s.stranger()), true
				case p.Kind == ceremony.AskShare:
					most = max(most, p.Entry.Given)
				}
				return ceremony.Input{}, false
			}
			m.drive(nil)
			m.expect(ceremony.CodeDone)
			if got := m.why(); got != c.record {
				t.Errorf("the record: %s", got)
			}
			var words []string
			for _, ev := range m.find("confirmed") {
				if ev.Facts.Text("word") == "QUORUM" {
					words = append(words, ev.Claimed)
				}
			}
			rep, _ := m.events()
			if !slices.Equal(words, []string{"Olga Example", "Wim Waters"}) || !strings.Contains(strings.Join(rep.Overrides, " "), "lie in the memory of this one machine together") {
				t.Errorf("agreed by %q; overrides %q", words, rep.Overrides)
			}
			if q := m.find("quorum"); len(q) == 0 || q[len(q)-1].Facts.Text("result") != "accepted" || len(q[len(q)-1].Facts.List("names")) < 3 {
				t.Errorf("the quorum: %v", q)
			}
			if o := m.run.Outcome(); !strings.Contains(o.Sentence, c.says) {
				t.Error(o.Sentence)
			}
			if s.status().Storage != before || len(m.find("staged")) > 0 {
				t.Error("the vault was changed")
			}
		})
	}
}

// TestDrillQuorumAlone: a drill of a quorum for which nobody agrees does not begin.
func TestDrillQuorumAlone(t *testing.T) {
	s := initialised(t)
	m := s.open(ceremony.Drill, s.drillOf(plan.ProofQuorum))
	m.drive(func(p ceremony.Prompt) bool { return p.StepID == "gather" && p.Kind == ceremony.Confirm })
	p := m.run.Prompt()
	if p.Word != "QUORUM" || !strings.Contains(strings.Join(p.Text, " "), "Whoever controls this machine then has the quorum.") {
		t.Errorf("%+v", p)
	}
	m.answer(ceremony.Input{Text: "YES"})
	if m.run.Prompt().StepID != "gather" {
		t.Errorf("another word: %+v", m.run.Prompt())
	}
	m.abort()
	m.expect(ceremony.CodeStopped)
}

// TestDrillKey: who has a key decrypts a challenge to it. The record says that
// only the key is proven, and the roster does not say that the share is.
func TestDrillKey(t *testing.T) {
	for name, c := range map[string]struct {
		bob    string // what becomes of Bob, whose device has nothing to decrypt with
		record string
	}{
		"all answer":          {"", "Alice Adams key, Bob Baker key, Carol Chen key, Dora Dean key, Erik Esser key"},
		"one cannot":          {"not", "Alice Adams key, Carol Chen key, Dora Dean key, Erik Esser key, Bob Baker not: unanswered"},
		"types it instead":    {"share", "Alice Adams key, Bob Baker share, Carol Chen key, Dora Dean key, Erik Esser key"},
		"tries another again": {"again", "Alice Adams key, Bob Baker key, Carol Chen key, Dora Dean key, Erik Esser key"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.must(s.openPGP(false))
			was, _ := s.roster.ValidSet()
			q := s.drillOf(plan.ProofKey)
			for _, who := range five {
				q.RecoveryKeys = append(q.RecoveryKeys, s.publicKey(who))
			}
			slices.Reverse(q.RecoveryKeys) // whose each is the record knows
			m := s.open(ceremony.Drill, q)
			none := 0
			m.on = func(p ceremony.Prompt) (ceremony.Input, bool) {
				switch {
				case p.Kind == ceremony.AskSecret && p.By.Name == five[1] && c.bob != "" && none == 0:
					none++
					return ceremony.Input{Secret: secret.Take([]byte("NONE")), Source: "typed"}, true
				case at(p, "drill", ceremony.Choose):
					return ceremony.Input{Choice: c.bob}, true
				}
				return ceremony.Input{}, false
			}
			s.must(m)
			if got := m.why(); got != c.record {
				t.Errorf("the record: %s", got)
			}
			set, _ := s.roster.ValidSet()
			for i, h := range set.Holdings {
				byShare := strings.Contains(c.record, h.Custodian+" share")
				byKey := strings.Contains(c.record, h.Custodian+" key")
				if (h.Proven > was.Holdings[i].Proven) != byShare || (h.Challenged > was.Holdings[i].Challenged) != byKey {
					t.Errorf("the roster: %+v", h)
				}
			}
			if len(s.token.calls) > 0 && !slices.Equal(s.token.calls[len(s.token.calls)-1:], []string{"Logout"}) {
				t.Errorf("calls to the HSM: %q", s.token.calls)
			}
		})
	}
}

// TestDrillKeyOnPaper: who has a share on paper, or a key that the plan does not
// have, types the share.
func TestDrillKeyOnPaper(t *testing.T) {
	s := newSite(t)
	s.must(s.openPGP(false))
	q := s.drillOf(plan.ProofKey)
	q.RecoveryKeys = []plan.File{s.publicKey(five[2])}
	m := s.must(s.open(ceremony.Drill, q))
	if got := m.why(); got != "Alice Adams share, Bob Baker share, Carol Chen key, Dora Dean share, Erik Esser share" {
		t.Errorf("the record: %s", got)
	}
	if o := m.run.Outcome(); !strings.Contains(o.Sentence, "4 of 5 shares are proven, of 1 more only the key. Nothing was changed.") {
		t.Error(o.Sentence)
	}
}

// TestDrillCard: whose key it is the records say, and whoever can change those
// can exchange it. So the card is read, unless something outside of them confirms
// them; a key that is not the one on the card proves nothing.
func TestDrillCard(t *testing.T) {
	for name, c := range map[string]struct {
		confirmed string
		bob       string // what he types; "": what his card says
		choice    string
		cards     int // results in the record
		why       string
		overrides bool
	}{
		"read":           {"", "", "", 5, "Alice Adams key, Bob Baker key, Carol Chen key, Dora Dean key, Erik Esser key", false},
		"confirmed":      {"the head of KC-1, as it was given", "", "", 0, "Alice Adams key, Bob Baker key, Carol Chen key, Dora Dean key, Erik Esser key", false},
		"another's":      {"", "0000 0000 0000 0000", "not", 6, "Alice Adams key, Carol Chen key, Dora Dean key, Erik Esser key, Bob Baker not: other key", false},
		"at last":        {"", "0000 0000 0000 0000", "again", 7, "Alice Adams key, Bob Baker key, Carol Chen key, Dora Dean key, Erik Esser key", false},
		"has none":       {"", "NONE", "without", 5, "Alice Adams key, Bob Baker key, Carol Chen key, Dora Dean key, Erik Esser key", true},
		"types it still": {"", "0000 0000 0000 0000", "share", 6, "Alice Adams key, Bob Baker share, Carol Chen key, Dora Dean key, Erik Esser key", false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.must(s.openPGP(false))
			q := s.drillOf(plan.ProofKey)
			q.Drilling.Confirmed = c.confirmed
			for _, who := range five {
				q.RecoveryKeys = append(q.RecoveryKeys, s.publicKey(who))
			}
			m := s.open(ceremony.Drill, q)
			tries := 0
			m.on = func(p ceremony.Prompt) (ceremony.Input, bool) {
				switch {
				case len(p.Groups) > 0 && p.By.Name == five[1] && c.bob != "" && tries < 2:
					tries++
					return ceremony.Input{Text: c.bob}, true
				case at(p, "drill", ceremony.Choose):
					return ceremony.Input{Choice: c.choice}, true
				}
				return ceremony.Input{}, false
			}
			s.must(m)
			if got := m.why(); got != c.why {
				t.Errorf("the record: %s", got)
			}
			rep, _ := m.events()
			if n := len(m.find("pgp-key")); n != c.cards || strings.Contains(strings.Join(rep.Overrides, " "), "was not compared with its holder's own card") != c.overrides {
				t.Errorf("%d cards; overrides %q", n, rep.Overrides)
			}
			if text := strings.Join(m.find("header")[0].Facts.List("plan"), " "); strings.Contains(text, "confirmed by") != (c.confirmed != "") {
				t.Error(text)
			}
		})
	}
}
