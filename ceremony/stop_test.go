package ceremony_test

import (
	"context"
	"strings"
	"testing"

	"conclave/ceremony"
	"conclave/ceremony/plan"
	"conclave/vaultstate"
)

func (m *room) abort() {
	m.s.t.Helper()
	job, err := m.run.Abort("Olga Example", "the fire alarm")
	if err != nil {
		m.s.t.Fatal(err)
	}
	m.do(job)
}

func (s *site) status() vaultstate.Status {
	s.t.Helper()
	st, err := s.openVault().Status(context.Background())
	if err != nil {
		s.t.Fatal(err)
	}
	return st
}

// small is a ceremony of few pages: two new shares, both needed.
func (s *site) small(c ceremony.Ceremony) plan.Request {
	q := s.request(c)
	switch c.ID {
	case "init", "recover":
		q.RecoveryShares.Value, q.RecoveryThreshold.Value, q.Custodians = 2, 2, five[:2]
	case "recovery-rekey":
		q.RecoveryShares.Value, q.RecoveryThreshold.Value, q.Custodians = 2, 2, five[:3]
	}
	return q
}

// TestAbortAnywhere stops a recovery rekey and an init at every page. Until the
// commit the vault is as it was, nothing is left behind, and a set that was out
// is void; after it the change stands. The record is closed either way.
func TestAbortAnywhere(t *testing.T) {
	for _, c := range []ceremony.Ceremony{ceremony.RecoveryRekey, ceremony.Init} {
		t.Run(c.ID, func(t *testing.T) {
			committed, from := 0, 1
			if c.ID == "init" {
				from = 12 // the pages before are those of the other
			}
			for n := from; ; n += stride {
				s := siteFor(t, c)
				before := s.status()
				m := s.open(c, s.small(c))
				pages := 0
				m.drive(func(ceremony.Prompt) bool { pages++; return pages == n })
				if m.run.Done() {
					break
				}
				step := m.run.Prompt().StepID
				m.abort()
				if len(m.find("closed")) > 0 { // only the head was still on the screen
					m.expect(ceremony.CodeDone)
					continue
				}
				m.expect(ceremony.CodeStopped)
				after := s.status()
				said := m.run.Outcome().Sentence
				if len(m.find("swapped")) > 0 {
					committed++
					if after.Storage == before.Storage || !strings.Contains(said, "The change was already made") {
						t.Fatalf("page %d, %s: after the commit: %s", n, step, said)
					}
					continue
				}
				if after.Storage != before.Storage || len(after.Pending) > 0 || !strings.Contains(said, "Nothing was changed") {
					t.Fatalf("page %d, %s: %s Left behind: %v", n, step, said, after.Pending)
				}
				if out, void := len(m.find("issued")), len(m.find("void")); out != void {
					t.Fatalf("page %d, %s: %d sets were issued, %d are void", n, step, out, void)
				}
			}
			if committed == 0 {
				t.Error("no page came after the commit")
			}
		})
	}
}

// TestLostRecord has the journal fail at the n-th event, for every n. The
// ceremony ends there. Before the swap nothing is changed and nothing is left;
// after it the change stands; and that is what is said.
func TestLostRecord(t *testing.T) {
	for _, c := range []ceremony.Ceremony{ceremony.RecoveryRekey, ceremony.GenerateRoot, ceremony.Init} {
		t.Run(c.ID, func(t *testing.T) {
			swaps, from := 0, 1
			if c.ID != "init" {
				from = 40 // the events before are those of the init
			}
			for n := from; ; n += stride {
				s := siteFor(t, c)
				before := s.status()
				m := s.open(c, s.small(c))
				m.journal.failAt = n
				m.drive(nil)
				if m.journal.n < n {
					break
				}
				o := m.run.Outcome()
				if o.Code != ceremony.CodeFailed || !strings.HasPrefix(o.Sentence, "The record could not be written") || !strings.Contains(o.Sentence, errDisk.Error()) {
					t.Fatalf("event %d: %+v", n, o)
				}
				m.canary()
				// The commit of a token changes nothing under core/: ask the record.
				changed := strings.Contains(o.Sentence, "The change was already made")
				swaps += map[bool]int{true: 1}[changed]
				if changed != strings.Contains(o.Sentence, "The change is not to be made again") {
					t.Fatalf("event %d: what is to be done: %s", n, o.Sentence)
				}
				after := s.status()
				if c.ID != "generate-root" && changed != (after.Storage != before.Storage) {
					t.Fatalf("event %d: said %q, but the storage is changed: %v", n, o.Sentence, after.Storage != before.Storage)
				}
				if !changed && len(after.Pending) > 0 {
					t.Fatalf("event %d: left behind: %v", n, after.Pending)
				}
			}
			if stride*swaps < 5 {
				t.Errorf("only %d events come after the swap", swaps)
			}
		})
	}
}

// TestFullDisk: a file of a share that cannot be written stops the screen, and
// the second try goes on where it was.
func TestFullDisk(t *testing.T) {
	for n := 1; n <= 11; n++ { // five keys, five shares, a token
		s := newSite(t)
		m := s.openPGP(true)
		m.shelf.failAt = n
		s.must(m)
		m.says("It failed: take the new shares: no space left on device.")
		if len(m.shelf.files) != 11 || len(m.find("share")) != 5 || len(m.find("issued")) != 1 {
			t.Errorf("file %d: %d files, %d shares are in the record", n, len(m.shelf.files), len(m.find("share")))
		}
	}
}

// TestWipe: after the end nothing is left of what was typed or shown.
func TestWipe(t *testing.T) {
	s := initialised(t)
	m := s.open(ceremony.RecoveryRekey, s.request(ceremony.RecoveryRekey))
	m.drive(func(p ceremony.Prompt) bool { return p.Kind == ceremony.Show })
	shown := m.run.Prompt().Reveal.Text
	m.abort()
	if shown.Len() != 0 {
		t.Error("the share on the screen was not wiped")
	}
	m.run.Close()
	m.run.Close()
}

// TestRefusedAtOnce: an init on a vault, and the others on an empty storage, are
// refused before the HSM is touched.
func TestRefusedAtOnce(t *testing.T) {
	for _, c := range ceremony.All {
		t.Run(c.ID, func(t *testing.T) {
			s := newSite(t)
			if c.ID == "init" {
				s = initialised(t)
			}
			s.token.calls = nil
			m := s.open(c, s.request(c))
			m.on = func(p ceremony.Prompt) (ceremony.Input, bool) {
				return ceremony.Input{Choice: "stop"}, at(p, "vault", ceremony.Choose)
			}
			m.drive(nil)
			m.expect(ceremony.CodeFailed)
			if len(s.token.calls) > 0 {
				t.Errorf("the HSM was asked: %q", s.token.calls)
			}
		})
	}
}

// TestAbortAfterToken says that the token which was shown is not valid.
func TestAbortAfterToken(t *testing.T) {
	s := initialised(t)
	m := s.open(ceremony.GenerateRoot, s.request(ceremony.GenerateRoot))
	m.drive(func(p ceremony.Prompt) bool { return at(p, "token", ceremony.Choose) && len(m.find("shown")) > 0 })
	m.abort()
	m.expect(ceremony.CodeStopped)
	if got := m.run.Outcome().Sentence; !strings.Contains(got, "The root token that was handed out is not valid.") {
		t.Error(got)
	}
}
