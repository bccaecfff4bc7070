package ui

import (
	"fmt"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"conclave/ceremony"
	"conclave/ui/term"
)

// A run without groups is shown in rows of four times four characters.
const runGroup, runRow = 4, 16

// showScreen shows one secret to one person. The page holds place-holders only.
type showScreen struct {
	timed

	p    ceremony.Prompt
	at   int  // the line that is being written
	sure bool // enter was pressed before the last line
	qr   bool // a QR code can be asked for
}

func newShow(p ceremony.Prompt, w Writer, now func() time.Time, blocks bool) *showScreen {
	s := &showScreen{p: p, qr: p.Reveal.Offers && blocks}
	s.timed = timed{now: now, clear: w.Unbind, bind: func() bool {
		w.Bind(p.Reveal.Text)
		return true
	}}
	return s
}

func (s *showScreen) show()     { s.timed.show(s.p.Reveal) }
func (s *showScreen) answered() { s.hide() }
func (s *showScreen) wipe()     { s.hide() }

func (s *showScreen) update(msg tea.Msg) (*ceremony.Input, tea.Cmd) {
	if _, ok := msg.(tickMsg); ok {
		s.expire()
		return nil, nil
	}
	k, ok := msg.(keyPress)
	if !ok {
		return nil, nil
	}
	last := s.lines() - 1
	switch {
	case keyDown.is(k) || keySpace.is(k):
		s.at = min(last, s.at+1)
	case keyUp.is(k):
		s.at = max(0, s.at-1)
	case keyMore.is(k):
		s.more()
	case s.qr && keyQR.is(k):
		return &ceremony.Input{Choice: "qr"}, nil
	case keyEnter.is(k):
		if s.at < last && !s.sure {
			s.sure = true
			return nil, nil
		}
		return &ceremony.Input{}, nil
	}
	s.sure = s.sure && keyEnter.is(k)
	return nil, nil
}

// lines is how many rows the secret has.
func (s *showScreen) lines() int {
	per := s.p.Reveal.Group
	if per == 0 {
		per = runRow
	}
	return (s.p.Reveal.Text.Len() + per - 1) / per
}

// row is the i-th row of place-holders: 798 114   Z, or xxxx xxxx xxxx xxxx.
func (s *showScreen) row(a area, i int) string {
	per, check := s.p.Reveal.Group, 1
	if per == 0 {
		per, check = runRow, 0
	}
	var b strings.Builder
	end := min(s.p.Reveal.Text.Len(), (i+1)*per)
	half := (per - check) / 2
	if check == 0 {
		half = runGroup
	}
	for j := i * per; j < end; j++ {
		switch n := j - i*per; {
		case check > 0 && j == end-1:
			b.WriteString(strings.Repeat(" ", 3+max(0, (per-1-n)+(per-2-n)/half)))
		case n > 0 && n%half == 0:
			b.WriteString(" ")
		}
		if s.shown {
			b.WriteRune(term.Placeholder(j))
		} else {
			b.WriteString(a.look.Symbols.Typed)
		}
	}
	return b.String()
}

func (s *showScreen) view(a area) page {
	st := a.look.Styles
	var left []string
	for i := range s.lines() {
		m, style := markNone, st.Text
		switch {
		case i < s.at:
			m = markGood
		case i == s.at:
			m, style = markNow, st.Heading
		}
		left = append(left, sign(a.look, m)+" "+style.Render(fmt.Sprintf("%2d   ", i+1)+s.row(a, i)))
		if i%3 == 2 {
			left = append(left, "")
		}
	}
	right := s.advice(a)
	const col = 43
	var both []string
	for i := range max(len(left), len(right)) {
		l, rr := "", ""
		if i < len(left) {
			l = left[i]
		}
		if i < len(right) {
			rr = right[i]
		}
		if rr == "" {
			both = append(both, l)
			continue
		}
		both = append(both, fill(l, col, "")+rr)
	}
	body := append(indent(0, st.Heading.Render(cut(say(s.p.Heading), a.w, a.look.Symbols.More))), "")
	body = append(body, both...)
	foot := []string{s.countdown(a)}
	if s.sure {
		foot = append(foot, strings.Repeat(" ", a.text)+"Not every line is ticked. enter again if all are written.")
	}
	return page{focus: true, body: body, foot: foot, recorded: s.p.Recorded}
}

// advice is the column at the right.
func (s *showScreen) advice(a area) []string {
	st := a.look.Styles
	r := s.p.Reveal
	room := min(35, a.w-44)
	var out []string
	if r.Group > 0 {
		out = append(out, fmt.Sprintf("Write line %d on your sheet:", s.at+1), "six characters and a check.", "",
			"The six are 0-9 and A-F only:", "0 is zero, never the letter O.", "")
	} else {
		out = append(out, fmt.Sprintf("Write line %d on your sheet.", s.at+1), "The blanks are for the eye only:", "the secret is one word.", "",
			"Capitals and small letters count.", "")
	}
	for _, t := range s.p.Text {
		out = append(out, wrap(t, room)...)
		out = append(out, "")
	}
	if len(r.Words) > 0 {
		out = append(out, capital(r.What)+" fingerprint, not secret:")
		for i := 0; i < len(r.Words); i += 2 {
			pair := fill(say(r.Words[i]), 12, "")
			if i+1 < len(r.Words) {
				pair += say(r.Words[i+1])
			}
			out = append(out, st.Value.Render(strings.TrimRight(pair, " ")))
		}
	}
	return out
}

func (s *showScreen) countdown(a area) string {
	lead := strings.Repeat(" ", a.text)
	if !s.shown {
		return lead + "Hidden. + shows it again for 30 seconds."
	}
	return lead + s.left(a) + "      + 30 seconds more"
}

func (s *showScreen) keys() []binding {
	keys := []binding{keyDown.as("next line", "next"), keyUp, keyMore.as("more time", "time"), keyEnter.as("all written", "all written").kept(),
		keyBlank.as("hide now", "hide now"), keyStop}
	if s.qr {
		keys = append(append(keys[:1:1], keyQR), append(keys[2:], keyUp)...) // that one is for the page of the keys
	}
	return keys
}

func (s *showScreen) play(done, total int) { s.at = min(s.lines()-1, s.lines()*done/max(total, 1)) }
