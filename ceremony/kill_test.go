//go:build !race

package ceremony_test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"conclave/ceremony"
	"conclave/ceremony/custodian"
	"conclave/ceremony/plan"
	"conclave/ceremony/transcript"
	"conclave/hsm/secret"
	"conclave/vaultstate"
	"conclave/vaultstate/vaulttest"
)

// moment is all that is outside the program when it is killed.
type moment struct {
	what   string
	disk   *vaulttest.Disk
	record []byte
	fresh  map[string]secret.Bytes // what people wrote down by then
	files  map[string][]byte       // in the ceremony's directory
	medium map[string][]byte       // on the second medium
	token  map[string][][]byte     // data objects in the HSM
}

// watched is a journal that takes a moment before and after every event.
type watched struct {
	*journal
	take func(what string)
}

func (w watched) Append(e transcript.Entry) (transcript.Event, error) {
	w.take("before the event " + e.Kind)
	got, err := w.journal.Append(e)
	w.take("after the event " + e.Kind)
	return got, err
}

// moments plays a ceremony to its end, and returns every moment at which it
// could have been killed with another outcome: before and after each event, and
// before each change of the file system. Of moments that are alike outside, one
// is kept.
func (s *site) moments(c ceremony.Ceremony) []moment {
	var list []moment
	seen := map[string]bool{}
	var m *room
	changes := 0
	medium := &shelf{files: map[string][]byte{}}
	take := func(what string, crash func(vaulttest.Loss) *vaulttest.Disk) {
		record := bytes.Clone(m.journal.paper.Bytes())
		key := fmt.Sprint(len(record), changes, len(m.fresh), bytesOf(m.shelf), bytesOf(medium), fmt.Sprint(s.token.data))
		if seen[key] {
			return
		}
		seen[key] = true
		list = append(list, moment{what, crash(vaulttest.Kept), record, maps.Clone(m.fresh), maps.Clone(m.shelf.files), maps.Clone(medium.files), maps.Clone(s.token.data)})
	}
	m = s.openWith(c, s.withoutToken(c), func(e *ceremony.Env) {
		event := func(what string) { take(what, s.disk.Crash) }
		e.Journal = watched{e.Journal.(*journal), event}
		if s.encrypted {
			e.Shelf, e.Medium = watchedShelf{e.Shelf.(*shelf), event}, watchedShelf{medium, event}
		}
	})
	s.disk.Before = func(crash func(vaulttest.Loss) *vaulttest.Disk) {
		take("before a change of the storage", crash)
		changes++
	}
	defer func() { s.disk.Before = nil }()
	m.on = func(p ceremony.Prompt) (ceremony.Input, bool) {
		return ceremony.Input{Choice: "keep"}, at(p, "rollback", ceremony.Choose)
	}
	m.drive(nil)
	m.expect(ceremony.CodeDone)
	return list
}

func (s *site) withoutToken(c ceremony.Ceremony) plan.Request {
	q := s.small(c)
	if c.ID == "init" {
		q.RootToken = "none"
	}
	if s.encrypted && q.RecoveryShares.Given {
		for _, name := range q.Custodians[:q.RecoveryShares.Value] {
			q.RecoveryKeys = append(q.RecoveryKeys, s.publicKey(name))
		}
	}
	return q
}

func isRollback(l vaultstate.Leftover) bool { return l.State == "rollback" }

// TestKilledAnywhere kills an init, a recovery rekey and a recover before and after every
// event and before every change of the storage, with shares that are shown and
// with shares in files, then also before, in the middle of and after every
// write of a file, on both media. Of the other moments one in five or twenty is
// taken, unless CONCLAVE_LONG is set. Then it holds the ceremony again. It goes
// on, or says why it begins anew; what was committed stays; nobody's void share
// passes for a good one; and the roster agrees with the vault.
func TestKilledAnywhere(t *testing.T) {
	for _, c := range []ceremony.Ceremony{ceremony.Init, ceremony.RecoveryRekey, ceremony.Recover} {
		for name, encrypted := range map[string]bool{"": false, ", in files": true} {
			t.Run(c.ID+name, func(t *testing.T) {
				// What the runs copy is erased once, at the end: there are hundreds.
				secret.Do(func() { killAnywhere(t, c, encrypted) })
			})
		}
	}
}

