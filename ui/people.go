package ui

import (
	"fmt"
	"slices"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"conclave/ceremony"
)

// peopleScreen marks who is here.
type peopleScreen struct {
	p    ceremony.Prompt
	here []bool
	at   int
}

func newPeople(p ceremony.Prompt) *peopleScreen {
	s := &peopleScreen{p: p}
	for _, r := range p.People {
		s.here = append(s.here, r.Present)
	}
	if missing := slices.Index(s.here, false); p.Problem != nil && missing > 0 {
		s.at = missing
	}
	return s
}

func (s *peopleScreen) update(msg tea.Msg) (*ceremony.Input, tea.Cmd) {
	k, ok := msg.(keyPress)
	if !ok {
		return nil, nil
	}
	switch {
	case keyUp.is(k):
		s.at = max(0, s.at-1)
	case keyDown.is(k):
		s.at = min(len(s.here)-1, s.at+1)
	case keySpace.is(k) && s.at < len(s.here):
		s.here[s.at] = !s.here[s.at]
		s.at = min(len(s.here)-1, s.at+1)
	case keyEnter.is(k):
		return &ceremony.Input{Present: append([]bool(nil), s.here...)}, nil
	}
	return nil, nil
}

func (s *peopleScreen) view(a area) page {
	st := a.look.Styles
	name := 16
	for _, r := range s.p.People {
		name = max(name, width(say(r.Person.Name)))
	}
	name = min(name, a.right()-a.text-4-24)
	lead := strings.Repeat(" ", a.text)
	rows := []string{st.Aside.Render(lead + "    " + fill("name", name, "") + " role")}
	count := 0
	for i, r := range s.p.People {
		cursor, tick := " ", " "
		text := fill(say(r.Person.Name), name, a.look.Symbols.More) + " " + role(r.Person)
		if i == s.at {
			cursor = sign(a.look, markNow)
			text = st.Heading.Render(text)
		}
		if s.here[i] {
			tick = sign(a.look, markGood)
			count++
		}
		rows = append(rows, lead+cursor+" "+tick+" "+text)
	}
	if len(s.p.People) == 0 {
		rows = []string{"  Nobody is in the plan."}
	}
	sum := fmt.Sprintf("%s of %s are here. ", capital(number(count)), number(len(s.here)))
	return page{
		body: join(a.note(s.p.Problem), a.heading(s.p.Heading), rows, nil,
			a.para(strings.TrimSpace(sum+strings.Join(s.p.Text, " ")))),
		recorded: s.p.Recorded,
	}
}

// role is what a person does here: "witness, Audit", "custodian 3".
func role(p ceremony.Person) string {
	r := string(p.Role)
	if p.Number > 0 {
		r += fmt.Sprintf(" %d", p.Number)
	}
	if p.Organisation != "" {
		r += ", " + say(p.Organisation)
	}
	return r
}

func (s *peopleScreen) keys() []binding {
	return []binding{keySpace.as("is here", "is here"), keyChoose, keyEnter.as("done", "done"), keyBlank, keyHelp, keyStop}
}
