package ui

import (
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"conclave/ceremony"
)

// formScreen takes some lines of public text, each of which may stay empty.
type formScreen struct {
	p     ceremony.Prompt
	lines []field
	at    int
}

func newForm(p ceremony.Prompt) *formScreen {
	s := &formScreen{p: p}
	for i, f := range p.Fields {
		s.lines = append(s.lines, field{max: longest, text: []rune(f.Default)})
		if p.Problem != nil && p.Problem.Field == f.ID {
			s.at = i
		}
	}
	return s
}

func (s *formScreen) update(msg tea.Msg) (*ceremony.Input, tea.Cmd) {
	k, ok := msg.(keyPress)
	if !ok || len(s.lines) == 0 {
		return nil, nil
	}
	switch {
	case keyRecord.is(k), k.Type == tea.KeyEnter && s.at == len(s.lines)-1:
		in := &ceremony.Input{Source: "typed"}
		for i := range s.lines {
			in.Fields = append(in.Fields, s.lines[i].String())
		}
		return in, nil
	case keyPrior.is(k):
		s.at = max(0, s.at-1)
	case keyNext.is(k):
		s.at = min(len(s.lines)-1, s.at+1)
	default:
		s.lines[s.at].press(k)
	}
	return nil, nil
}

func (s *formScreen) view(a area) page {
	st := a.look.Styles
	label := 0
	for _, f := range s.p.Fields {
		label = max(label, width(say(f.Label))+2)
	}
	room := a.right() - a.text - 2 - label - 1
	var rows []string
	caret := 0
	for i, f := range s.p.Fields {
		bar, name := "  ", fill(say(f.Label), label, "")
		text := wrap(say(s.lines[i].String()), room)
		if len(text) == 0 {
			text = []string{""}
		}
		if i == s.at {
			bar, name = st.Now.Render(a.look.Symbols.Bar)+" ", st.Heading.Render(name)
			for j := range text {
				text[j] = st.Value.Render(text[j])
			}
			text[len(text)-1] += st.Caret.Render(" ")
			caret = len(rows) + len(text)
		}
		for _, row := range text {
			rows = append(rows, strings.Repeat(" ", a.text)+bar+name+row)
			name = fill("", label, "")
		}
	}
	var hint []string
	if len(s.lines) > 0 && s.lines[s.at].pasted {
		hint = a.para(notPasted)
	}
	body := join(a.heading(s.p.Heading), a.paras(s.p.Text), a.facts(s.p.Facts), a.marks(s.p.Lines))
	lines := join(rows, hint)
	return page{head: a.note(s.p.Problem), body: append(append(body, keep), lines...), caret: len(lines) - caret + 1, recorded: s.p.Recorded}
}

func (s *formScreen) keys() []binding {
	return []binding{keyNext, keyPrior, keyRecord, keyBlank, keyStop}
}

func (s *formScreen) fields() bool { return true }
