package ui

import (
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"conclave/ceremony"
)

// ProgressMsg is a sub-step of the work that runs: main sends it to the program
// from the engine's Progress.
type ProgressMsg ceremony.Line

// workScreen shows what the program does: named sub-steps with the time that
// each took, and what is so if the power fails now.
type workScreen struct {
	p     ceremony.Prompt
	lines []ceremony.Line
	begun time.Time // of the work
	since time.Time // of the present sub-step
}

func newWork(p ceremony.Prompt, now func() time.Time) *workScreen {
	t := now()
	return &workScreen{p: p, lines: append([]ceremony.Line(nil), p.Lines...), begun: t, since: t}
}

func (s *workScreen) update(msg tea.Msg) (*ceremony.Input, tea.Cmd) { return nil, nil }

// progress takes a sub-step: one that the page names already, or a new one. A
// sub-step that runs ends the one before it.
func (s *workScreen) progress(l ceremony.Line, now time.Time) {
	if l.Mark == markNow {
		for i := range s.lines {
			if s.lines[i].Mark == markNow && s.lines[i].Text != l.Text {
				s.lines[i].Mark, s.lines[i].Took = markGood, now.Sub(s.since)
			}
		}
	}
	s.since = now
	for i := range s.lines {
		if s.lines[i].Text == l.Text {
			s.lines[i] = l
			return
		}
	}
	s.lines = append(s.lines, l)
}

func (s *workScreen) view(a area) page {
	lines := append([]ceremony.Line(nil), s.lines...)
	running := false
	for i := range lines {
		if lines[i].Mark == markNow {
			lines[i].Took = max(a.now.Sub(s.since), time.Millisecond)
			running = true
		}
	}
	if !running {
		lines = append(lines, ceremony.Line{Mark: markNow, Text: "at work", Took: max(a.now.Sub(s.since), time.Millisecond)})
	}
	var power []string
	if s.p.IfPowerFails != "" {
		power = append(a.para("If the power fails now:"), a.bold(a.text+2, s.p.IfPowerFails)...)
	}
	return page{
		body:     join(a.heading(s.p.Heading), a.facts(s.p.Facts), a.marks(lines), power, a.paras(s.p.Text)),
		recorded: "begun " + s.begun.UTC().Format("15:04:05") + ".",
	}
}

// bold is a paragraph of the one value that counts.
func (a area) bold(at int, s string) []string {
	var out []string
	for _, l := range wrap(s, a.right()-at) {
		out = append(out, a.look.Styles.Value.Render(l))
	}
	return indent(at, out...)
}

func (s *workScreen) keys() []binding {
	stop := keyStop
	if s.p.Stop != "" {
		label := "stop, " + cut(lower(clause(say(s.p.Stop))), 36, "")
		stop = stop.as(label, label)
	}
	return []binding{stop, keyBlank}
}
