package plain

import (
	"fmt"
	"io"
	"strings"

	"conclave/assets/clean"
	"conclave/ceremony"
)

// longestText is more than any paragraph of ours.
const longestText = 4000

func said(text string) string { return clean.Cut(text, longestText) }

// say prints one line of the present step.
func (s *session) say(text string) {
	id := s.c.Prompt().StepID
	if id == "" {
		id = "conclave"
	}
	fmt.Fprintf(s.out, "[%s] %s\n", said(id), said(text))
}

func (s *session) sayf(format string, args ...any) { s.say(fmt.Sprintf(format, args...)) }

// ask prints what a line is read for, on a line of its own that stays open.
func (s *session) ask(text string) {
	fmt.Fprintf(s.out, "[%s] %s: ", said(s.c.Prompt().StepID), said(text))
}

// Progress prints a sub-step of the program's work: an Env's Progress.
func Progress(out io.Writer) func(ceremony.Line) {
	return func(l ceremony.Line) { fmt.Fprintf(out, "[work] %s\n", said(line(l))) }
}

// page prints all of a prompt but what is asked.
func (s *session) page(p ceremony.Prompt) {
	h := s.c.Header()
	if p.StepID != s.step {
		s.step = p.StepID
		s.sayf("Step %d of %d: %s.", h.Step, h.Steps, p.Title)
	}
	s.problem(p.Problem)
	mark := ""
	if h.Practice {
		mark = "PRACTICE. "
	}
	s.say(mark + p.Heading)
	if p.From != "" && p.From != p.By.Name {
		s.sayf("%s, please step back from the keyboard.", first(p.From))
	}
	for _, t := range p.Text {
		s.say(t)
	}
	for _, f := range p.Facts {
		s.sayf("%s: %s", f.Label, f.Value)
	}
	for _, l := range p.Lines {
		s.say(line(l))
	}
	s.confirmation(p)
	if p.IfPowerFails != "" {
		s.sayf("If the power fails now: %s", p.IfPowerFails)
	}
	if p.Recorded != "" && p.Kind != ceremony.Work {
		s.sayf("Recorded: %s", p.Recorded)
	}
}

// problem prints the three sentences.
func (s *session) problem(p *ceremony.Problem) {
	if p == nil {
		return
	}
	badge := p.Badge
	if badge == "" {
		badge = "NOT ACCEPTED"
	}
	s.sayf("%s. %s", badge, p.Happened)
	for _, t := range []string{p.State, p.Do} {
		if t != "" {
			s.say(t)
		}
	}
	if p.Code != "" {
		s.sayf("For support: %s", p.Code)
	}
}

func (s *session) confirmation(p ceremony.Prompt) {
	if p.Kind != ceremony.Confirm {
		return
	}
	if t := strings.TrimPrefix(p.Badge+". "+p.Action, ". "); t != "" {
		s.say(t)
	}
	for _, f := range []ceremony.Fact{{Label: "Changes", Value: p.Changes}, {Label: "Stays", Value: p.Stays}, {Label: "To undo it", Value: p.Undo}} {
		if f.Value != "" {
			s.sayf("%s: %s", f.Label, f.Value)
		}
	}
}

// marks are the words for what the screen shows as signs.
var marks = map[ceremony.Mark]string{
	ceremony.Good:    "ok",
	ceremony.Warn:    "warning",
	ceremony.Bad:     "WRONG",
	ceremony.Skipped: "skipped",
	ceremony.Now:     "now",
	ceremony.ToCome:  "to come",
}

func line(l ceremony.Line) string {
	text := marks[l.Mark] + ": " + l.Text
	if l.Took > 0 {
		text += fmt.Sprintf(" (%.1f s)", l.Took.Seconds())
	}
	return text
}

func first(name string) string {
	name, _, _ = strings.Cut(strings.TrimSpace(name), " ")
	return name
}
