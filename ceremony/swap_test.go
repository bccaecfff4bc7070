package ceremony_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"conclave/ceremony"
	"conclave/vaultstate"
)

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
