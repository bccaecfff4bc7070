package ui

import (
	"fmt"
	"strings"

	"conclave/ceremony"
)

// leastName is how many columns of a vault's name are worth drawing.
const leastName = 3 + 8

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
		step := fmt.Sprintf("%d of %d   ", f.header.Step, f.header.Steps)
		// The id must be whole: for a long one the word gives way.
		if id, _, _ := strings.Cut(left, "   "+say(f.header.Vault)); width(id)+width(right)+len("step ")+len(step)+len("15:04:05 UTC ")+3 <= f.w {
			right += "step "
		}
		right += step
	}
	right += f.now.UTC().Format("15:04:05") + " UTC "
	room := f.w - width(right) - 3
	if vault := "   " + say(f.header.Vault); width(left) > room && strings.HasSuffix(left, vault) {
		// A name of which little would be left is left out.
		if short := strings.TrimSuffix(left, vault); width(short)+leastName > room {
			left = short
		}
	}
	if width(left) > room {
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
		if title := say(s.Title); width(title) >= 13 {
			// A long title takes the place of who acts: the page says it.
			text = fmt.Sprintf("%2d  ", s.Number) + cut(title, 29-width(note), more)
			who = ""
		}
		text = apart(text+cut(say(who), 16-width(note), more), note, 34, more)
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
