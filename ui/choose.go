package ui

import (
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"conclave/ceremony"
)

// chooseScreen offers ways on, each with its consequence. With a problem that
// has a badge it is the page of an error: what happened, what state things are
// in, what to do.
type chooseScreen struct {
	p  ceremony.Prompt
	at int
}

func newChoose(p ceremony.Prompt) *chooseScreen { return &chooseScreen{p: p} }

func (s *chooseScreen) update(msg tea.Msg) (*ceremony.Input, tea.Cmd) {
	k, ok := msg.(keyPress)
	if !ok || len(s.p.Choices) == 0 {
		return nil, nil
	}
	switch {
	case keyUp.is(k):
		s.at = max(0, s.at-1)
	case keyDown.is(k):
		s.at = min(len(s.p.Choices)-1, s.at+1)
	case keyEnter.is(k):
		return &ceremony.Input{Choice: s.p.Choices[s.at].ID}, nil
	}
	return nil, nil
}

func (s *chooseScreen) view(a area) page {
	if p := s.p.Problem; p != nil && p.Badge != "" {
		body := append([]string{"", ""}, join(a.problem(p), a.paras(s.p.Text), a.facts(s.p.Facts), a.marks(s.p.Lines))...)
		body = append(append(body, "", ""), s.choices(a)...)
		return page{focus: true, body: body, code: p.Code, recorded: s.p.Recorded}
	}
	body := join(s.head(a), a.facts(s.p.Facts), a.marks(s.p.Lines), a.paras(s.p.Text))
	return page{focus: a.narrow(s.p.Facts), body: append(append(body, keep), s.choices(a)...), recorded: s.p.Recorded}
}

// head is the problem as the page's own sentence where there is one: nothing is
// broken, so there is no badge.
func (s *chooseScreen) head(a area) []string {
	if s.p.Problem == nil {
		return a.heading(s.p.Heading)
	}
	if s.p.Heading == "" || s.p.Heading == s.p.Problem.Happened {
		return a.note(s.p.Problem)
	}
	return join(a.note(s.p.Problem), a.heading(s.p.Heading))
}

// choices are rows with a cursor. Title and consequence stand side by side
// where both fit, else below each other.
func (s *chooseScreen) choices(a area) []string {
	st := a.look.Styles
	room := a.right() - 2
	col := 0
	for _, c := range s.p.Choices {
		col = max(col, width(say(c.Title)))
	}
	col = max(col+3, 20)
	beside := col < room/2
	for _, c := range s.p.Choices {
		if width(say(c.Consequence)) > room-col {
			beside = false
		}
	}
	var out []string
	for i, c := range s.p.Choices {
		cursor, style := " ", st.Text
		if i == s.at {
			cursor, style = sign(a.look, markNow), st.Heading
		}
		if c.Consequence != "" && beside {
			out = append(out, cursor+" "+fill(style.Render(say(c.Title)), col, a.look.Symbols.More)+say(c.Consequence))
			continue
		}
		for _, l := range wrap(c.Title, room) {
			out = append(out, cursor+" "+style.Render(l))
			cursor = " "
		}
		if c.Consequence != "" {
			out = append(out, indent(4, wrap(c.Consequence, room-2)...)...)
		}
	}
	return out
}

func (s *chooseScreen) keys() []binding {
	return []binding{keyChoose, keyEnter, keyBlank, keyHelp, keyStop}
}

// problem is a page's own problem: badge and sentence; state, whose first
// clause is bold; what to do with the hands.
func (a area) problem(p *ceremony.Problem) []string {
	st := a.look.Styles
	lead := strings.Repeat(" ", a.text)
	badge := a.look.BadgeStop(say(p.Badge)) + "   "
	var happened []string
	for i, l := range wrap(p.Happened, a.right()-a.text-width(badge)) {
		before := strings.Repeat(" ", width(badge))
		if i == 0 {
			before = badge
		}
		happened = append(happened, lead+before+st.Heading.Render(l))
	}
	state := a.para(p.State)
	if n := strings.Index(p.State, ":"); n > 0 && len(state) > 0 && strings.Contains(state[0], ":") {
		clause, rest, _ := strings.Cut(strings.TrimSpace(state[0]), ":")
		state[0] = lead + st.Value.Render(clause+":") + rest
	}
	if p.State == "" {
		state = nil
	}
	var do []string
	if p.Do != "" {
		do = a.para(p.Do)
	}
	return join(happened, state, do)
}
