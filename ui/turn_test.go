package ui

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"conclave/ceremony"
	"conclave/hsm/secret"
)

func TestStopSafely(t *testing.T) {
	s := stageOf(t, showPrompt())
	s.keys("ctrl+c")
	if s.writer.bound.Len() != 0 || !strings.Contains(s.View(), "Stop the ceremony safely?") {
		t.Fatal("the stop page does not hide the secret")
	}
	s.keys("enter")
	if len(s.run.aborted) != 0 || !strings.Contains(s.View(), "A stop has a reason") {
		t.Error("stopped without a reason")
	}
	s.keys("esc")
	if s.writer.bound.Len() == 0 {
		t.Error("esc does not lead back")
	}
	s.keys("ctrl+c", "f", "i", "r", "e", ".", "enter")
	if !slices.Equal(s.run.aborted, []string{"Alice Adams: fire."}) {
		t.Fatalf("aborted %q", s.run.aborted)
	}
	if v := s.View(); !strings.Contains(v, "[STOPPED]") || s.quit {
		t.Errorf("no last page:\n%s", v)
	}
	s.keys("x")
	if s.quit {
		t.Error("any key leaves the last page")
	}
	s.keys("enter")
	if !s.quit {
		t.Error("enter does not leave the last page")
	}
}

// hold keeps the next job from running, as a slow device does.
func (s *stage) hold(msg tea.Msg) tea.Cmd {
	_, cmd := s.Update(msg)
	return cmd
}

// While a job runs keys are dropped, the page says so, and a stop waits for it.
func TestBusy(t *testing.T) {
	s := stageOf(t, readPrompt(), readPrompt())
	job := s.hold(press("enter"))
	if !s.run.Busy() || len(s.run.answers) != 1 {
		t.Fatal("no job")
	}
	s.keys("enter", "enter")
	s.clock.advance(3 * time.Second)
	if v := s.View(); !strings.Contains(v, "The program works.") || !strings.Contains(v, "3.0 s") {
		t.Errorf("a slow answer is not said:\n%s", v)
	}
	cancelled := false
	s.run.jobs = func(ctx context.Context) { cancelled = cancelled || ctx.Err() != nil }
	s.keys("ctrl+c", "w", "h", "y", "enter")
	if len(s.run.aborted) != 0 {
		t.Fatal("aborted while a job runs")
	}
	s.do(job)
	if !cancelled || !slices.Equal(s.run.aborted, []string{"Olga Example: why"}) {
		t.Errorf("cancelled %v, aborted %q", cancelled, s.run.aborted)
	}
}

func TestWork(t *testing.T) {
	s := &stage{}
	run := rekeyAt(10, "", workPrompt(), readPrompt())
	run.jobs = func(context.Context) {
		if len(run.answers) == 0 {
			return // the job of Start
		}
		for _, l := range []ceremony.Line{
			{Mark: ceremony.Good, Text: "new root key, in locked memory", Took: time.Millisecond},
			{Mark: ceremony.Good, Text: "wrapped by the HSM", Took: 400 * time.Millisecond},
			{Mark: ceremony.Good, Text: "41 entries copied and written", Took: 200 * time.Millisecond},
			{Mark: ceremony.Now, Text: "waiting for the disk to confirm"},
		} {
			s.Update(ProgressMsg(l))
		}
		s.clock.advance(3100 * time.Millisecond)
		for _, size := range []struct{ w, h int }{{80, 24}, {120, 40}} {
			s.drive(tea.WindowSizeMsg{Width: size.w, Height: size.h})
			golden(t, fmt.Sprintf("%dx%d/11-work", size.w, size.h), s.View(), size.w, size.h)
		}
		asked := s.clock.now()
		s.opt.Waiting = func() time.Time { return asked }
		s.clock.advance(ceremony.Patience - time.Second)
		s.Update(tickMsg{})
		if v := s.View(); strings.Contains(v, "has not answered") {
			t.Errorf("the HSM is called silent too early:\n%s", v)
		}
		s.clock.advance(8 * time.Second)
		s.drive(tea.WindowSizeMsg{Width: 80, Height: 24})
		s.Update(tickMsg{})
		golden(t, "80x24/11-work-silent", s.View(), 80, 24)
		s.opt.Waiting = func() time.Time { return time.Time{} }
		s.Update(tickMsg{})
		if v := s.View(); strings.Contains(v, "has not answered") {
			t.Errorf("it answered, and is called silent:\n%s", v)
		}
		s.Update(ProgressMsg{Mark: ceremony.Now, Text: "opened again through the HSM"})
		if v := s.View(); !strings.Contains(v, "✓ waiting for the disk to confirm") {
			t.Errorf("a sub-step that follows does not end the one before:\n%s", v)
		}
	}
	*s = *blankStage(t, run, at("14:31:43"))
	s.do(s.Init())
	if len(run.answers) != 1 || s.prompt.Kind != ceremony.Read {
		t.Errorf("%d answers, now at %v: work was not answered at once", len(run.answers), s.prompt.Kind)
	}
}

// A signal ends the program without a question, from any page.
func TestStopMessage(t *testing.T) {
	s := stageOf(t, sharePrompt())
	s.type_(shareText[:30])
	s.drive(StopMsg{Reason: "the terminal is gone"})
	if !slices.Equal(s.run.aborted, []string{"the program: the terminal is gone"}) || !s.quit || s.tap.armed {
		t.Errorf("aborted %q, quit %v, tap armed %v", s.run.aborted, s.quit, s.tap.armed)
	}
}

func TestAuto(t *testing.T) {
	run := rekeyAt(8, "", readPrompt(), handPrompt(), sharePrompt(), workPrompt(), confirmPrompt(), showPrompt())
	run.outcome = ceremony.Outcome{Sentence: "Done."}
	s := blankStage(t, run, at("14:00:00"))
	var seen []string
	s.opt.Auto = func(p ceremony.Prompt) (ceremony.Input, bool) {
		seen = append(seen, s.View())
		in := ceremony.Input{Text: p.Word, Source: "auto"}
		if p.Kind == ceremony.AskShare {
			in.Secret = secret.Take([]byte(shareText))
		}
		return in, true
	}
	s.do(s.Init())
	if len(run.answers) != 6 || !s.quit {
		t.Fatalf("%d answers, quit %v", len(run.answers), s.quit)
	}
	if !strings.Contains(seen[1], "> BOB") || !strings.Contains(seen[2], "✓  ✓  ✓  ✓  ✓  ✓  ✓  ✓  ✓  ✓  ✓") {
		t.Errorf("the answers are not seen to be typed:\n%s\n%s", seen[1], seen[2])
	}
	if s.tap.armed || s.writer.binds != 0 {
		t.Error("a played page takes keys or shows a secret")
	}
}
