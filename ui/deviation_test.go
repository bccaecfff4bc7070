package ui

import (
	"fmt"
	"strings"
	"testing"

	"conclave/ceremony"
	"conclave/ui/term"
)

func (s *stage) write(lines ...string) {
	for i, l := range lines {
		if i > 0 {
			s.keys("enter")
		}
		for _, c := range l {
			s.keys(string(c))
		}
	}
}

func TestDeviationPage(t *testing.T) {
	for _, size := range []struct{ w, h int }{{80, 24}, {120, 40}, {60, 20}} {
		p := askPrompt()
		p.Title = "Shares"
		s := newStage(t, rekeyAt(8, "1 of 3", p), at("14:23:04"), term.PlainLook(true), size.w, size.h)
		s.keys("ctrl+n")
		s.write("Carol has her fingerprint with her", "The paper shows the key of 2023, not the one that the plan names")
		golden(t, fmt.Sprintf("%dx%d/13-deviation", size.w, size.h), s.View(), size.w, size.h)
	}
}

// A deviation is noted at every kind of page, and the page goes on where it was.
func TestNoteOnEveryPage(t *testing.T) {
	for _, p := range []ceremony.Prompt{readPrompt(), confirmPrompt(), handPrompt(), askPrompt(), pinPrompt()} {
		s := stageOf(t, p)
		s.keys("ctrl+n")
		if !strings.Contains(s.View(), "Note a deviation in step 8") {
			t.Fatalf("kind %v: no form:\n%s", p.Kind, s.View())
		}
		s.write("light", "dark", "to wait", "Olga", "")
		s.keys("right", "ctrl+r")
		want := ceremony.Deviation{Expected: "light", Happened: "dark", Decided: "to wait", By: "Olga", Effect: ceremony.StopNow}
		if len(s.run.noted) != 1 || s.run.noted[0] != want {
			t.Errorf("kind %v: noted %+v", p.Kind, s.run.noted)
		}
		if len(s.run.answers) != 0 || strings.Contains(s.View(), "Note a deviation") || s.prompt.Kind != p.Kind {
			t.Errorf("kind %v: the page does not stand:\n%s", p.Kind, s.View())
		}
	}
}

// What is half typed waits, in a public field and in locked memory.
func TestNoteWhileTyping(t *testing.T) {
	s := stageOf(t, askPrompt())
	s.write("Car")
	s.keys("ctrl+n")
	s.write("x", "y", "z", "O")
	s.keys("ctrl+r")
	s.clock.advance(grace)
	s.write("ol")
	if v := s.View(); !strings.Contains(v, "Carol") {
		t.Errorf("the field lost its text:\n%s", v)
	}
	s = stageOf(t, pinPrompt())
	s.tap.press("1234")
	s.tap.tell(term.KeyNote)
	s.drive()
	if !s.tap.paused || !strings.Contains(s.View(), "Note a deviation") {
		t.Fatalf("ctrl+n at a PIN: paused %v\n%s", s.tap.paused, s.View())
	}
	s.write("x", "y", "z", "O")
	s.keys("ctrl+r")
	if s.tap.paused || s.tap.n != 4 {
		t.Errorf("the entry does not go on: paused %v, %d characters", s.tap.paused, s.tap.n)
	}
}

// Esc keeps the text, and so does what is refused, but for the line that was.
func TestDeviationKept(t *testing.T) {
	s := stageOf(t, readPrompt())
	s.keys("ctrl+n")
	s.write("light", "it was dark")
	s.keys("esc")
	if strings.Contains(s.View(), "it was dark") {
		t.Error("esc did not leave the form")
	}
	s.clock.advance(grace)
	s.keys("ctrl+n")
	s.run.refused = &ceremony.Refusal{Field: "expected", Why: "This looks like a share."}
	s.keys("ctrl+r")
	v := s.View()
	if !strings.Contains(v, "it was dark") || strings.Contains(v, "light") || !strings.Contains(v, "This looks like a share.") {
		t.Errorf("refused:\n%s", v)
	}
	p := readPrompt()
	p.Final = true
	s = stageOf(t, p)
	s.keys("ctrl+n")
	if strings.Contains(s.View(), "Note a deviation") {
		t.Error("a deviation can be noted after the record was closed")
	}
}

// "Do the step again" is offered only where it is possible.
func TestDeviationEffects(t *testing.T) {
	for _, again := range []bool{false, true} {
		p := readPrompt()
		p.Again = again
		s := stageOf(t, p)
		s.keys("ctrl+n")
		if got := strings.Contains(s.View(), "do the step again"); got != again {
			t.Errorf("offered: %v, want %v", got, again)
		}
	}
}
