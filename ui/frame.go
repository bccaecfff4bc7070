package ui

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"conclave/ceremony"
	"conclave/ui/term"
)

// The sizes of a window. At leastWide by leastHigh a page is drawn if it fits;
// from fullWide by fullHigh every page is drawn.
const (
	leastWide, leastHigh = 60, 16
	fullWide, fullHigh   = 80, 24
	roomyWide, roomyHigh = 100, 30
	wideWide, wideHigh   = 120, 40
)

// Rows of the frame: the header and its hairline, the footer and its hairline.
const frameRows = 4

// Rows of the record panel: hairline, head, eight lines.
const recordRows = 10

func width(s string) int { return ansi.StringWidth(s) }

// cutLeft keeps the last w columns.
func cutLeft(s string, w int) string {
	return ansi.TruncateLeft(s, max(0, width(s)-w), "")
}

// frame is what stands around a page.
type frame struct {
	area
	w, h   int // of the window
	header ceremony.Header
	shares string // "shares 1 of 3", where there is room
	script []ceremony.ScriptLine
	recent []ceremony.Recent
	bare   bool // no step in the first row: the menu
}

// draw puts a page into the frame: exactly h rows of at most w columns. ok is
// false if the page needs a larger window.
func (f frame) draw(view func(area) page, keys []binding, scroll int) (rows []string, ok bool) {
	p, a, split := f.place(view)
	body, over := lay(p, a, scroll)
	if over && (f.w < fullWide || f.h < fullHigh) {
		return nil, false
	}
	hair := f.look.Symbols.Horizontal
	rows = append(rows, f.top())
	if !split {
		rows = append(rows, f.aside(strings.Repeat(hair, f.w)))
		left := 1
		if f.wide {
			left = 4
		}
		for _, l := range body {
			rows = append(rows, fill(strings.Repeat(" ", left)+l, f.w, f.look.Symbols.More))
		}
		rows = append(rows, f.aside(strings.Repeat(hair, f.w)))
		return append(rows, footer(a, keys, f.w)), true
	}
	col := f.scriptWidth()
	rule := func(tee string) string {
		return f.aside(strings.Repeat(hair, col) + tee + strings.Repeat(hair, f.w-col-1))
	}
	rows = append(rows, rule(f.look.Symbols.TeeDown))
	script := f.drawScript(col, f.h-frameRows)
	var panel []string
	if f.wide {
		panel = f.record(f.w - col - 1)
	}
	at := f.h - frameRows - len(panel)
	for i := range f.h - frameRows {
		line, bar := "", f.aside(f.look.Symbols.Vertical)
		switch {
		case i >= at:
			line = panel[i-at]
			if i == at {
				bar = f.aside(f.look.Symbols.TeeRight)
			}
		case i < len(body):
			line = "  " + body[i]
		}
		rows = append(rows, script[i]+bar+fill(line, f.w-col-1, f.look.Symbols.More))
	}
	rows = append(rows, rule(f.look.Symbols.TeeUp))
	return append(rows, footer(a, keys, f.w)), true
}

// place chooses the room for a page: beside the script, or alone where it is a
// focus page, does not fit beside it, or the window is small.
func (f frame) place(view func(area) page) (page, area, bool) {
	alone := f.area
	alone.text, alone.h = 2, f.h-frameRows
	alone.w = f.w - 2
	if f.wide {
		alone.w = f.w - 8
	}
	if f.w < fullWide || f.h < fullHigh || f.bare {
		return view(alone), alone, false
	}
	beside := f.area
	beside.text = 0
	beside.w = f.w - f.scriptWidth() - 4
	beside.h = f.h - frameRows
	if f.wide {
		beside.h -= recordRows
	}
	p := view(beside)
	if p.focus {
		return view(alone), alone, false
	}
	if _, over := lay(p, beside, 0); over {
		return view(alone), alone, false
	}
	return p, beside, true
}

