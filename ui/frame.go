package ui

import (
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
	body, end := lay(p, a, scroll)
	if end > 0 && (f.w < fullWide || f.h < fullHigh) {
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
	if rows, end := lay(p, beside, 0); end > 0 || crowded(p, rows) {
		return view(alone), alone, false
	}
	return p, beside, true
}

func (f frame) aside(s string) string { return f.look.Styles.Aside.Render(s) }

// newFrame chooses how much room there is.
func newFrame(look term.Look, w, h int) frame {
	return frame{w: w, h: h, area: area{look: look,
		roomy: w >= roomyWide && h >= roomyHigh, wide: w >= wideWide && h >= wideHigh}}
}
