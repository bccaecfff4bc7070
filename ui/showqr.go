package ui

import (
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"conclave/ceremony"
	"conclave/hsm/secret"
	"conclave/ui/qr"
	"conclave/ui/term"
)

// qrScreen shows one secret as a QR code, for a short time. The page holds
// place-holders only; the code is made when it is shown, and wiped when it is
// hidden.
type qrScreen struct {
	timed

	p     ceremony.Prompt
	cells secret.Bytes
	err   error // why there is no code
}

func newQR(p ceremony.Prompt, w Writer, now func() time.Time) *qrScreen {
	s := &qrScreen{p: p}
	s.timed = timed{now: now, bind: func() bool {
		if s.cells, s.err = qr.Encode(p.Reveal.Text); s.err == nil {
			w.BindCells(s.cells)
		}
		return s.err == nil
	}, clear: func() {
		w.Unbind()
		s.cells.Wipe()
	}}
	return s
}

func (s *qrScreen) show()     { s.timed.show(s.p.Reveal) }
func (s *qrScreen) answered() { s.hide() }
func (s *qrScreen) wipe()     { s.hide() }

func (s *qrScreen) update(msg tea.Msg) (*ceremony.Input, tea.Cmd) {
	if _, ok := msg.(tickMsg); ok {
		s.expire()
		return nil, nil
	}
	k, ok := msg.(keyPress)
	if !ok {
		return nil, nil
	}
	switch {
	case keyMore.is(k):
		s.more()
	case keyEnter.is(k), keyQR.is(k), keyEsc.is(k):
		return &ceremony.Input{}, nil
	}
	return nil, nil
}

// view puts what is said beside the code: below it there is no room in a window
// of 24 rows.
func (s *qrScreen) view(a area) page {
	const gap = 3
	var right []string
	say := func(lines ...string) { right = append(append(right, lines...), "") }
	room := a.w - qr.Columns - gap
	for _, l := range wrap(s.p.Heading, room) {
		right = append(right, a.look.Styles.Heading.Render(l))
	}
	right = append(right, "")
	for _, t := range s.p.Text {
		say(wrap(t, room)...)
	}
	switch {
	case s.err != nil:
		say(wrap("No code can be made: "+s.err.Error()+".", room)...)
	case s.shown:
		say(s.left(a), "+ 30 seconds more")
	default:
		say(wrap("Hidden. + shows it again for 30 seconds.", room)...)
	}
	say("enter goes back to the lines.")
	say(dim(a, wrap("Recorded: "+s.p.Recorded, room))...)

	body := make([]string, 0, qr.Rows)
	for y := range max(qr.Rows, len(right)) {
		left, beside := strings.Repeat(" ", qr.Columns), ""
		if y < qr.Rows {
			left = s.row(a, y)
		}
		if y < len(right) {
			beside = right[y]
		}
		body = append(body, left+strings.Repeat(" ", gap)+beside)
	}
	return page{focus: true, body: body}
}

// row is a row of the code, or of blanks when it is hidden.
func (s *qrScreen) row(a area, y int) string {
	if !s.shown {
		return strings.Repeat(" ", qr.Columns)
	}
	var b strings.Builder
	for x := range qr.Columns {
		b.WriteRune(term.CellPlace(y*qr.Columns + x))
	}
	return a.look.Picture(b.String())
}

func (s *qrScreen) keys() []binding {
	return []binding{keyEnter.as("back to the lines", "back to the lines").kept(), keyMore.as("more time", "time"),
		keyBlank.as("hide now", "hide now"), keyStop}
}
