package ui

import (
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"conclave/ceremony"
)

// The longest secrets: more than any token takes, and the whole plaintext of a
// challenge, which may be pasted.
const (
	longestPIN  = 255
	longestCode = 512
)

// pinScreen takes a PIN or a code: one sign a character, nothing else of it.
type pinScreen struct {
	entry
	decryption
	p ceremony.Prompt
}

func newPIN(p ceremony.Prompt, d decryption, tap Tap, send func(tea.Msg)) *pinScreen {
	most := longestPIN
	if p.Sealed != nil {
		most = longestCode
	}
	d.sealed = p.Sealed
	return &pinScreen{p: p, decryption: d, entry: newEntry(tap, send, false, most)}
}

func (s *pinScreen) show() {
	if !s.naming {
		s.entry.show()
	}
}

func (s *pinScreen) wipe() {
	s.entry.wipe()
	s.drop()
}

func (s *pinScreen) update(msg tea.Msg) (*ceremony.Input, tea.Cmd) {
	if in, cmd, taken := s.decrypts(msg, &s.entry); taken {
		return in, cmd
	}
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
	problem := s.p.Problem
	if s.failed != nil {
		problem = s.failed
	}
	if s.note.Early {
		problem = tooEarly()
	}
	foot := join(a.label(s.p.Field), []string{line}, hint)
	if s.naming {
		foot = s.foot(a)
	}
	return page{
		body:     join(a.note(problem), a.heading(s.p.Heading), a.facts(s.p.Facts), a.marks(s.p.Lines), a.paras(s.p.Text)),
		foot:     foot,
		recorded: s.p.Recorded,
	}
}

func (s *pinScreen) keys() []binding {
	if s.naming {
		return s.decryption.keys()
	}
	return s.with([]binding{keyEnter.as("done", "done"), keyAgain.as("clear", "clear"), keyBlank, keyStop})
}

func (s *pinScreen) fields() bool { return true }

func (s *pinScreen) play(done, total int) { s.played = 8 * done / max(total, 1) }
