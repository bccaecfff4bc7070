package ui

import (
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"conclave/ceremony"
)

// restScreen is a break: nothing of the ceremony but that it waits. It neither
// locks nor ends by itself, and only a word takes it away.
type restScreen struct {
	p ceremony.Prompt
	f field
}

func newRest(p ceremony.Prompt) *restScreen { return &restScreen{p: p, f: field{max: 40}} }

// resting tells whether nobody is expected to type.
func (m *Model) resting() bool {
	_, ok := m.screen.(*restScreen)
	return ok && !m.run.Done()
}

func (s *restScreen) update(msg tea.Msg) (*ceremony.Input, tea.Cmd) {
	k, ok := msg.(keyPress)
	switch {
	case !ok:
	case !keyEnter.is(k):
		s.f.press(k)
	case len(s.f.text) > 0:
		return &ceremony.Input{Text: s.f.String(), Source: "typed"}, nil
	}
	return nil, nil
}

func (s *restScreen) view(a area) page {
	body := []string{"", ""}
	if s.p.Problem != nil {
		body = append(body, append(a.note(s.p.Problem), "")...)
	}
	body = append(body, "", strings.Repeat(" ", a.text)+a.look.Styles.Heading.Render(spaced(say(s.p.Heading))), "", "")
	body = append(body, join(a.facts(s.p.Facts), a.paras(s.p.Text))...)
	foot := []string{strings.Repeat(" ", a.text) + "Type " + a.look.Styles.Value.Render(say(s.p.Word)) + " to end the break.", "", a.field(s.f.String())}
	if s.f.pasted {
		foot = append(foot, a.para(notPasted)...)
	}
	return page{focus: true, body: body, foot: foot, recorded: s.p.Recorded}
}

func (s *restScreen) keys() []binding {
	return []binding{keyEnter.as("the break is over", "over"), keyBlank, keyStop}
}

func (s *restScreen) fields() bool { return true }

func (s *restScreen) play(done, total int) { s.f.text = part(s.p.Word, done, total) }
