package ui

import (
	"fmt"
	"slices"
	"strings"
)

// lay fits a page into its rows: with all its blank lines, with fewer, or
// scrolled. end is how far it can be scrolled: 0 if all of it is seen.
func lay(p page, a area, scroll int) (rows []string, end int) {
	var tail []string
	if p.recorded != "" {
		tail = indent(a.text, dim(a, wrap("Recorded: "+p.recorded, a.right()-a.text))...)
	}
	if p.code != "" {
		tail = append(indent(a.text, dim(a, wrap("For support: "+p.code, a.right()-a.text))...), tail...)
	}
	body := p.all()
	if a.roomy {
		body = airy(p, a)
	}
	need := len(tail)
	if len(p.foot) > 0 {
		need += len(p.foot) + 1
	}
	room := a.h - need
	if len(p.foot) == 0 && len(tail) > 0 && len(single(body)) < room {
		room-- // a blank line before what is recorded, rather than two in the page
	}
	if len(body) > room {
		body = single(body)
		body = fewer(body, len(body)-room)
	}
	if len(body) > room {
		body, end = scrolled(p, a, room, scroll)
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
	return append(rows, tail...), end
}

// crowded tells whether a page had to give up all its blank lines.
func crowded(p page, rows []string) bool {
	blank := 0
	for _, l := range single(p.all()) {
		if l == "" {
			blank++
		}
	}
	return blank > 1 && !slices.Contains(rows, "")
}

// all is head and body as they stand where there is room for both.
func (p page) all() []string {
	if len(p.head) == 0 {
		return p.body
	}
	return append(append(append([]string(nil), p.head...), ""), p.body...)
}

// scrolled is the part of a long page that is seen, under its head, and how
// much is above and below it. end is how far it can be scrolled.
func scrolled(p page, a area, room, scroll int) (rows []string, end int) {
	body := single(p.body)
	rows = append(rows, p.head...)
	if len(p.head) > 0 {
		rows = append(rows, "")
	}
	room = max(1, room-len(rows)-1)
	end = max(1, len(body)-room)
	if p.caret > 0 {
		at := len(body) - p.caret
		scroll = min(max(scroll, at-room+1), at)
	}
	scroll = max(0, min(scroll, end))
	rows = append(rows, body[scroll:min(len(body), scroll+room)]...)
	count := fmt.Sprintf("%d lines above, %d below", scroll, len(body)-room-scroll)
	return append(rows, strings.Repeat(" ", a.text)+a.look.Styles.Aside.Render(count)), end
}

// airy begins a page lower where there is room.
func airy(p page, a area) []string {
	top := 1
	if p.focus {
		top = 2
	}
	all := p.all()
	if len(all)+top+len(p.foot)+3 > a.h {
		return all
	}
	return append(make([]string, top), all...)
}

// single keeps one of several blank lines, none drops them all.
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

// keep is a blank line that is not dropped for want of room: before what went
// wrong.
const keep = " "

// fewer drops up to n blank lines, the last ones first: what a page begins with
// keeps its air longest.
func fewer(lines []string, n int) []string {
	out := append([]string(nil), lines...)
	for i := len(out) - 1; i >= 0 && n > 0; i-- {
		if out[i] == "" {
			out = append(out[:i], out[i+1:]...)
			n--
		}
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
