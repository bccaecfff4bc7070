package ui

import (
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"conclave/ceremony"
)

// longestPIN is more than any token takes.
const longestPIN = 255

// pinScreen takes a PIN: one sign a character, nothing else of it.
type pinScreen struct {
	entry
	p ceremony.Prompt
}

func newPIN(p ceremony.Prompt, tap Tap, send func(tea.Msg)) *pinScreen {
	return &pinScreen{p: p, entry: newEntry(tap, send, false, longestPIN)}
}

func (s *pinScreen) update(msg tea.Msg) (*ceremony.Input, tea.Cmd) {
	if !s.heard(msg) || !s.note.Done {
		return nil, nil
	}
	if s.note.Count == 0 {
		s.tap.Resume()
		return nil, nil
	}
	return &ceremony.Input{Secret: s.tap.Take(), Source: s.source()}, nil
}

func (s *pinScreen) view(a area) page {
	n := max(s.note.Count, s.played)
	typed := strings.Repeat(a.look.Symbols.Typed, min(n, 32))
	line := a.field(typed)
	var hint []string
	if s.wiped {
		hint = a.para(wipedNote)
	}
	return page{
		body:     join(a.note(s.p.Problem), a.heading(s.p.Heading), a.facts(s.p.Facts), a.marks(s.p.Lines), a.paras(s.p.Text)),
		foot:     join(a.label(s.p.Field), []string{line}, hint),
		recorded: s.p.Recorded,
	}
}

func (s *pinScreen) keys() []binding {
	return []binding{keyEnter.as("done", "done"), keyAgain.as("clear", "clear"), keyBlank, keyStop}
}

func (s *pinScreen) fields() bool { return true }

func (s *pinScreen) play(done, total int) { s.played = 8 * done / max(total, 1) }
