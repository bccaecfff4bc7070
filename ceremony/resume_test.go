package ceremony_test

import (
	"strings"
	"testing"

	"conclave/ceremony"
	"conclave/ceremony/custodian"
	"conclave/vaultstate/vaulttest"
)

// kill ends the program where it stands: the lock is given back, nothing else
// happens.
func (m *room) kill() {
	m.s.t.Helper()
	if err := m.local.Close(); err != nil {
		m.s.t.Fatal(err)
	}
	m.s.token.loggedIn = false
	m.keepRecord()
}

// killed is a recovery rekey or an init that was killed after two of five proofs.
func killed(s *site, c ceremony.Ceremony) *room {
	s.t.Helper()
	q := s.request(c)
	if c.ID == "init" {
		q.RootToken = "none"
	}
	m := s.open(c, q)
	m.drive(func(p ceremony.Prompt) bool { return at(p, "prove", ceremony.HandOver) && p.By.Name == five[2] })
	m.kill()
	return m
}

// TestResume: the next run names what it found and goes on at the next unproven
// custodian, with and without the earlier record.
func TestResume(t *testing.T) {
	for _, c := range []ceremony.Ceremony{ceremony.Init, ceremony.RecoveryRekey} {
		for name, record := range map[string]bool{"with the record": true, "without": false} {
			t.Run(c.ID+", "+name, func(t *testing.T) {
				s := siteFor(t, c)
				before := killed(s, c)
				q := s.request(c)
				if c.ID == "init" {
					q.RootToken = "none"
				}
				m := s.openWith(c, q, func(e *ceremony.Env) {
					if !record {
						e.Roster = nil
					}
				})
				m.fresh = before.fresh
				proved := ""
				m.on = func(p ceremony.Prompt) (ceremony.Input, bool) {
					if at(p, "vault", ceremony.Choose) && !strings.Contains(p.Choices[0].Consequence, "2 of 5 shares are proven") {
						t.Errorf("the page says %+v", p)
					}
					if at(p, "prove", ceremony.AskShare) {
						proved += p.By.Name[:1]
					}
					if at(p, "shares", ceremony.AskShare) || p.Kind == ceremony.Show {
						t.Errorf("%s was asked again: %s", p.By.Name, p.Heading)
					}
					return ceremony.Input{}, false
				}
				m.drive(nil)
				m.expect(ceremony.CodeDone)
				if proved != "CDE" {
					t.Errorf("proven by %q, want Carol, Dora and Erik", proved)
				}
				if record {
					m.count()
					set, ok := s.roster.ValidSet()
					if !ok || set.Ceremony != before.env.Plan.ID {
						t.Errorf("the roster says that the set of %q is valid", set.Ceremony)
					}
					for _, h := range set.Holdings {
						if h.Proven == "" {
							t.Errorf("share %d is not proven in the roster", h.Number)
						}
					}
				}
				if !s.works(three(before.fresh)...) {
					t.Error("the new shares do not work")
				}
				if c.ID != "init" && s.works(three(first.held)...) {
					t.Error("the old shares work")
				}
			})
		}
	}
}

// TestWrongProofAfterResume: without the record the vault itself knows the
// shares by their fingerprints.
func TestWrongProofAfterResume(t *testing.T) {
	s := initialised(t)
	before := killed(s, ceremony.RecoveryRekey)
	m := s.openWith(ceremony.RecoveryRekey, s.request(ceremony.RecoveryRekey), func(e *ceremony.Env) { e.Roster = nil })
	m.fresh = before.fresh
	m.on = once(func(p ceremony.Prompt) bool { return at(p, "prove", ceremony.AskShare) },
		func(ceremony.Prompt) ceremony.Input { return m.typed(before.fresh[five[4]]) })
	m.drive(nil)
	m.expect(ceremony.CodeDone)
	m.says("This is not the share that was handed out here.")
}

// TestRemoveLeftover: found, named, removed, and the set is void in the record;
// then the ceremony is held from its beginning.
func TestRemoveLeftover(t *testing.T) {
	for _, c := range []ceremony.Ceremony{ceremony.Init, ceremony.RecoveryRekey} {
		t.Run(c.ID, func(t *testing.T) {
			s := siteFor(t, c)
			before := killed(s, c)
			m := s.open(c, s.request(c))
			m.on = func(p ceremony.Prompt) (ceremony.Input, bool) {
				return ceremony.Input{Choice: "remove"}, at(p, "vault", ceremony.Choose)
			}
			s.must(m)
			void := m.find("void")
			if len(void) != 1 || void[0].Facts.Text("set") != before.find("issued")[0].Facts.Text("set") {
				t.Errorf("void in the record: %v", void)
			}
			for _, set := range s.roster.Sets {
				if want := map[bool]string{true: custodian.Void}[set.Ceremony == before.env.Plan.ID]; want != "" && set.State != want {
					t.Errorf("the set of %s is %s", set.Ceremony, set.State)
				}
			}
			if s.works(three(before.fresh)...) {
				t.Error("the void shares work")
			}
			if !s.works(three(s.held)...) {
				t.Error("the shares do not work")
			}
		})
	}
}

