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
	"conclave/ui/term"
)

func stageOf(t *testing.T, ps ...ceremony.Prompt) *stage {
	t.Helper()
	return newStage(t, rekeyAt(8, "1 of 3", ps...), at("14:23:04"), term.PlainLook(true), 80, 24)
}

// The keys of the first 300 ms belong to the page before.
func TestKeyGrace(t *testing.T) {
	s := stageOf(t, readPrompt(), confirmPrompt())
	s.keys("enter") // the text was read; the next page is drawn
	s.keys("enter", "R")
	if len(s.run.answers) != 1 {
		t.Fatalf("a double enter gave %d answers, want 1", len(s.run.answers))
	}
	s.clock.advance(299 * time.Millisecond)
	s.keys("E")
	s.clock.advance(time.Millisecond)
	for _, c := range "REKEY" {
		s.keys(string(c))
	}
	s.keys("enter")
	if got := s.run.answers[1].Text; got != "REKEY" {
		t.Errorf("the word is %q: early keys counted", got)
	}
}

func TestPasteDoesNotCount(t *testing.T) {
	for _, p := range []ceremony.Prompt{confirmPrompt(), handPrompt(), askPrompt()} {
		s := stageOf(t, p)
		s.drive(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(p.Word + "x"), Paste: true})
		if !strings.Contains(s.View(), notPasted) {
			t.Errorf("%v: the page does not say that a paste does not count", p.Kind)
		}
		s.keys("enter")
		if len(s.run.answers) != 0 {
			t.Errorf("%v: a paste was an answer", p.Kind)
		}
	}
}

func TestAnswers(t *testing.T) {
	for _, tc := range []struct {
		name string
		p    ceremony.Prompt
		keys []string
		want ceremony.Input
	}{
		{"read", readPrompt(), []string{"enter"}, ceremony.Input{}},
		{"hash", hashPrompt(), []string{"enter", " ", " ", " ", " ", "up", " ", "enter", " ", " ", " ", " ", "enter"}, ceremony.Input{}},
		{"people", peoplePrompt(), []string{" ", "down", "down", "down", " ", "enter"},
			ceremony.Input{Present: []bool{false, true, true, true, true, false, false}}},
		{"ask", askPrompt(), []string{"W", "i", "n", "backspace", "m", " ", "W", "enter"}, ceremony.Input{Text: "Wim W", Source: "typed"}},
		{"default", ceremony.Prompt{Kind: ceremony.Ask, Heading: "Where?", Field: "directory", Default: "here"}, []string{"enter"}, ceremony.Input{Text: "here", Source: "typed"}},
		{"hand-over", handPrompt(), []string{"enter", "b", "o", "b", "enter"}, ceremony.Input{Text: "bob", Source: "typed"}},
		{"somebody else", handPrompt(), []string{"ctrl+x"}, ceremony.Input{Choice: "other"}},
		{"choose", oldSharePrompt(), []string{"down", "down", "down", "up", "enter"}, ceremony.Input{Choice: "other"}},
		{"attest", resultPrompt(), []string{"enter"}, ceremony.Input{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := stageOf(t, tc.p)
			s.keys(tc.keys...)
			if len(s.run.answers) != 1 {
				t.Fatalf("%d answers, want 1", len(s.run.answers))
			}
			got := s.run.answers[0]
			got.Stamp = ceremony.Stamp{}
			if got.Text != tc.want.Text || got.Choice != tc.want.Choice || got.Source != tc.want.Source || !slices.Equal(got.Present, tc.want.Present) {
				t.Errorf("the answer is %+v, want %+v", got, tc.want)
			}
		})
	}
}

// A long text is read to its end before enter goes on.
func TestReadToTheEnd(t *testing.T) {
	p := longRead()
	p.Facts = nil
	s := stageOf(t, p)
	for range 3 {
		s.keys("enter")
	}
	if len(s.run.answers) != 0 {
		t.Fatal("enter went on before the end of the text")
	}
	if v := s.View(); !strings.Contains(v, "line 60 of") || !strings.Contains(v, ", 0 below") {
		t.Errorf("three pages do not show the last line:\n%s", v)
	}
	s.keys("enter")
	if len(s.run.answers) != 1 {
		t.Error("enter at the end did not go on")
	}
}

func TestShareEntry(t *testing.T) {
	hex := strings.Repeat("0aB1", 16) + "01"
	for _, tc := range []struct{ name, typed, want string }{
		{"groups", shareText, shareText},
		{"hex", hex, hex},
		{"base64", strings.Repeat("Ab9/", 10) + "Ab9B", strings.Repeat("Ab9/", 10) + "Ab9B"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := stageOf(t, sharePrompt())
			s.type_(tc.typed[:20])
			s.tap.enter()
			s.drive()
			if len(s.run.answers) != 0 {
				t.Fatal("half a share was an answer")
			}
			s.type_(tc.typed[20:])
			s.tap.enter()
			s.drive()
			if len(s.run.answers) != 1 {
				t.Fatalf("the share was not taken:\n%s", s.View())
			}
			got := s.run.answers[0]
			if string(got.Secret.Expose()) != tc.want || got.Source != "typed" {
				t.Errorf("the answer is not what was typed (source %q)", got.Source)
			}
			if s.tap.armed {
				t.Error("the tap is still armed on the next page")
			}
		})
	}
}

// A wrong group is named while the share is typed, and typed again alone.
func TestRetypeGroup(t *testing.T) {
	s := stageOf(t, sharePrompt())
	wrong := []byte(shareText)
	wrong[45] = '1'
	s.type_(string(wrong))
	if v := s.View(); !strings.Contains(v, "Group 7 does not check.") || !strings.Contains(v, "ctrl+g group 7 again") {
		t.Fatalf("the wrong group is not named:\n%s", v)
	}
	s.tap.enter()
	s.drive()
	if len(s.run.answers) != 0 {
		t.Fatal("a share with a wrong group was an answer")
	}
	s.tap.tell(term.KeyRetype)
	s.drive()
	s.type_(shareText[42:45])
	if v := s.View(); !strings.Contains(v, "✓  ✓  ✓  ✓  ✓  ✓  ▸  ✓  ✓  ✓  ✓") || !strings.Contains(v, "group 7     • • •   · · ·   ·") {
		t.Errorf("group 7 is not being typed again:\n%s", v)
	}
	s.tap.enter()
	s.drive()
	if v := s.View(); !strings.Contains(v, "Group 7 is not finished.") {
		t.Errorf("an unfinished group is not said:\n%s", v)
	}
	s.type_(shareText[45:49])
	s.tap.enter()
	s.drive()
	if len(s.run.answers) != 1 || string(s.run.answers[0].Secret.Expose()) != shareText {
		t.Fatalf("the mended share was not taken:\n%s", s.View())
	}
}

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
