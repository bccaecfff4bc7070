package ui

import (
	"slices"

	tea "github.com/charmbracelet/bubbletea"

	"conclave/ceremony"
)

// longest is the most characters that a public line takes.
const longest = 120

// askScreen takes one line of public text.
type askScreen struct {
	p ceremony.Prompt
	f pathField
}

func newAsk(p ceremony.Prompt) *askScreen {
	if p.Path {
		return &askScreen{p: p, f: newPathField()}
	}
	return &askScreen{p: p, f: pathField{field: field{max: longest}}}
}

func (s *askScreen) update(msg tea.Msg) (*ceremony.Input, tea.Cmd) {
	if m, ok := msg.(completedMsg); ok && s.p.Path {
		s.f.completed(m)
	}
	k, ok := msg.(keyPress)
	if !ok {
		return nil, nil
	}
	if keyEnter.is(k) {
		text := s.f.String()
		if text == "" {
			text = s.p.Default
		}
		if text == "" {
			return nil, nil
		}
		return &ceremony.Input{Text: text, Source: "typed"}, nil
	}
	if s.p.Path {
		return nil, s.f.press(k)
	}
	s.f.field.press(k)
	return nil, nil
}

func (s *askScreen) view(a area) page {
	var hint []string
	if s.p.Default != "" && len(s.f.text) == 0 {
		hint = a.para("enter alone takes: " + s.p.Default)
	}
	switch {
	case s.p.Path && s.f.hint(a) != nil:
		hint = s.f.hint(a)
	case s.f.pasted:
		hint = a.para(notPasted)
	}
	line := a.field(s.f.String())
	return page{
		body:     join(a.note(s.p.Problem), a.heading(s.p.Heading), a.paras(s.p.Text), a.facts(s.p.Facts), a.marks(s.p.Lines)),
		foot:     join(a.label(s.p.Field), []string{line}, hint),
		recorded: s.p.Recorded,
	}
}

// label says what is typed, where the page has said more than that.
func (a area) label(s string) []string {
	if s == "" {
		return nil
	}
	return a.para(capital(s) + ":")
}

func (s *askScreen) keys() []binding {
	keys := []binding{keyEnter.as("done", "done"), keyClear.as("clear", "clear"), keyBlank, keyStop}
	if s.p.Path {
		keys = slices.Insert(keys, 1, keyTab)
	}
	return keys
}

func (s *askScreen) fields() bool { return true }

func (s *askScreen) play(done, total int) {}