// TestPartlyHandedOut: a run that was killed before it had filed every share
// cannot go on, and the page says why.
func TestPartlyHandedOut(t *testing.T) {
	for filed, want := range map[int]string{0: "5 of its 5 shares were lost", 2: "3 of its 5 shares were lost"} {
		s := initialised(t)
		q := s.request(ceremony.RecoveryRekey)
		for _, name := range five {
			q.RecoveryKeys = append(q.RecoveryKeys, s.keyFor(name))
		}
		m := s.open(ceremony.RecoveryRekey, q)
		m.shelf.failAt = m.shelf.puts + 5 + filed + 1 // after the keys
		m.drive(func(p ceremony.Prompt) bool { return at(p, "issue", ceremony.Choose) })
		m.kill()
		m = s.open(ceremony.RecoveryRekey, q)
		told := false
		m.on = func(p ceremony.Prompt) (ceremony.Input, bool) {
			if !at(p, "vault", ceremony.Choose) {
				return ceremony.Input{}, false
			}
			told = strings.Contains(strings.Join(p.Text, " "), want)
			if len(p.Choices) != 2 {
				t.Errorf("the choices are %+v", p.Choices)
			}
			return ceremony.Input{Choice: "remove"}, true
		}
		s.must(m)
		if !told {
			t.Errorf("the page does not say %q", want)
		}
	}
}

// TestKeepLeftover stops and changes nothing; an unseal says what is there and
// leaves it.
func TestKeepLeftover(t *testing.T) {
	s := initialised(t)
	killed(s, ceremony.RecoveryRekey)
	m := s.open(ceremony.Rotate, s.request(ceremony.Rotate))
	m.on = func(p ceremony.Prompt) (ceremony.Input, bool) {
		return ceremony.Input{Choice: "stop"}, at(p, "vault", ceremony.Choose)
	}
	m.drive(nil)
	m.expect(ceremony.CodeStopped)
	m.keepRecord()
	u := s.must(s.open(ceremony.Unseal, s.request(ceremony.Unseal)))
	if left := u.find("target")[0].Facts.List("leftovers"); len(left) != 1 {
		t.Errorf("the record says %q", left)
	}
	staged := 0
	for _, l := range s.status().Pending {
		if l.State == "staged" {
			staged++
		}
	}
	if staged != 1 {
		t.Errorf("%d staged sets are left", staged)
	}
}

// TestOtherPlan: a staged set that is not what this plan asks for cannot go on,
// and the page says why.
func TestOtherPlan(t *testing.T) {
	s := initialised(t)
	killed(s, ceremony.RecoveryRekey)
	for name, c := range map[string]struct {
		ceremony  ceremony.Ceremony
		shares    int
		names     []string
		rootToken string
		why       string
	}{
		"another kind":   {ceremony.Rotate, 0, five, "", ""},
		"other numbers":  {ceremony.RecoveryRekey, 4, five[:4], "", "It cannot go on here: it has 5 shares of which 3 are needed, this plan says 4 and 3."},
		"another holder": {ceremony.RecoveryRekey, 5, []string{five[1], five[0], five[2], five[3], five[4]}, "", "It cannot go on here: share 1 of it went to Alice Adams, not to Bob Baker."},
	} {
		t.Run(name, func(t *testing.T) {
			s.t = t
			q := s.request(c.ceremony)
			q.Custodians, q.RootToken = c.names, c.rootToken
			if c.shares > 0 {
				q.RecoveryShares.Value = c.shares
			}
			m := s.open(c.ceremony, q)
			m.drive(func(p ceremony.Prompt) bool { return at(p, "vault", ceremony.Choose) })
			p := m.run.Prompt()
			if p.Choices[0].ID == "resume" {
				t.Error("it is offered to go on")
			}
			if c.why != "" && p.Text[1] != c.why {
				t.Errorf("the page says %q", p.Text)
			}
			m.abort()
		})
	}
}

