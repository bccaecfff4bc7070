package ui

import (
	"slices"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"conclave/hsm/secret"
	"conclave/ui/term"
)

// Nothing but the name opens a lock.
func TestBlankDoesNotUnlock(t *testing.T) {
	s := stageOf(t, sharePrompt())
	s.clock.advance(91 * time.Second)
	s.drive(tickMsg{})
	s.keys("f1")
	if s.cover != blanked {
		t.Fatal("F1 does not blank a locked page")
	}
	s.keys("x")
	if s.cover != locked || s.tap.armed {
		t.Fatalf("F1 and a key opened the lock:\n%s", s.View())
	}
	s.keys("ctrl+c", "?", "esc", "enter")
	if s.cover != locked {
		t.Error("another key opened the lock")
	}
	s.keys("b", "o", "b", "enter")
	if s.cover != uncovered {
		t.Error("the name does not open the lock")
	}
}

// The blank page comes off what it lay over.
func TestBlankOverThePageOfStopping(t *testing.T) {
	s := stageOf(t, showPrompt())
	s.keys("ctrl+c", "f", "ctrl+l")
	if !strings.Contains(s.View(), "Any key brings the page back.") {
		t.Fatal("not blank")
	}
	s.keys("x")
	if v := s.View(); !strings.Contains(v, "Stop the ceremony safely?") || !strings.Contains(v, "> f ") || s.writer.bound.Len() != 0 {
		t.Errorf("the stop page does not come back as it was:\n%s", v)
	}
}

func TestFocus(t *testing.T) {
	s := stageOf(t, showPrompt())
	seen := func() bool { return s.writer.bound.Len() > 0 }
	s.drive(tea.BlurMsg{})
	if seen() || strings.ContainsRune(s.View(), term.Placeholder(0)) {
		t.Error("shown without the focus")
	}
	s.keys("f1", "x") // F1 is a key: somebody is there
	if !seen() {
		t.Error("does not come back with a key")
	}
	s.drive(tea.BlurMsg{}, tea.FocusMsg{})
	if !seen() {
		t.Error("does not come back with the focus")
	}
	s.keys("f1")
	s.drive(tea.BlurMsg{}, tea.FocusMsg{})
	if seen() {
		t.Error("the focus takes the blank page away")
	}
}

// What is typed while an answer is worked on is no key of any page.
func TestTypedOnAfterEnter(t *testing.T) {
	s := stageOf(t, pinPrompt(), readPrompt())
	s.type_("1234")
	s.tap.enter()
	job := s.hold(s.sent[0])
	s.sent = s.sent[1:]
	if !s.tap.armed {
		t.Fatal("the tap lets keys through before the next page")
	}
	s.do(job)
	if s.tap.armed || len(s.run.answers) != 1 {
		t.Errorf("tap armed %v on the next page, %d answers", s.tap.armed, len(s.run.answers))
	}
	secret.WipeAll([]secret.Bytes{s.run.answers[0].Secret})
}

// A ceremony that nobody comes back to is put away.
func TestIdleLeaves(t *testing.T) {
	s := stageOf(t, sharePrompt())
	s.clock.advance(91 * time.Second)
	s.drive(tickMsg{})
	s.clock.advance(idleLeave - 93*time.Second)
	s.drive(tickMsg{})
	if s.quit {
		t.Fatal("left too early")
	}
	s.clock.advance(2 * time.Second)
	s.drive(tickMsg{})
	if !s.quit || !slices.Equal(s.run.aborted, []string{"the program: nobody typed for an hour."}) {
		t.Errorf("quit %v, aborted %q", s.quit, s.run.aborted)
	}

	s = stageOf(t, readPrompt())
	s.keys("enter")
	if !s.run.Done() || s.quit {
		t.Fatal("not on the last page")
	}
	s.clock.advance(idleLeave)
	s.drive(tickMsg{})
	if !s.quit {
		t.Error("the last page stays for ever")
	}
}

// What was typed ahead is dropped where a word is to be typed.
func TestConfirmDropsWhatWasTypedAhead(t *testing.T) {
	s := stageOf(t, readPrompt(), confirmPrompt())
	s.keys("enter")
	if s.tap.flushed != 1 {
		t.Errorf("flushed %d times, want once", s.tap.flushed)
	}
}

func TestBlankKeepsAnEntry(t *testing.T) {
	s := stageOf(t, sharePrompt())
	s.type_(shareText[:30])
	s.tap.tell(term.KeyBlank)
	s.drive()
	if v := s.View(); strings.Contains(v, "Bob") || !strings.Contains(v, "Any key brings the page back.") || !s.tap.paused {
		t.Fatalf("not blank, or the tap takes keys:\n%s", v)
	}
	s.keys("x")
	if s.tap.paused || !strings.Contains(s.View(), "30 of 77") {
		t.Errorf("the entry does not go on where it was:\n%s", s.View())
	}
}

func TestIdleLock(t *testing.T) {
	s := stageOf(t, sharePrompt())
	s.type_(shareText[:30])
	s.clock.advance(89 * time.Second)
	s.drive(tickMsg{})
	if s.cover != uncovered {
		t.Fatal("locked too early")
	}
	s.clock.advance(2 * time.Second)
	s.drive(tickMsg{})
	if s.cover != locked || s.tap.armed || !strings.Contains(s.View(), "Locked: BOB to continue") {
		t.Fatalf("not locked and wiped:\n%s", s.View())
	}
	s.keys("a", "l", "enter", "enter")
	if s.cover != locked {
		t.Fatal("another name unlocks")
	}
	s.keys("b", "o", "b", "enter")
	if s.cover != uncovered || !s.tap.armed || !strings.Contains(s.View(), wipedNote) {
		t.Errorf("does not come back, or does not say that the entry is wiped:\n%s", s.View())
	}

	s = stageOf(t, readPrompt())
	s.clock.advance(298 * time.Second)
	s.drive(tickMsg{})
	if s.cover != uncovered {
		t.Error("a page without a secret is locked before 300 s")
	}
	s.clock.advance(2 * time.Second)
	s.drive(tickMsg{})
	if s.cover != locked {
		t.Error("a page without a secret is not locked after 300 s")
	}
}