// lay fits a page into its rows: with all its blank lines, with fewer, or
// scrolled. over tells that it had to be scrolled.
func lay(p page, a area, scroll int) (rows []string, over bool) {
	var tail []string
	if p.recorded != "" {
		tail = indent(a.text, dim(a, wrap("Recorded: "+p.recorded, a.right()-a.text))...)
	}
	if p.code != "" {
		tail = append(indent(a.text, dim(a, wrap("For support: "+p.code, a.right()-a.text))...), tail...)
	}
	body := p.body
	if a.roomy {
		body = airy(p, a)
	}
	need := len(tail)
	if len(p.foot) > 0 {
		need += len(p.foot) + 1
	}
	room := a.h - need
	for _, squeeze := range []func([]string) []string{single, none} {
		if len(body) <= room {
			break
		}
		body = squeeze(body)
	}
	if len(body) > room {
		over = true
		last := len(body) - (room - 1)
		scroll = max(0, min(scroll, last))
		part := append([]string(nil), body[scroll:scroll+room-1]...)
		more := fmt.Sprintf("lines %d to %d of %d", scroll+1, scroll+room-1, len(body))
		body = append(part, strings.Repeat(" ", a.text)+a.look.Styles.Aside.Render(more))
	}
	rows = append(rows, body...)
	if len(p.foot) > 0 {
		rows = append(append(rows, ""), p.foot...)
	}
	if a.roomy && len(rows)+len(tail) < a.h {
		rows = append(append(rows, ""), tail...)
		tail = nil
	}
	for len(rows)+len(tail) < a.h {
		rows = append(rows, "")
	}
	return append(rows, tail...), over
}

// airy begins a page lower where there is room.
func airy(p page, a area) []string {
	top := 1
	if p.focus {
		top = 2
	}
	if len(p.body)+top+len(p.foot)+3 > a.h {
		return p.body
	}
	return append(make([]string, top), p.body...)
}

// single keeps one of several blank lines; none drops them all.
func single(lines []string) []string {
	var out []string
	for i, l := range lines {
		if l == "" && (i == 0 || lines[i-1] == "") {
			continue
		}
		out = append(out, l)
	}
	return out
}

func none(lines []string) []string {
	var out []string
	for _, l := range lines {
		if l != "" {
			out = append(out, l)
		}
	}
	return out
}

func (f frame) aside(s string) string { return f.look.Styles.Aside.Render(s) }

// top is the first row: what ceremony this is, for which vault; right the step
// and the time.
func (f frame) top() string {
	left := " "
	if f.header.Practice {
		left += f.look.BadgeWarn("PRACTICE") + "   "
	}
	left += f.look.Styles.Heading.Render(say(f.header.Title))
	for _, s := range []string{f.header.ID, f.header.Vault} {
		if s != "" {
			left += "   " + say(s)
		}
	}
	if !f.header.Recorded && !f.bare {
		left = strings.TrimSuffix(left, "   "+say(f.header.Vault)) + "   " + f.look.BadgeStop("NOT RECORDED")
	}
	var right string
	if f.wide && f.shares != "" {
		right = f.shares + "   "
	}
	switch {
	case f.bare:
		right += f.now.UTC().Format("2006-01-02") + "   "
	case f.w >= fullWide && f.header.Steps > 0:
		right += fmt.Sprintf("step %d of %d   ", f.header.Step, f.header.Steps)
	}
	right += f.now.UTC().Format("15:04:05") + " UTC "
	if room := f.w - width(right) - 3; width(left) > room {
		left = cut(left, room, f.look.Symbols.More)
	}
	return apart(left, right, f.w, "")
}

// scriptWidth is the width of the column with the script.
func (f frame) scriptWidth() int {
	if f.roomy {
		return 38
	}
	return 27
}

// drawScript is the list of steps: done, now, to come; the part around the
// present step if it is longer than the window.
func (f frame) drawScript(w, rows int) []string {
	var out []string
	if f.roomy {
		out = append(out, fill(" "+f.look.Styles.Heading.Render("Script"), w, ""), fill("", w, ""))
	}
	room := rows - len(out)
	steps := f.script
	now := 0
	for i, s := range steps {
		if s.State == ceremony.Now {
			now = i
		}
	}
	if len(steps) > room {
		from := max(0, min(now-room/2, len(steps)-room))
		steps = steps[from : from+room]
	}
	for _, s := range steps {
		out = append(out, f.step(s, w))
	}
	for len(out) < rows {
		out = append(out, fill("", w, ""))
	}
	return out
}