func killAnywhere(t *testing.T, c ceremony.Ceremony, encrypted bool) {
	s := siteFor(t, c)
	if s.encrypted = encrypted; encrypted {
		s.keyFor(five[0])
		s.keyFor(five[1])
	}
	base := *s
	list := s.moments(c)
	did := map[string]int{}
	every := 5
	if encrypted {
		every = 20 // besides those at files
	}
	if os.Getenv("CONCLAVE_LONG") != "" {
		every = 1
	}
	for i, k := range list {
		ofShare := encrypted && strings.Contains(k.what, " file ") && !strings.Contains(k.what, " file challenges/")
		if i%every > 0 && !ofShare {
			continue // a sample: make test-long asks for all
		}
		if c.ID == "recovery-rekey" && !bytes.Contains(k.record, []byte(`"quorum"`)) {
			continue // nothing was begun, as in the init
		}
		s := base
		s.disk, s.token, s.clock = k.disk, newToken(), &clock{ticks: 100_000 + base.clock.ticks}
		s.n = 50 // an id is used once
		s.held, s.old = maps.Clone(base.held), map[string]secret.Bytes{}
		if len(k.record) > 0 {
			ro, err := custodian.Derive(s.roster, bytes.NewReader(k.record))
			if err != nil {
				t.Fatalf("%s: %v", k.what, err)
			}
			s.roster = ro
		}
		did[s.again(c, k)]++
		if t.Failed() {
			t.Fatalf("killed %s, event %d", k.what, bytes.Count(k.record, []byte("\n")))
		}
	}
	t.Logf("of %d moments, one in %d: %v", len(list), every, did)
	for _, what := range []string{"went on", "removed and began anew", "was committed"} {
		if did[what] == 0 {
			t.Errorf("it never %s", what)
		}
	}
}

// again holds the ceremony once more after a kill, and says what became of it.
func (s *site) again(c ceremony.Ceremony, k moment) string {
	t := s.t
	if s.encrypted {
		k.fresh = s.opened(k.files)
	}
	committed := slices.ContainsFunc(s.status().Pending, isRollback)
	if committed && len(k.fresh) == 2 {
		for name, raw := range k.fresh {
			s.held[name] = raw
		}
	}
	if c.ID == "init" && committed {
		// It is there; another init is refused, and the next ceremony says so.
		s.must(s.open(ceremony.Unseal, s.request(ceremony.Unseal)))
		if _, ok := s.roster.ValidSet(); !ok || !s.works(s.held[five[0]], s.held[five[1]]) {
			t.Errorf("committed, and the shares do not count: %+v", s.roster.Sets)
		}
		s.filesTell(k.files, k.medium)
		return "was committed"
	}
	medium := &shelf{files: map[string][]byte{}}
	m := s.openWith(c, s.withoutToken(c), func(e *ceremony.Env) {
		if s.encrypted {
			e.Medium = medium
		}
	})
	did := "began anew"
	lied := false
	m.on = func(p ceremony.Prompt) (ceremony.Input, bool) {
		switch {
		case at(p, "vault", ceremony.Choose) && p.Choices[0].ID == "resume":
			did = "went on"
			maps.Copy(m.fresh, k.fresh)
		case at(p, "vault", ceremony.Choose):
			did = "removed and began anew"
			if !strings.Contains(strings.Join(p.Text, " "), "emove") && len(p.Text) < 2 {
				t.Errorf("it does not say why it cannot go on: %q", p.Text)
			}
		case at(p, "prove", ceremony.AskShare) && did == "removed and began anew" && !lied && k.fresh[p.By.Name].Len() > 0:
			// A share of the void set, typed for the new one.
			lied = true
			return m.typed(k.fresh[p.By.Name]), true
		}
		return ceremony.Input{}, false
	}
	m.drive(isFailure)
	if !m.run.Done() {
		t.Error(m.run.Prompt().Heading)
		return "failed"
	}
	m.expect(ceremony.CodeDone)
	switch {
	case lied && bytes.Count(k.record, []byte(`"kind":"share"`)) == 2:
		m.says("of the void set of")
	case lied:
		m.says("This is not the share that was handed out here")
	}
	m.count()
	s.filesTell(k.files, k.medium, m.shelf.files, medium.files)
	set, ok := s.roster.ValidSet()
	if committed && c.ID != "init" {
		did = "was committed"
	}
	for _, x := range s.roster.Sets {
		if x.State == custodian.Pending {
			t.Errorf("the set of %s is pending still", x.Ceremony)
		}
	}
	if !ok || len(set.Holdings) != 2 || !s.works(s.held[five[0]], s.held[five[1]]) {
		t.Errorf("the shares do not count: %+v", s.roster.Sets)
	}
	if did == "removed and began anew" && len(k.fresh) == 2 && s.works(k.fresh[five[0]], k.fresh[five[1]]) {
		t.Error("the void shares count")
	}
	return did
}

