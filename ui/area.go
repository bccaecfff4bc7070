package ui

import (
	"slices"
	"strings"
	"time"

	"conclave/ceremony"
	"conclave/ui/term"
)

type mark = ceremony.Mark

const (
	markGood    = ceremony.Good
	markNow     = ceremony.Now
	markWarn    = ceremony.Warn
	markBad     = ceremony.Bad
	markSkipped = ceremony.Skipped
	markNone    = ceremony.ToCome
	markPlace   = mark("place") // an honest limit: neither good nor wrong
)

// area is the room that a page has. It is passed at every draw, never kept.
type area struct {
	w, h  int // columns and rows
	text  int // the column where sentences begin: 2 where a marker stands before them
	look  term.Look
	now   time.Time
	roomy bool // 100 columns and 30 rows: more air
	wide  bool // 120 columns and 40 rows
}

// list is the column where rows with a label or a sign begin, in every page.
const list = 2

// page is what a screen wants drawn. Lines are styled and not yet cut.
type page struct {
	focus    bool     // a page of its own: the script leaves
	head     []string // stays where the rest scrolls
	body     []string // scrolls where it is longer than the window
	caret    int      // the line of body, counted from its end, that is seen in any case; 0: none
	foot     []string // stays: a field, a countdown
	code     string   // for support, above the last line
	recorded string   // the last line
}

// right is the column that no line of text goes beyond: lines are 75 columns
// long at most.
func (a area) right() int {
	if a.text > 0 {
		return min(a.w-1, 75+a.text)
	}
	return min(a.w, 75)
}

// heading is the one bold sentence of a page.
func (a area) heading(s string) []string {
	var out []string
	for _, l := range wrap(s, a.right()-a.text) {
		out = append(out, strings.Repeat(" ", a.text)+a.look.Styles.Heading.Render(l))
	}
	return out
}

// para is a paragraph at the text column.
func (a area) para(s string) []string {
	return indent(a.text, wrap(s, a.right()-a.text)...)
}

// paras are paragraphs with a blank line after each.
func (a area) paras(list []string) []string {
	var out []string
	for _, p := range list {
		out = append(out, a.para(p)...)
		out = append(out, "")
	}
	return out
}

// facts are labels and values in two columns.
func (a area) facts(fs []ceremony.Fact) []string { return a.factsAt(labels(fs), fs) }

// factsAt are facts with a column of labels that others have, too.
func (a area) factsAt(label int, fs []ceremony.Fact) []string {
	room := a.right() - list - label
	var out []string
	for _, f := range fs {
		lines := wrap(f.Value, room)
		if v := strings.TrimSpace(f.Value); len(v) >= 32 && strings.Trim(strings.ToLower(v), "0123456789abcdef") == "" {
			lines = grouped(v, max(1, (room+1)/5))
		}
		for i, l := range lines {
			name := ""
			if i == 0 {
				name = say(f.Label)
			}
			out = append(out, strings.Repeat(" ", list)+fill(name, label, a.look.Symbols.More)+l)
		}
	}
	return out
}

// labels is how wide the column of labels is.
func labels(fs []ceremony.Fact) int {
	label := 10
	for _, f := range fs {
		label = max(label, width(say(f.Label)))
	}
	return min(label, 16) + 2
}

// fourWords is how wide four PGP words can be.
const fourWords = 9 + 1 + 11 + 1 + 9 + 1 + 11

// narrow tells whether a row of four PGP words, however long they are, would
// not stand in one line: the same page must not have another form for another
// head.
func (a area) narrow(fs []ceremony.Fact) bool {
	return a.right()-list-labels(fs) < fourWords && slices.ContainsFunc(fs, func(f ceremony.Fact) bool { return f.Label == "words" })
}

// marks are lines with a sign before and a measured time at the right.
func (a area) marks(lines []ceremony.Line) []string {
	var out []string
	for _, l := range lines {
		out = append(out, a.marked(l)...)
	}
	return out
}

func (a area) marked(l ceremony.Line) []string {
	room := a.right() - list - 2 - 2
	took := ""
	if l.Took > 0 {
		took = seconds(l.Took)
		room -= 8
	}
	st := a.look.Styles.Text
	if l.Mark == markNow || l.Mark == markBad {
		st = a.look.Styles.Heading
	}
	var out []string
	for i, t := range wrap(l.Text, room) {
		lead := "  "
		if i == 0 {
			lead = sign(a.look, l.Mark) + " "
		}
		s := strings.Repeat(" ", list) + lead + st.Render(t)
		if i == 0 && took != "" {
			s = apart(s, st.Render(took), list+2+room+8, a.look.Symbols.More)
		}
		out = append(out, s)
	}
	return out
}

// note is what was wrong with the last answer: on the page, not on one of its
// own. Nothing is broken, so only its sign is red.
func (a area) note(p *ceremony.Problem) []string {
	if p == nil {
		return nil
	}
	room := a.right() - 4
	var out []string
	for i, l := range wrap(p.Happened, room) {
		lead := "    "
		if i == 0 {
			lead = a.look.BadgeStop(a.look.Symbols.Warn) + " "
		}
		out = append(out, lead+a.look.Styles.Heading.Render(l))
	}
	for _, s := range []string{p.State, p.Do} {
		if s != "" {
			out = append(out, indent(4, wrap(s, room)...)...)
		}
	}
	if p.Code != "" {
		out = append(out, indent(4, dim(a, wrap("For support: "+p.Code, room))...)...)
	}
	return out
}

// field is a line to type on, with a caret of our own.
func (a area) field(typed string) string {
	s := a.look.Symbols
	room := a.w - a.text - 4
	if w := width(typed); w > room {
		// The end of what is typed is what the eye follows.
		typed = cutLeft(typed, room)
	}
	return strings.Repeat(" ", a.text) + a.look.Styles.Now.Render(s.Prompt) + " " +
		a.look.Styles.Value.Render(typed) + a.look.Styles.Caret.Render(" ")
}

func dim(a area, lines []string) []string {
	out := make([]string, len(lines))
	for i, l := range lines {
		if l != "" {
			out[i] = a.look.Styles.Aside.Render(l)
		}
	}
	return out
}

// join puts blocks below each other with one blank line between those that
// have lines.
func join(blocks ...[]string) []string {
	var out []string
	for _, b := range blocks {
		for len(b) > 0 && b[len(b)-1] == "" {
			b = b[:len(b)-1]
		}
		if len(b) == 0 {
			continue
		}
		if len(out) > 0 {
			out = append(out, "")
		}
		out = append(out, b...)
	}
	return out
}
