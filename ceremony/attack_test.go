package ceremony_test

import (
	"bytes"
	"io/fs"
	"strings"
	"testing"

	"conclave/ceremony"
	"conclave/ceremony/custodian"
	"conclave/hsm/secret"
	"conclave/vaultstate/share"
)

// Attacks on what a run is given: records, shares and media. ATTACKS.md lists
// them all.

// TestRecordsSwapped gives a ceremony the records of another vault: it stops
// before anybody is asked for a share, and nothing is changed.
func TestRecordsSwapped(t *testing.T) {
	other := newSite(t)
	other.must(other.open(ceremony.Init, other.small(ceremony.Init)))
	s := initialised(t)
	s.roster = other.roster
	before := s.status()
	m := s.open(ceremony.Rotate, s.request(ceremony.Rotate))
	m.drive(isFailure)
	if m.asked(five[0]) > 0 {
		t.Error("a share was asked for")
	}
	if p := m.run.Prompt(); !strings.Contains(p.Heading, "is not the one that KC-1 left") || len(p.Choices) != 1 {
		t.Fatalf("%+v", p)
	}
	m.answer(ceremony.Input{Choice: "stop"})
	m.expect(ceremony.CodeChanged)
	if s.status().Storage != before.Storage {
		t.Error("the vault was changed")
	}
}

// TestRosterLies: a roster that calls a good share replaced, or void, is a hint.
// Nobody is told to destroy the share on its word, and the vault takes it.
func TestRosterLies(t *testing.T) {
	for _, state := range []string{custodian.Replaced, custodian.Void} {
		t.Run(state, func(t *testing.T) {
			s := initialised(t)
			lie := *s.roster
			lie.Sets = append([]custodian.Set(nil), lie.Sets...)
			lie.Sets[0].State, lie.Sets[0].Ended = state, "KC-0"
			s.roster = &lie
			m := s.open(ceremony.Rotate, s.request(ceremony.Rotate))
			doubted := 0
			m.on = func(p ceremony.Prompt) (ceremony.Input, bool) {
				if p.StepID == "shares" && p.Kind == ceremony.Choose && p.Problem != nil {
					doubted++
					if all := p.Problem.Happened + p.Problem.State + p.Problem.Do; !strings.Contains(all, "so say the earlier records") || strings.Contains(strings.ToLower(all), "destroy") {
						t.Errorf("the page says %q", all)
					}
					return ceremony.Input{Choice: "use"}, true
				}
				return ceremony.Input{}, false
			}
			m.drive(nil)
			m.expect(ceremony.CodeDone)
			if doubted != 3 {
				t.Errorf("%d shares were doubted", doubted)
			}
		})
	}
}

// TestVoidShareTyped: shares of a set that never counted are named, and do not
// authorise anything, whatever the people insist on.
func TestVoidShareTyped(t *testing.T) {
	s := initialised(t)
	var void *room
	for void == nil || clashes(void.fresh[five[1]], s.held, five[1]) {
		void = s.open(ceremony.RecoveryRekey, s.request(ceremony.RecoveryRekey))
		void.drive(func(p ceremony.Prompt) bool { return at(p, "prove", ceremony.HandOver) })
		void.abort()
		void.keepRecord()
	}
	if s.works(three(void.fresh)...) {
		t.Error("the void shares make the recovery key")
	}
	q := s.request(ceremony.Rotate)
	q.Custodians = five
	m := s.open(ceremony.Rotate, q)
	first := once(func(p ceremony.Prompt) bool { return at(p, "shares", ceremony.AskShare) && p.By.Name == five[1] },
		func(ceremony.Prompt) ceremony.Input { return m.typed(void.fresh[five[1]]) })
	m.on = func(p ceremony.Prompt) (ceremony.Input, bool) {
		if in, ok := first(p); ok {
			return in, true
		}
		return ceremony.Input{Choice: "use"}, p.Kind == ceremony.Choose && p.Heading == "This is a share of a set that never counted."
	}
	s.must(m)
	m.says("This is a share of a set that never counted. Typed: Bob Baker, share 2")
	m.says("Found by trying combinations: wrong is the share of Bob Baker.")
}

// clashes tells whether a share stands at the same place of Shamir's polynomial
// as one that somebody else holds: that is found in another way (TestClash). Its
// last byte is the place, which is chosen at random.
func clashes(raw secret.Bytes, held map[string]secret.Bytes, but string) bool {
	for name, other := range held {
		if name != but && share.X(other) == share.X(raw) {
			return true
		}
	}
	return false
}

// TestPracticeShareInProduction: a share of a rehearsal is named as one, where a
// real share is asked for and where one is proven.
func TestPracticeShareInProduction(t *testing.T) {
	s := newSite(t)
	s.practice = false
	m := s.open(ceremony.Init, s.small(ceremony.Init))
	practice := func(m *room, step string) func(ceremony.Prompt) (ceremony.Input, bool) {
		return once(func(p ceremony.Prompt) bool { return at(p, step, ceremony.AskShare) }, func(p ceremony.Prompt) ceremony.Input {
			raw := s.held[p.By.Name]
			if step == "prove" {
				raw = m.received(p.By.Name)
			}
			return ceremony.Input{Secret: share.Scheme{Practice: true}.Groups(raw), Source: "typed"}
		})
	}
	m.on = practice(m, "prove")
	s.must(m)
	m.says("This is a practice share")
	q := s.request(ceremony.Rotate)
	q.Custodians = five[:2]
	m = s.open(ceremony.Rotate, q)
	m.on = practice(m, "shares")
	s.must(m)
	m.says("This is a practice share")
}

// TestAnotherSetOnTheMedium puts the share file of a void set in the place of
// the one that was written: before it is written nothing is overwritten and
// nothing counts; after that the custodian is not asked for the share.
func TestAnotherSetOnTheMedium(t *testing.T) {
	s := newSite(t)
	void, old := s.openMedium()
	void.drive(func(p ceremony.Prompt) bool { return at(p, "prove", ceremony.HandOver) })
	void.abort()
	const name = "shares/1-alice-adams.asc"
	planted := old.files[name]
	if !strings.HasPrefix(string(planted), "-----BEGIN PGP MESSAGE") {
		t.Fatalf("the file of the void set is %q", planted)
	}
	turn := func(p ceremony.Prompt) bool { return at(p, "prove", ceremony.Attest) && p.By.Name == five[0] }

	m, medium := s.openMedium()
	m.drive(turn)
	medium.files[name] = planted
	m.answer(ceremony.Input{})
	if p := m.run.Prompt(); p.Kind == ceremony.AskShare || p.Problem == nil || !strings.Contains(p.Problem.Happened, "not the one that was written") {
		t.Errorf("after the file was exchanged: %+v", p)
	}
	if e := m.find("carried"); len(e) != 1 || e[0].Facts.Flag("same") {
		t.Errorf("the record says %v", e)
	}
	m.abort()

	m, medium = s.openMedium()
	medium.files[name] = planted
	m.drive(isFailure)
	if p := m.run.Prompt(); p.StepID != "issue" || !strings.Contains(p.Heading, fs.ErrExist.Error()) {
		t.Errorf("a file was there before: %+v", p)
	}
	if !bytes.Equal(medium.files[name], planted) || len(m.find("share")) != 0 {
		t.Error("it was overwritten, or the share is said to be there")
	}
	m.abort()
	m.expect(ceremony.CodeStopped)
}
