package ceremony_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"conclave/ceremony"
	"conclave/ceremony/plan"
	"conclave/hsm/secret"
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

// TestLateAnswers refuses answers to another page, twice, while at work, and
// after the end. What was typed is wiped.
func TestLateAnswers(t *testing.T) {
	s := initialised(t)
	m := s.open(ceremony.Rotate, s.request(ceremony.Rotate))
	m.drive(func(p ceremony.Prompt) bool { return at(p, "shares", ceremony.AskShare) })
	stamp := m.run.Prompt().Stamp
	refused := func(want error, st ceremony.Stamp) {
		t.Helper()
		typed := secret.Take([]byte("a secret"))
		if _, err := m.run.Answer(ceremony.Input{Stamp: st, Secret: typed}); !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
		if typed.Len() != 0 {
			t.Error("what was typed was not wiped")
		}
	}
	refused(ceremony.ErrStale, ceremony.Stamp{Step: stamp.Step, Page: stamp.Page - 1})
	refused(ceremony.ErrStale, ceremony.Stamp{Step: stamp.Step + 1, Page: stamp.Page})
	in := m.input(m.run.Prompt())
	in.Stamp = stamp
	job, err := m.run.Answer(in)
	if err != nil {
		t.Fatal(err)
	}
	refused(ceremony.ErrBusy, stamp)
	if _, err := m.run.Abort("Olga", "now"); !errors.Is(err, ceremony.ErrBusy) {
		t.Errorf("Abort at work: %v", err)
	}
	res := job(t.Context())
	refused(ceremony.ErrBusy, stamp)
	if err := m.run.Finish(res); err != nil {
		t.Fatal(err)
	}
	if err := m.run.Finish(res); !errors.Is(err, ceremony.ErrStale) {
		t.Errorf("Finish twice: %v", err)
	}
	refused(ceremony.ErrStale, stamp)
	func() {
		defer func() {
			if recover() == nil {
				t.Error("a job ran twice")
			}
		}()
		job(t.Context())
	}()
	m.drive(nil)
	m.expect(ceremony.CodeDone)
	refused(ceremony.ErrOver, m.run.Prompt().Stamp)
	if _, err := m.run.Abort("Olga", "now"); !errors.Is(err, ceremony.ErrOver) {
		t.Errorf("Abort after the end: %v", err)
	}
}

// TestWrongWords: nothing goes on for y, for an empty line, or for another word.
func TestWrongWords(t *testing.T) {
	s := initialised(t)
	m := s.open(ceremony.Rekey, s.request(ceremony.Rekey))
	for {
		m.drive(func(p ceremony.Prompt) bool { return p.Kind == ceremony.Confirm || p.Kind == ceremony.HandOver })
		if m.run.Done() {
			break
		}
		p := m.run.Prompt()
		for _, word := range []string{"", "y", "yes", p.Word + "X"} {
			m.answer(ceremony.Input{Text: word})
			now := m.run.Prompt()
			if now.StepID != p.StepID || now.Kind != p.Kind || now.By != p.By || now.Problem == nil {
				t.Fatalf("%q went on from %q to %+v", word, p.Heading, now)
			}
		}
		if p.Kind == ceremony.HandOver && p.By.Role != ceremony.Custodian && !p.Other {
			m.answer(ceremony.Input{Choice: "other"})
			if m.run.Prompt().By != p.By {
				t.Fatalf("a hand-over to %s was passed by", p.By.Name)
			}
		}
		m.answer(ceremony.Input{Text: "  " + strings.ToLower(p.Word) + " "})
	}
	m.expect(ceremony.CodeDone)
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

// losing loses the answer of Commit, or lets it fail before or after the swap.
type losing struct {
	vaultstate.Vault
	vaultstate.Opener
	vaultstate.Settler
	vaultstate.Rollbacker
	before, after error // once
	empty         bool
}

func (l *losing) Commit(ctx context.Context, id vaultstate.ID) (vaultstate.Outcome, error) {
	if err := l.before; err != nil {
		l.before = nil
		return vaultstate.Outcome{}, err
	}
	out, err := l.Vault.Commit(ctx, id)
	if l.empty {
		out = vaultstate.Outcome{}
	}
	if err := l.after; err != nil {
		l.after, l.empty = nil, false
		return out, err
	}
	return out, err
}

// TestCommitFails: before the swap it may be tried again; after it Commit is
// asked once more, and the record says that the swap was made.
func TestCommitFails(t *testing.T) {
	for name, l := range map[string]*losing{
		"before":          {before: vaultstate.ErrServerRunning},
		"after":           {after: errors.New("the HSM does not answer")},
		"the answer lost": {after: context.DeadlineExceeded, empty: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := initialised(t)
			m := s.openWith(ceremony.Rekey, s.request(ceremony.Rekey), func(e *ceremony.Env) {
				v := e.Vault
				l.Vault, l.Opener, l.Settler, l.Rollbacker = v, v.(vaultstate.Opener), v.(vaultstate.Settler), v.(vaultstate.Rollbacker)
				e.Vault = l
			})
			s.must(m)
			if n := len(m.find("swapped")); n != 1 {
				t.Errorf("%d swaps are in the record", n)
			}
			if n := len(m.find("outcome")); n != 1 {
				t.Errorf("%d outcomes are in the record", n)
			}
			if n := len(m.find("failed")); n != 1 {
				t.Errorf("%d failures are in the record", n)
			}
		})
	}
}

