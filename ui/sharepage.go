package ui

import (
	"fmt"
	"strings"

	"conclave/ceremony"
	"conclave/vaultstate/share"
)

func (s *shareScreen) view(a area) page {
	body := append(a.heading(s.p.Heading), "")
	if len(s.p.Text) > 0 {
		body = append(append(body, a.paras(s.p.Text)...), "")
	}
	if s.naming {
		return page{body: body, foot: s.foot(a), recorded: s.p.Recorded}
	}
	body = append(body, s.strip(a)...)
	body = append(body, "", keep)
	body = append(body, s.message(a)...)
	body = append(body, "", "")
	body = append(body, strings.Repeat(" ", a.text)+s.given(a))
	if a.wide {
		body = append(body, fmt.Sprintf("%sLocks      after %d seconds without a key", strings.Repeat(" ", a.text), int(idleSecret.Seconds())))
	}
	return page{body: body, recorded: s.p.Recorded}
}

// strip is the progress: as many places as the paper has lines, then the places
// of the group that is typed now.
func (s *shareScreen) strip(a area) []string {
	y, st := a.look.Symbols, a.look.Styles
	n := share.GroupCount(s.p.Entry.Bytes)
	pitch := 3
	lead := "  group   "
	if a.w >= 11*5+16 {
		pitch, lead = 5, "  group      "
	} else if a.w >= 11*4+14 {
		pitch, lead = 4, "  group     "
	}
	nums, signs := lead+strings.Repeat(" ", 2-len("1")-1), strings.Repeat(" ", len(lead))
	current, in := s.current()
	for g := 1; g <= n; g++ {
		num := fmt.Sprint(g)
		sign := s.sign(a, g, current)
		if s.state(g) == share.Wrong {
			num = st.BadgeStop.Render(num)
		}
		gap := pitch
		if g == 1 {
			gap = 1
		}
		nums += strings.Repeat(" ", gap-width(num)) + num
		signs += strings.Repeat(" ", gap-1) + sign
	}
	count := fmt.Sprintf("%d of %d", s.typed(), max(s.is.Total, s.typed()))
	if s.is.Total == 0 {
		count = fmt.Sprintf("%d typed", s.typed())
	}
	third := ""
	if current > 0 && s.is.Form != share.InHex && s.is.Form != share.InBase64 {
		from, to := share.GroupAt(current-1, s.p.Entry.Bytes)
		size := to - from
		sep := " "
		if pitch == 5 {
			sep = "  "
		}
		var parts []string
		for i := range size {
			p := y.Place
			if i < in {
				p = y.Typed
			}
			switch i {
			case 0:
			case 3, size - 1:
				p = strings.Repeat(" ", len(sep)*2+1) + p
				if pitch == 5 {
					p = p[1:]
				}
			default:
				p = sep + p
			}
			parts = append(parts, p)
		}
		third = fill(fmt.Sprintf("  group %d", current), 14, "") + strings.Join(parts, "")
	}
	edge := len(lead) + pitch*(n-1) + 8
	return []string{nums, signs, "", apart(third, count, min(edge, a.w-1), y.More)}
}

// state of a group. A guess at the form shows nothing as wrong: hex read as
// groups would be.
func (s *shareScreen) state(g int) share.GroupState {
	if s.played > 0 {
		switch n := share.GroupCount(s.p.Entry.Bytes); {
		case g*s.length()/n <= s.played:
			return share.Good
		default:
			return share.Open
		}
	}
	switch s.is.Form {
	case share.InGroups, share.Unknown:
		if g > s.is.Count {
			return share.Open
		}
		return s.is.Groups[g-1]
	case share.InHex, share.InBase64:
	}
	return share.Open
}

func (s *shareScreen) sign(a area, g, current int) string {
	y := a.look.Symbols
	switch st := s.state(g); {
	case st == share.Wrong && s.is.Form == share.InGroups:
		return sign(a.look, markBad)
	case st == share.Good || st == share.Completed:
		return sign(a.look, markGood)
	case g == current:
		return sign(a.look, markNow)
	case st == share.Wrong || s.filled(g):
		return y.Typed
	}
	return y.Place
}

// each is how many characters a place of the strip stands for in hex and
// base64, which have no checks.
func (s *shareScreen) each() int {
	switch s.is.Form {
	case share.InHex:
		return 6
	case share.InBase64:
		return 4
	case share.InGroups, share.Unknown:
	}
	return 0
}

func (s *shareScreen) filled(g int) bool {
	n := s.each()
	return n > 0 && (s.is.Typed >= g*n || s.is.Typed == s.is.Total)
}

// current is the group that is typed now, and how many of its characters are
// in.
func (s *shareScreen) current() (g, in int) {
	if s.played > 0 {
		g = s.played/7 + 1
		return min(g, share.GroupCount(s.p.Entry.Bytes)), s.played % 7
	}
	if n := s.each(); n > 0 {
		if s.is.Typed >= s.is.Total {
			return 0, 0
		}
		return s.is.Typed/n + 1, 0
	}
	if s.is.Typed == 0 {
		return 1, 0
	}
	return s.is.Current, s.is.InGroup
}

