package ui

import (
	"slices"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"conclave/ceremony"
)

// confirmScreen asks for a typed word before something is changed: changes,
// stays, undo, always these three, always in this order.
type confirmScreen struct {
	p ceremony.Prompt
	f field
}

func newConfirm(p ceremony.Prompt) *confirmScreen {
	return &confirmScreen{p: p, f: field{max: 40}}
}

func (s *confirmScreen) update(msg tea.Msg) (*ceremony.Input, tea.Cmd) {
	k, ok := msg.(keyPress)
	if !ok {
		return nil, nil
	}
	if keyEnter.is(k) {
		if len(s.f.text) > 0 {
			return &ceremony.Input{Text: s.f.String(), Source: "typed"}, nil
		}
		return nil, nil
	}
	s.f.press(k)
	return nil, nil
}

func (s *confirmScreen) view(a area) page {
	st := a.look.Styles
	var head []string
	if s.p.Badge != "" {
		badge := a.look.BadgeStop(say(s.p.Badge))
		head = []string{strings.Repeat(" ", a.text) + cut(badge+"  "+st.Heading.Render(say(s.p.Action)), a.w-a.text-1, a.look.Symbols.More)}
	} else {
		head = a.heading(s.p.Heading)
		if s.p.Action != "" {
			head = append(head, a.para(s.p.Action)...)
		}
	}
	var three []ceremony.Fact
	for _, f := range []ceremony.Fact{{Label: "changes", Value: s.p.Changes}, {Label: "stays", Value: s.p.Stays}, {Label: "undo", Value: s.p.Undo}} {
		if f.Value != "" {
			three = append(three, f)
		}
	}
	ask := a.paras(s.p.Text)
	if s.p.Badge != "" && s.p.Heading != "" {
		ask = append(a.para(s.p.Heading), append([]string{""}, ask...)...)
	}
	foot := []string{strings.Repeat(" ", a.text) + "Type " + st.Value.Render(say(s.p.Word)) + " " + s.purpose(), "", a.field(s.f.String())}
	if s.f.pasted {
		foot = append(foot, a.para(notPasted)...)
	}
	label := labels(slices.Concat(three, s.p.Facts))
	body := append([]string{""}, join(a.note(s.p.Problem), head, a.factsAt(label, three), a.factsAt(label, s.p.Facts), a.marks(s.p.Lines))...)
	body = append(append(body, "", ""), join(ask)...)
	return page{focus: true, body: body, foot: foot, recorded: s.p.Recorded}
}

// purpose is what the word does.
func (s *confirmScreen) purpose() string {
	if s.p.Action == "" {
		return "to go on."
	}
	r := []rune(say(s.p.Action))
	return "to " + strings.ToLower(string(r[:1])) + string(r[1:]) + "."
}

func (s *confirmScreen) keys() []binding {
	stop := keyStop
	if s.p.Stop != "" {
		// The safe way out is as visible as the way on.
		label := "stop, " + cut(lower(clause(say(s.p.Stop))), 36, "")
		stop = stop.as(label, label)
	}
	return []binding{keyEnter.as("done", "done"), stop, keyBlank}
}

// clause is the first clause of a sentence, for a key's label.
func clause(s string) string {
	s, _, _ = strings.Cut(s, ":")
	s, _, _ = strings.Cut(s, ". ")
	return strings.TrimSuffix(s, ".")
}

func lower(s string) string {
	if s == "" {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}

func (s *confirmScreen) fields() bool { return true }

func (s *confirmScreen) play(done, total int) { s.f.text = part(s.p.Word, done, total) }
