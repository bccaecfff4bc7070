package ui

import (
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"conclave/ceremony"
)

// handOverScreen stands between two people. Nothing of the page before is on
// it, and it answers only to the name of the one who comes.
type handOverScreen struct {
	p ceremony.Prompt
	f field
}

// other is the choice that somebody else takes the keyboard.
const other = "other"

func newHandOver(p ceremony.Prompt) *handOverScreen {
	return &handOverScreen{p: p, f: field{max: 40}}
}

func (s *handOverScreen) update(msg tea.Msg) (*ceremony.Input, tea.Cmd) {
	k, ok := msg.(keyPress)
	if !ok {
		return nil, nil
	}
	switch {
	case keyEnter.is(k):
		if len(s.f.text) > 0 {
			return &ceremony.Input{Text: s.f.String(), Source: "typed"}, nil
		}
	case keyOther.is(k) && s.canPass():
		return &ceremony.Input{Choice: other}, nil
	default:
		s.f.press(k)
	}
	return nil, nil
}

// canPass tells whether somebody else may go first: custodians may, in any
// order, and whoever is away at the sign-off.
func (s *handOverScreen) canPass() bool { return s.p.Other || s.p.By.Role == ceremony.Custodian }

func (s *handOverScreen) view(a area) page {
	const left = 9
	st := a.look.Styles
	in := func(lines ...string) []string { return indent(left, lines...) }
	room := a.right() - left
	body := []string{"", ""}
	var leave []string
	for _, t := range s.p.Text {
		leave = append(leave, wrap(t, room-2)...) // the first has a sign before it
	}
	if len(leave) > 0 {
		leave = in(leave...)
		leave[0] = strings.Repeat(" ", left) + sign(a.look, markGood) + " " + strings.TrimLeft(leave[0], " ")
	}
	if s.p.From != "" && s.p.From != s.p.By.Name {
		leave = append(leave, in(wrap(first(s.p.From)+", please step back from the keyboard.", room)...)...)
	}
	if s.p.Problem != nil {
		leave = a.note(s.p.Problem) // as wide as on any other page: nothing of it is cut
	}
	if len(leave) == 0 {
		leave = []string{""}
	}
	body = append(append(body, ""), leave...)
	body = append(body, "", "", "")
	body = append(body, in("Pass the keyboard to", "")...)
	name := spaced(s.p.By.Name)
	if width(name) > room {
		name = strings.ToUpper(say(s.p.By.Name))
	}
	body = append(body, in(st.Heading.Render(cut(name, room, a.look.Symbols.More)))...)
	body = append(body, "", "", "")
	rule := "nobody else sees the screen or the keys."
	if s.p.By.Role != ceremony.Custodian && s.p.By.Role != ceremony.PINHolder {
		// What follows is for all to read.
		rule = "read the page before you type."
	}
	body = append(body, in(wrap(first(s.p.By.Name)+": "+rule, room)...)...)
	body = append(body, in("Type "+st.Value.Render(say(s.p.Word))+" to begin.", "")...)
	body = append(body, strings.Repeat(" ", left-a.text)+a.field(s.f.String()))
	if s.f.pasted {
		body = append(body, in(notPasted)...)
	}
	return page{focus: true, body: body, recorded: ""}
}

func (s *handOverScreen) keys() []binding {
	ks := []binding{keyEnter.as("done", "done")}
	if s.canPass() {
		ks = append(ks, keyOther)
	}
	return append(ks, keyBlank, keyStop)
}

func (s *handOverScreen) fields() bool { return true }

func (s *handOverScreen) play(done, total int) { s.f.text = part(s.p.Word, done, total) }