func (f frame) step(s ceremony.ScriptLine, w int) string {
	more := f.look.Symbols.More
	note := s.Note
	switch s.State {
	case ceremony.Good:
		if !s.Done.IsZero() {
			note = s.Done.UTC().Format("15:04")
		}
	case ceremony.Skipped:
		note = "skipped"
	case ceremony.Warn, ceremony.Bad, ceremony.Now, ceremony.ToCome:
	}
	note = say(note)
	st := f.look.Styles.Text
	switch s.State {
	case ceremony.Good, ceremony.Skipped:
		st = f.look.Styles.Aside
	case ceremony.Now:
		st = f.look.Styles.Heading
	case ceremony.Warn, ceremony.Bad, ceremony.ToCome:
	}
	var text string
	if f.roomy {
		who := s.Who
		if who == "" {
			who = string(s.By)
		}
		text = fmt.Sprintf("%2d  ", s.Number) + fill(say(s.Title), 13, more)
		text = apart(text+cut(say(who), 14-width(note), more), note, 32, more)
	} else {
		title := cut(say(s.Title), 22-3-width(note)-1, more)
		text = apart(fmt.Sprintf("%2d ", s.Number)+title, note, 23, more)
	}
	return fill(" "+sign(f.look, s.State)+" "+st.Render(text), w, "")
}

// record is the last events as they were written.
func (f frame) record(w int) []string {
	s := f.look.Symbols
	out := []string{f.aside(strings.Repeat(s.Horizontal, w))}
	state := "not on disk"
	if n := len(f.recent); f.header.Recorded && n > 0 {
		state = fmt.Sprintf("on disk, %d events", f.recent[n-1].Seq)
	}
	out = append(out, apart("  "+f.look.Styles.Heading.Render("Record"), f.aside(state)+" ", w, s.More))
	for _, e := range f.recent[max(0, len(f.recent)-(recordRows-2)):] {
		line := fmt.Sprintf("   %3d  %s  ", e.Seq, e.Time.UTC().Format("15:04:05")) + fill(first(e.Who), 8, s.More) + say(e.Text)
		out = append(out, cut(line, w-1, s.More))
	}
	for len(out) < recordRows {
		out = append(out, "")
	}
	return out
}

// small is the page of a window that is too small: no secret is on it.
func (f frame) small() []string {
	if f.w < 40 || f.h < 6 {
		rows := []string{cut("Enlarge the window (80x24).", f.w, "")}
		for len(rows) < f.h {
			rows = append(rows, "")
		}
		return rows[:max(1, f.h)]
	}
	has := fmt.Sprintf("   It has      %d columns, %d rows", f.w, f.h)
	needs := "   It needs    " + f.look.Styles.Value.Render(fmt.Sprintf("%d columns, %d rows", fullWide, fullHigh))
	body := []string{"", "", "   " + f.look.Styles.Heading.Render("This window is too small."), "", has, needs, "",
		"   Make it larger, or make the letters smaller.", "   The page comes back by itself.", "",
		"   Nothing secret is on the screen. The step waits."}
	room := f.h - 3
	if len(body) > room {
		body = none(body)
	}
	body = body[:min(len(body), room)]
	for len(body) < room {
		body = append(body, "")
	}
	f.header.Vault = ""
	rows := append([]string{f.top(), f.aside(strings.Repeat(f.look.Symbols.Horizontal, f.w))}, body...)
	rows = append(rows, footer(f.area, []binding{keyStop.as("stop", "stop")}, f.w))
	for i, r := range rows {
		rows[i] = cut(r, f.w, "")
	}
	return rows
}

// newFrame chooses how much room there is.
func newFrame(look term.Look, w, h int) frame {
	return frame{w: w, h: h, area: area{look: look,
		roomy: w >= roomyWide && h >= roomyHigh, wide: w >= wideWide && h >= wideHigh}}
}