// TestLostToken: an init whose root token nobody has cannot go on.
func TestLostToken(t *testing.T) {
	s := newSite(t)
	m := s.open(ceremony.Init, s.request(ceremony.Init))
	m.drive(func(p ceremony.Prompt) bool { return at(p, "prove", ceremony.HandOver) && p.By.Name == five[2] })
	m.kill()
	m = s.open(ceremony.Init, s.request(ceremony.Init))
	m.drive(func(p ceremony.Prompt) bool { return at(p, "vault", ceremony.Choose) })
	if p := m.run.Prompt(); p.Choices[0].ID != "remove" || !strings.Contains(p.Text[1], "its root token was lost") {
		t.Errorf("%+v", p)
	}
	m.abort()
}

// TestCutAfterSwap: a run that was killed between the swap and its event. The
// next one finds the new state in place, says so, and the roster is right.
func TestCutAfterSwap(t *testing.T) {
	for _, c := range []ceremony.Ceremony{ceremony.Init, ceremony.Rekey, ceremony.RecoveryRekey, ceremony.ReEncrypt} {
		for _, lost := range []string{"swapped", "outcome"} {
			t.Run(c.ID+", "+lost, func(t *testing.T) {
				s := siteFor(t, c)
				m := s.open(c, s.request(c))
				m.journal.failOn = lost
				m.drive(nil)
				if o := m.run.Outcome(); o.Code != ceremony.CodeFailed || !strings.Contains(o.Sentence, "The change was already made") {
					t.Fatalf("%+v", o)
				}
				m.kill()
				for name, raw := range m.fresh {
					s.held[name] = raw
				}
				u := s.must(s.open(ceremony.Unseal, s.request(ceremony.Unseal)))
				told := false
				for _, p := range u.prompts {
					told = told || strings.Contains(strings.Join(p.Text, " "), "The storage shows that the commit was made")
				}
				if !told && lost == "swapped" {
					t.Error("nobody was told")
				}
				if set, _ := s.roster.ValidSet(); len(m.fresh) > 0 && set.Ceremony != m.env.Plan.ID {
					t.Errorf("the roster says that the set of %q is valid", set.Ceremony)
				}
				s.must(s.open(ceremony.Rotate, s.request(ceremony.Rotate)))
			})
		}
	}
}

// TestSharesAfterCut: the run that finds such a commit asks for shares itself,
// and takes the new ones.
func TestSharesAfterCut(t *testing.T) {
	s := initialised(t)
	m := s.open(ceremony.RecoveryRekey, s.request(ceremony.RecoveryRekey))
	m.journal.failOn = "swapped"
	m.drive(nil)
	m.kill()
	for name, raw := range m.fresh {
		s.held[name] = raw
	}
	u := s.must(s.open(ceremony.Rotate, s.request(ceremony.Rotate)))
	for _, p := range u.prompts {
		if p.Problem != nil {
			t.Errorf("a share of the new set: %+v", p.Problem)
		}
	}
}

// TestOlderState: an older state that was put back, and one changed outside
// Conclave, stop with code 4 before anybody is asked for a share.
func TestOlderState(t *testing.T) {
	for name, c := range map[string]struct {
		then ceremony.Ceremony
		says string
	}{
		"an older recovery key": {ceremony.RecoveryRekey, "an older state was put back: its recovery key"},
		"an older root key":     {ceremony.Rekey, "an older state was put back: its root key"},
	} {
		t.Run(name, func(t *testing.T) {
			s := initialised(t)
			older := s.disk.Crash(vaulttest.Kept)
			s.must(s.open(c.then, s.request(c.then)))
			s.disk = older
			m := s.open(ceremony.Rotate, s.request(ceremony.Rotate))
			m.drive(isFailure)
			if m.asked(five[0]) > 0 {
				t.Error("a share was asked for")
			}
			if p := m.run.Prompt(); !strings.Contains(p.Heading, c.says) || len(p.Choices) != 1 {
				t.Fatalf("%+v", p)
			}
			m.answer(ceremony.Input{Choice: "stop"})
			m.expect(ceremony.CodeChanged)
		})
	}
	t.Run("an unknown key", func(t *testing.T) {
		s := initialised(t)
		record := s.roster
		s.must(s.open(ceremony.RecoveryRekey, s.request(ceremony.RecoveryRekey)))
		s.roster = record // as if the rekey had been made elsewhere
		m := s.open(ceremony.Rotate, s.request(ceremony.Rotate))
		m.drive(isFailure)
		if p := m.run.Prompt(); !strings.Contains(p.Heading, "this recovery key is not the one that KC-1 left") {
			t.Fatalf("%+v", p)
		}
		m.answer(ceremony.Input{Choice: "stop"})
		m.expect(ceremony.CodeChanged)
	})
}

// isFailure stops at the first page of a failure.
func isFailure(p ceremony.Prompt) bool {
	return p.Kind == ceremony.Choose && p.Problem != nil && p.Problem.Badge == "STOPPED"
}
