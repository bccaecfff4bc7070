package ui

import (
	tea "github.com/charmbracelet/bubbletea"

	"conclave/ceremony"
)

// attestScreen shows a result or something to compare. A SHA-256 among the
// facts is drawn in rows, to be written on paper.
type attestScreen struct {
	p      ceremony.Prompt
	digest string
}

func newAttest(p ceremony.Prompt) *attestScreen {
	s := &attestScreen{p: p}
	s.p.Facts, _, s.digest = withoutHash(p.Facts)
	return s
}

func (s *attestScreen) update(msg tea.Msg) (*ceremony.Input, tea.Cmd) {
	if k, ok := msg.(keyPress); ok && keyEnter.is(k) {
		return &ceremony.Input{}, nil
	}
	return nil, nil
}

func (s *attestScreen) view(a area) page {
	if s.digest == "" {
		return page{
			focus:    a.narrow(s.p.Facts),
			body:     join(a.note(s.p.Problem), a.heading(s.p.Heading), a.facts(s.p.Facts), a.marks(s.p.Lines), a.paras(s.p.Text)),
			recorded: s.p.Recorded,
		}
	}
	return page{
		focus:    true,
		body:     join(a.note(s.p.Problem), a.heading(s.p.Heading), a.marks(s.p.Lines), a.paras(s.p.Text), a.hash(s.digest, static), a.facts(s.p.Facts)),
		recorded: s.p.Recorded,
	}
}

func (s *attestScreen) keys() []binding {
	label := "it is so"
	if s.digest != "" {
		label = "all have written it"
	}
	return []binding{keyEnter.as(label, label), keyBlank, keyHelp, keyStop}
}
