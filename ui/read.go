package ui

import (
	"fmt"

	tea "github.com/charmbracelet/bubbletea"

	"conclave/ceremony"
)

// readScreen shows a text that is read aloud. A SHA-256 among the facts comes
// after the text, on a page of its own, and is agreed row by row.
type readScreen struct {
	p      ceremony.Prompt
	digest string // hex, "" for none
	name   string
	rows   bool // the digest is shown
	at     int  // the row that is read now
}

// lines is how many texts are paragraphs: more are the lines of a file, which
// stand without blank lines between them.
const lines = 8

func newRead(p ceremony.Prompt) *readScreen {
	s := &readScreen{p: p}
	s.p.Facts, s.name, s.digest = withoutHash(p.Facts)
	if s.name == "" {
		s.name = "SHA-256"
	}
	s.rows = s.digest != "" && len(p.Text) == 0
	return s
}

// withoutHash takes the first SHA-256 out of the facts: 64 hex digits, or eight
// facts A to H that begin with four bytes each.
func withoutHash(fs []ceremony.Fact) (rest []ceremony.Fact, name, hash string) {
	if len(fs) >= hashRows {
		rows := ""
		for i, f := range fs[:hashRows] {
			if f.Label == string(rune('A'+i)) && len(f.Value) >= 9 {
				rows += f.Value[:4] + f.Value[5:9]
			}
		}
		if isHash(rows) {
			return fs[hashRows:], "", rows
		}
	}
	for _, f := range fs {
		if hash == "" && isHash(f.Value) {
			name, hash = f.Label, f.Value
			continue
		}
		rest = append(rest, f)
	}
	return rest, name, hash
}

func (s *readScreen) update(msg tea.Msg) (*ceremony.Input, tea.Cmd) {
	k, ok := msg.(keyPress)
	if !ok {
		return nil, nil
	}
	if !s.rows {
		if keyEnter.is(k) {
			if s.digest == "" {
				return &ceremony.Input{}, nil
			}
			s.rows = true
		}
		return nil, nil
	}
	switch {
	case keySpace.is(k) && s.at < hashRows:
		s.at++
	case keyUp.is(k) && s.at > 0:
		s.at--
	case keyDiffers.is(k) && s.at < hashRows:
		why := fmt.Sprintf("%s: row %c differs.", s.name, 'A'+s.at)
		return nil, func() tea.Msg { return stopWhyMsg(why) }
	case keyEnter.is(k) && s.at == hashRows:
		return &ceremony.Input{}, nil
	}
	return nil, nil
}

func (s *readScreen) view(a area) page {
	if s.rows {
		return s.viewRows(a)
	}
	text := a.paras(s.p.Text)
	if len(s.p.Text) > lines {
		text = none(text)
	}
	return page{
		head:     join(a.note(s.p.Problem), a.heading(s.p.Heading)),
		body:     join(text, a.facts(s.p.Facts), a.marks(s.p.Lines)),
		recorded: s.p.Recorded,
	}
}

func (s *readScreen) viewRows(a area) page {
	count := capital(number(s.at)) + " of eight rows agreed."
	if s.at == hashRows {
		count = "All eight rows agreed."
	}
	body := append(a.heading(s.p.Heading), a.para(s.name+", row by row. "+count)...)
	if a.roomy {
		body = append(append(a.heading(s.p.Heading), ""), a.para(s.name+", row by row.")...)
	}
	body = append(append(body, ""), a.hash(s.digest, s.at)...)
	if a.roomy {
		body = append(body, a.para(count)...)
	}
	return page{focus: true, body: body, recorded: s.p.Recorded}
}

func (s *readScreen) keys() []binding {
	switch {
	case !s.rows:
		return []binding{keyEnter.as("read aloud, go on", "read aloud"), keyBlank, keyHelp, keyStop}
	case s.at == hashRows:
		return []binding{keyEnter.as("all rows agree", "all agree"), keyBack, keyBlank, keyHelp, keyStop}
	}
	return []binding{keySpace.as("row agrees", "row agrees"), keyDiffers, keyBack, keyBlank, keyHelp, keyStop}
}

func (s *readScreen) play(done, total int) {
	if s.rows {
		s.at = hashRows * done / max(total, 1)
	}
}
