package ui

import (
	"slices"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"conclave/ceremony"
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

// TestAskLength: a line takes 120 characters, one that names a file 400; more is
// not taken.
func TestAskLength(t *testing.T) {
	for path, most := range map[bool]int{false: 120, true: 400} {
		s := stageOf(t, ceremony.Prompt{Kind: ceremony.Ask, By: olga, Heading: "Which?", Field: "x", Path: path})
		s.keys(slices.Repeat([]string{"a"}, most+5)...)
		s.keys("enter")
		if len(s.run.answers) != 1 || s.run.answers[0].Text != strings.Repeat("a", most) {
			t.Errorf("a file: %v: %d answers, %+v", path, len(s.run.answers), s.run.answers)
		}
	}
}

// TestKeysInOneRead: letters that come in one read are as many keys, but a burst
// is no answer to a page that it has brought, and brings a blank screen back once.
func TestKeysInOneRead(t *testing.T) {
	s := stageOf(t, three(nil), readPrompt())
	s.keys("jj", " ", "kkk", " ", "enter")
	if got := s.run.answers[0].Present; !slices.Equal(got, []bool{true, false, true}) {
		t.Errorf("marked are %v", got)
	}
	s = stageOf(t, three(nil))
	s.keys("f1", "jj")
	s.clock.advance(time.Second)
	s.keys(" ", "enter")
	if got := s.run.answers[0].Present; !slices.Equal(got, []bool{true, false, false}) {
		t.Errorf("after a blank screen: marked are %v", got)
	}
}

// TestPeopleMissing: where somebody is missing, the cursor stands at the first who
// is not marked.
func TestPeopleMissing(t *testing.T) {
	s := stageOf(t, three(&ceremony.Problem{Happened: "Wim Waters is needed."}, 0))
	s.keys(" ", "enter")
	if got := s.run.answers[0].Present; !slices.Equal(got, []bool{true, true, false}) {
		t.Errorf("marked are %v", got)
	}
}

func three(p *ceremony.Problem, here ...int) ceremony.Prompt {
	page := ceremony.Prompt{Kind: ceremony.People, By: olga, Heading: "Olga Example: mark who is here", Problem: p}
	for i, name := range []string{"Olga Example", "Wim Waters", "Alice Adams"} {
		page.People = append(page.People, ceremony.Attendance{Person: ceremony.Person{Name: name}, Present: slices.Contains(here, i)})
	}
	return page
}