func (s *shareScreen) typed() int { return max(s.is.Typed, s.played) }

// message is what is to be said about what was typed.
func (s *shareScreen) message(a area) []string {
	if s.note.Early {
		return a.note(tooEarly())
	}
	if s.failed != nil && s.typed() == 0 {
		return a.note(s.failed)
	}
	if s.p.Problem != nil && s.typed() == 0 {
		return a.note(s.p.Problem)
	}
	p := s.problem()
	if p == nil {
		hint := a.para("Type the groups of your sheet, or the share in hex or base64, or scan its QR code. Blanks do not count.")
		if s.wiped {
			hint = a.para(wipedNote)
		}
		return append(append(hint, ""), a.para("? stands for a character you cannot read.")...)
	}
	out := a.note(p)
	var keys []string
	if s.canRetype() {
		st := a.look.Styles
		keys = append(keys, "", "    "+st.Key.Render("ctrl+g")+fmt.Sprintf(" types group %d again, now or later.", s.is.Wrong),
			"    ? stands for a character you cannot read.")
	}
	return append(out, keys...)
}

// problem names what is wrong with the text as it stands; nil if nothing is.
func (s *shareScreen) problem() *ceremony.Problem {
	const again = "ctrl+u types all of it again."
	if s.played > 0 {
		return nil
	}
	if s.short != "" {
		return &ceremony.Problem{Happened: s.short, State: "What was typed is kept."}
	}
	if s.note.Full {
		return &ceremony.Problem{Happened: "This is longer than any share.", Do: again}
	}
	if s.is.Form == share.InGroups {
		var wrong []string
		for g := 1; g <= s.is.Count; g++ {
			if s.is.Groups[g-1] == share.Wrong {
				wrong = append(wrong, fmt.Sprint(g))
			}
		}
		switch {
		case len(wrong) == 1:
			return &ceremony.Problem{Happened: "Group " + wrong[0] + " does not check.",
				State: "One of its characters is misread, or two are swapped. The other groups are good and kept."}
		case len(wrong) > 1:
			return &ceremony.Problem{Happened: "Groups " + strings.Join(wrong[:len(wrong)-1], ", ") + " and " + wrong[len(wrong)-1] + " do not check.",
				State: "In each a character is misread, or two are swapped. The other groups are good and kept."}
		}
	}
	if s.is.Err == nil {
		return nil
	}
	p := &ceremony.Problem{Do: again}
	switch s.is.Err.Kind {
	case share.BadLength:
		p.Happened = fmt.Sprintf("This has %d characters. A share has %d.", s.is.Err.Typed, s.is.Err.Total)
	case share.BadAlphabet:
		p.Happened = "There is a character that no share has."
		p.State = "0 to 9 and A to F; base64 has letters of both sizes. Never O for zero."
	case share.BadCheck:
		p.Happened = "A group does not check."
	case share.XZero:
		p.Happened = "This is no share: it ends in 00, and no share does."
	case share.IsPractice:
		p.Happened = "This is a practice share."
		p.State = "It belongs to a rehearsal and opens nothing here. Nothing was kept of it."
	case share.IsReal:
		p.Happened = "This is a share of a real vault."
		p.State = "It must not be typed in a rehearsal. Nothing was kept of it."
	}
	return p
}

// given is the progress of the people, in squares and in words.
func (s *shareScreen) given(a area) string {
	e, y := s.p.Entry, a.look.Symbols
	word := "given"
	if e.Proving {
		word = "proven"
	}
	line := fmt.Sprintf("%d of %d %s, this is the %s", e.Given, e.Needed, word, ordinal(e.Given+1))
	gap := 3
	if a.wide {
		gap = 5
	}
	if e.Needed > 8 {
		return "Shares" + strings.Repeat(" ", gap) + line
	}
	var squares []string
	for i := range e.Needed {
		if i < e.Given {
			squares = append(squares, a.look.Styles.Value.Render(y.Given))
		} else {
			squares = append(squares, y.Open)
		}
	}
	row := "Shares" + strings.Repeat(" ", gap) + strings.Join(squares, " ") + strings.Repeat(" ", min(gap, 4))
	if short, _, _ := strings.Cut(line, ","); width(row+line) > a.w {
		line = short
	}
	return row + line
}

var ordinals = []string{"", "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"}

func ordinal(n int) string {
	if n < len(ordinals) {
		return ordinals[n]
	}
	return fmt.Sprintf("%dth", n)
}

// sharesOf is the progress of the people, for the first row.
func sharesOf(e ceremony.Entry) string {
	return fmt.Sprintf("shares %d of %d", e.Given, e.Needed)
}
