package ui

import (
	"context"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"conclave/ui/term"
)

// What is typed or shown in secret is in no frame, and the tap is not armed
// where no secret is asked for.
func TestSecretsStayOut(t *testing.T) {
	const pin = "hunter2hunter2"
	s := stageOf(t, pinPrompt(), sharePrompt(), showPrompt(), readPrompt())
	var frames []string
	look := func() { frames = append(frames, s.View()) }
	for i := range pin {
		s.type_(pin[i : i+1])
		look()
	}
	s.tap.enter()
	s.drive()
	s.clock.advance(time.Second)
	for i := range shareText {
		s.type_(shareText[i : i+1])
		look()
	}
	s.tap.enter()
	s.drive()
	s.clock.advance(time.Second)
	look()
	if !strings.Contains(s.View(), string(term.Placeholder(0))) || s.writer.bound.Len() == 0 {
		t.Fatal("the share is not shown")
	}
	s.keys("enter", "enter")
	if s.writer.bound.Len() != 0 {
		t.Error("the share is still bound on the next page")
	}
	look()
	for i, f := range frames {
		for _, piece := range []string{pin, pin[:4], shareText[:6], shareText[7:13], shareText[42:48]} {
			if strings.Contains(f, piece) {
				t.Fatalf("frame %d holds %q", i, piece)
			}
		}
	}
	if strings.ContainsRune(frames[len(frames)-1], term.Placeholder(0)) {
		t.Error("a place-holder is left on the next page")
	}
	if s.tap.armed || s.tap.flushed != 2 {
		t.Errorf("tap armed %v after the secret steps; flushed %d times, want 2", s.tap.armed, s.tap.flushed)
	}
	for _, a := range s.run.answers {
		a.Secret.Wipe()
	}
}

func TestShowHides(t *testing.T) {
	s := stageOf(t, showPrompt())
	seen := func() bool { return s.writer.bound.Len() > 0 && strings.ContainsRune(s.View(), term.Placeholder(0)) }
	s.clock.advance(88 * time.Second)
	s.keys("down")
	s.drive(tickMsg{})
	if !seen() {
		t.Fatal("hidden before its time")
	}
	s.clock.advance(time.Second)
	s.drive(tickMsg{})
	if seen() || strings.ContainsRune(s.View(), term.Placeholder(0)) {
		t.Error("still shown after 90 seconds")
	}
	s.keys("+")
	if !seen() || !strings.Contains(s.View(), "Hidden in 0:30") {
		t.Error("+ does not show it for 30 seconds")
	}
	s.keys("f1")
	if seen() {
		t.Error("F1 does not hide")
	}
	s.keys("enter") // only brings the page back
	if !seen() || len(s.run.answers) != 0 {
		t.Error("a key does not bring it back, or did more")
	}
	s.drive(tea.WindowSizeMsg{Width: 59, Height: 20})
	if seen() {
		t.Error("still bound in a window that is too small")
	}
	s.drive(tea.WindowSizeMsg{Width: 80, Height: 24})
	if !seen() {
		t.Error("does not come back with the window")
	}
	s.clock.advance(time.Second)
	s.keys("enter")
	if len(s.run.answers) != 0 || !strings.Contains(s.View(), "Not every line is ticked.") {
		t.Error("one enter before the last line ends the page")
	}
	s.keys("enter")
	if len(s.run.answers) != 1 || s.writer.bound.Len() != 0 {
		t.Error("the second enter does not end it, or it is still bound")
	}
}

// Every secret is unbound before the job runs that may wipe it.
func TestUnboundBeforeTheJob(t *testing.T) {
	s := stageOf(t, showPrompt(), readPrompt())
	s.run.jobs = func(context.Context) {
		if s.writer.bound.Len() != 0 {
			t.Error("the secret is bound while the job runs")
		}
	}
	s.keys("enter", "enter")
	if len(s.run.answers) != 1 {
		t.Fatal("no answer")
	}
}