// TestKilledElsewhere kills the ceremonies that hand out no shares, also those that
// move to or destroy a key, on a vault
// whose HSM keeps its anchor, at one moment in four (CONCLAVE_LONG: at each). The
// next ceremony ends well, takes nothing of it for an older state that was put
// back, and leaves an anchor that fits.
func TestKilledElsewhere(t *testing.T) {
	for _, c := range []ceremony.Ceremony{ceremony.Rekey, ceremony.Rotate, ceremony.ReEncrypt, ceremony.GenerateRoot, ceremony.Rewrap, ceremony.Retire} {
		t.Run(c.ID, func(t *testing.T) {
			secret.Do(func() {
				s := anchored(t)
				if c.ID == ceremony.ReEncrypt.ID {
					s.must(s.open(ceremony.Rotate, s.request(ceremony.Rotate)))
				}
				base := *s
				list := s.moments(c)
				moved := s.next // of a rewrap
				every, found := 4, map[string]int{}
				if os.Getenv("CONCLAVE_LONG") != "" {
					every = 1
				}
				for i, k := range list {
					if i%every > 0 {
						continue
					}
					s := base
					s.disk, s.token, s.clock, s.n = k.disk, newToken(), &clock{ticks: 100_000 + base.clock.ticks}, 50
					s.token.data = maps.Clone(k.token)
					if moved != nil && slices.ContainsFunc(s.status().Pending, isRollback) {
						s.seal, s.token.key = moved.seal, moved.key
					}
					if len(k.record) > 0 {
						ro, err := custodian.Derive(s.roster, bytes.NewReader(k.record))
						if err != nil {
							t.Fatalf("%s: %v", k.what, err)
						}
						s.roster = ro
					}
					m := s.open(ceremony.Rotate, s.request(ceremony.Rotate))
					m.drive(isFailure)
					if !m.run.Done() {
						t.Fatalf("killed %s, event %d: %s", k.what, bytes.Count(k.record, []byte("\n")), m.run.Prompt().Heading)
					}
					m.expect(ceremony.CodeDone)
					m.count()
					if err := s.fits(s.token.key.Ref); err != nil {
						t.Fatalf("killed %s, event %d: the anchor: %v", k.what, bytes.Count(k.record, []byte("\n")), err)
					}
					if old, there := s.note(s.token, "test:01"); moved != nil && s.token.key.Ref != "test:01" && (!there || old.Now.Key == "test:01") {
						t.Fatalf("killed %s, event %d: beside the old key: %+v", k.what, bytes.Count(k.record, []byte("\n")), old)
					}
					for _, e := range m.find("anchor") {
						found[e.Facts.Text("verdict")]++
					}
				}
				t.Logf("of %d moments, one in %d: %v", len(list), every, found)
				// What the anchor holds is the same before and after these.
				stays := slices.Contains([]string{ceremony.GenerateRoot.ID, ceremony.ReEncrypt.ID, ceremony.Retire.ID}, c.ID)
				if found["same"] == 0 || !stays && found["next"] == 0 {
					t.Errorf("the anchor was found to be %v", found)
				}
			})
		})
	}
}

// TestKilledTwice: a run that goes on with what another staged is killed right
// after its swap. The third finds the commit, whose operation has the id of the
// first, and the set counts.
func TestKilledTwice(t *testing.T) {
	for _, c := range []ceremony.Ceremony{ceremony.Init, ceremony.RecoveryRekey} {
		t.Run(c.ID, func(t *testing.T) {
			s := siteFor(t, c)
			before := killed(s, c)
			q := s.request(c)
			if c.ID == "init" {
				q.RootToken = "none"
			}
			m := s.open(c, q)
			m.fresh = before.fresh
			m.journal.failOn = "swapped"
			m.drive(nil)
			m.kill()
			maps.Copy(s.held, before.fresh)
			u := s.must(s.open(ceremony.Unseal, s.request(ceremony.Unseal)))
			if n := len(u.find("swapped")); n != 1 {
				t.Errorf("%d swaps are in the record of the third", n)
			}
			if set, _ := s.roster.ValidSet(); set.Ceremony != before.env.Plan.ID {
				t.Errorf("the set of %q is valid", set.Ceremony)
			}
			s.must(s.open(ceremony.Rotate, s.request(ceremony.Rotate)))
		})
	}
}

// TestVoidLost: a run that is stopped removes its set and is killed before it
// says that the set is void. The next says so, and a rotation does not make the
// set the valid one.
func TestVoidLost(t *testing.T) {
	for _, c := range []ceremony.Ceremony{ceremony.Init, ceremony.RecoveryRekey} {
		t.Run(c.ID, func(t *testing.T) {
			s, next := newSite(t), ceremony.Init
			if c.ID != "init" {
				s, next = initialised(t), ceremony.Rotate
			}
			m := s.open(c, s.request(c))
			m.drive(func(p ceremony.Prompt) bool { return at(p, "prove", ceremony.HandOver) })
			m.journal.failOn = "void"
			m.abort()
			m.kill()
			n := s.must(s.open(next, s.request(next)))
			void := n.find("void")
			if len(void) != 1 || void[0].Facts.Text("set") != m.find("issued")[0].Facts.Text("set") {
				t.Errorf("void in the record: %v", void)
			}
			if set, _ := s.roster.ValidSet(); set.Ceremony == m.env.Plan.ID {
				t.Error("the void set is valid")
			}
		})
	}
}