// TestChanged: a state that somebody else changed stops with code 4, and there
// is no second try.
func TestChanged(t *testing.T) {
	s := initialised(t)
	m := s.open(ceremony.Rekey, s.request(ceremony.Rekey))
	m.drive(func(p ceremony.Prompt) bool { return at(p, "shares", ceremony.HandOver) && p.By.Name == five[1] })
	f, err := s.disk.Create("/vault/core/intruder", 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	m.answer(ceremony.Input{Text: "BOB"})
	p := m.run.Prompt()
	if p.Kind != ceremony.Choose || len(p.Choices) != 1 || p.Choices[0].ID != "stop" {
		t.Fatalf("%+v", p)
	}
	m.answer(ceremony.Input{Choice: "again"})
	if got := m.run.Prompt(); got.Heading != p.Heading {
		t.Fatalf("it was tried again: %+v", got)
	}
	m.answer(ceremony.Input{Choice: "stop"})
	m.expect(ceremony.CodeChanged)
}

// TestUndo puts the old state back, after both confirmed it.
func TestUndo(t *testing.T) {
	s := initialised(t)
	before := s.status()
	m := s.open(ceremony.RecoveryRekey, s.request(ceremony.RecoveryRekey))
	m.on = func(p ceremony.Prompt) (ceremony.Input, bool) {
		return ceremony.Input{Choice: "undo"}, at(p, "rollback", ceremony.Choose)
	}
	m.drive(nil)
	m.expect(ceremony.CodeDone)
	m.keepRecord()
	if after := s.status(); after.Storage != before.Storage {
		t.Error("the old state is not back")
	}
	if !s.works(three(s.held)...) || s.works(three(m.fresh)...) {
		t.Error("the old shares do not work again, or the new ones do")
	}
	if got := m.run.Outcome().Sentence; !strings.Contains(got, "the old state was put back") && !strings.Contains(got, "The old state was put back") {
		t.Error(got)
	}
	if set, _ := s.roster.ValidSet(); set.Ceremony != "KC-1" {
		t.Errorf("the roster says that the set of %s is valid", set.Ceremony)
	}
}

// TestUndoInit: before an init there was nothing, and the page does not speak
// of a state from before.
func TestUndoInit(t *testing.T) {
	s := newSite(t)
	m := s.open(ceremony.Init, s.request(ceremony.Init))
	m.drive(func(p ceremony.Prompt) bool { return at(p, "rollback", ceremony.Choose) })
	p := m.run.Prompt()
	if all := fmt.Sprint(p); strings.Contains(all, "old state") || strings.Contains(all, "from before") {
		t.Errorf("the page says %s", all)
	}
	m.on = func(p ceremony.Prompt) (ceremony.Input, bool) {
		return ceremony.Input{Choice: "undo"}, at(p, "rollback", ceremony.Choose)
	}
	m.drive(nil)
	m.expect(ceremony.CodeDone)
	if s.status().Initialized {
		t.Error("the vault is still there")
	}
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

// TestTooFewHere: with fewer custodians than the threshold nothing begins.
func TestTooFewHere(t *testing.T) {
	s := initialised(t)
	m := s.open(ceremony.Rotate, s.request(ceremony.Rotate))
	m.on = once(func(p ceremony.Prompt) bool { return p.Kind == ceremony.People }, func(p ceremony.Prompt) ceremony.Input {
		return ceremony.Input{Present: []bool{true, true, true, false, true}}
	})
	s.must(m)
	m.says("2 custodians are here; the vault needs the shares of 3.")
	for i, who := range five[:2] {
		s := initialised(t)
		m := s.open(ceremony.RecoveryRekey, s.request(ceremony.RecoveryRekey))
		m.on = once(func(p ceremony.Prompt) bool { return p.Kind == ceremony.People }, func(p ceremony.Prompt) ceremony.Input {
			here := slices.Repeat([]bool{true}, len(p.People))
			here[2+i] = false
			return ceremony.Input{Present: here}
		})
		s.must(m)
		m.says(who + " (custodian) is needed, and is not here.")
	}
}

// TestMarksAreKept: who was marked as here stays so when somebody is missing.
func TestMarksAreKept(t *testing.T) {
	s := initialised(t)
	m := s.open(ceremony.Rotate, s.request(ceremony.Rotate))
	m.drive(func(p ceremony.Prompt) bool { return p.Kind == ceremony.People })
	want := []bool{true, false, true, false, true}
	m.answer(ceremony.Input{Present: want})
	var got []bool
	for _, a := range m.run.Prompt().People {
		got = append(got, a.Present)
	}
	if !slices.Equal(got, want) {
		t.Errorf("the page comes back with the marks %v, not %v", got, want)
	}
}

// TestSecretInName: a share, a token or a key typed where a name belongs is
// refused and not recorded.
func TestSecretInName(t *testing.T) {
	s := newSite(t)
	q := s.request(ceremony.Init)
	q.Witness = ""
	m := s.open(ceremony.Init, q)
	raw := s.wrong(9)
	groups := string(s.scheme().Groups(raw).Expose())
	spaced := ""
	for i := 0; i < len(groups); i += 7 {
		spaced += groups[i:i+7] + " "
	}
	for _, text := range []string{groups, spaced, spaced[:60], string(hexOf(raw).Expose()), string(hexOf(raw).Expose()[:24]), "s.nRhVl4yX0Yk3sLk2xQ9aZr1b", "hvs.CAESIJabcdefghijklmnop", "-----BEGIN PGP PRIVATE KEY BLOCK-----"} {
		m.drive(func(p ceremony.Prompt) bool { return p.Kind == ceremony.Ask })
		m.answer(ceremony.Input{Text: text})
		if p := m.run.Prompt(); p.Kind != ceremony.Ask || p.Problem == nil || !strings.Contains(p.Problem.Happened, "looks like") {
			t.Fatalf("%q was taken for a name", text)
		}
		if strings.Contains(m.journal.paper.String(), text[:10]) {
			t.Fatalf("%q is in the record", text)
		}
	}
	for _, name := range []string{"Wim Waters-van den Broeck, Audit 2", "Zoë Müller", "Hubert Blaine Wolfeschlegelsteinhausenbergerdorff Sr."} {
		m.drive(func(p ceremony.Prompt) bool { return p.Kind == ceremony.Ask })
		if !m.run.Done() && m.run.Prompt().Kind == ceremony.Ask {
			m.answer(ceremony.Input{Text: name})
		}
		if p := m.run.Prompt(); p.Problem != nil {
			t.Fatalf("%q is no name: %+v", name, p.Problem)
		}
		m.run.Close()
		m = s.open(ceremony.Init, q)
	}
}

// TestOldCopies: a copy that was kept is asked about by the next ceremony that
// changes something, and an init can be undone as well.
func TestOldCopies(t *testing.T) {
	s := newSite(t)
	m := s.open(ceremony.Init, s.request(ceremony.Init))
	m.on = func(p ceremony.Prompt) (ceremony.Input, bool) {
		return ceremony.Input{Choice: "keep"}, at(p, "rollback", ceremony.Choose)
	}
	s.must(m)
	m = s.open(ceremony.Rekey, s.request(ceremony.Rekey))
	m.on = func(p ceremony.Prompt) (ceremony.Input, bool) {
		return ceremony.Input{Choice: "keep"}, at(p, "rollback", ceremony.Choose) && !strings.Contains(p.Heading, "KC-1")
	}
	s.must(m)
	if left := s.status().Pending; len(left) != 1 || left[0].ID != "KC-2" {
		t.Errorf("left: %+v", left)
	}

	s = newSite(t)
	m = s.open(ceremony.Init, s.request(ceremony.Init))
	m.on = func(p ceremony.Prompt) (ceremony.Input, bool) {
		return ceremony.Input{Choice: "undo"}, at(p, "rollback", ceremony.Choose)
	}
	m.drive(nil)
	m.expect(ceremony.CodeDone)
	m.keepRecord()
	if s.status().Initialized {
		t.Error("the init was not undone")
	}
	if _, ok := s.roster.ValidSet(); ok {
		t.Error("the roster has a valid set")
	}
	s.must(s.open(ceremony.Init, s.request(ceremony.Init)))
}
