package share

// scan is what one pass over a text finds, without a copy of it. Everything is
// measured against the grouped form, since a text that fits it is hardly
// anything else.
type scan struct {
	n        int  // characters that count
	hex      int  // of these, hex digits
	base64   int  // characters that base64 has
	unread   int  // question marks
	padding  int  // "=" at the end
	numbered bool // the numbers of the groups stand before them

	groups [maxGroups]groupMark
	full   int // complete groups
	good   int // that check, in either scheme
}

// groupMark is what is kept of one group: nothing of its value.
type groupMark struct {
	chars int
	state GroupState
	bad   bool // a character that groups do not have, or two unreadable
	other bool // good in the other scheme
}

// groupScan is the group being read, as if the form were grouped. Only one
// exists at a time, so that no pass leaves a copy of the share on the stack.
type groupScan struct {
	groupMark
	value  uint32 // of its digits, a missing one counted as 0
	check  int8   // value of the check character; -1 not there, -2 unreadable
	miss   int8   // place of the unreadable digit; -1 none
	repair int8   // what it must be; -1 if nothing fits
}

// separators are passed over.
func separator(c byte) bool {
	switch c {
	case ' ', '\t', '\r', '\n', '-', '.', ':', ')':
		return true
	}
	return false
}

func hexValue(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	}
	return 0, false
}

func inBase64(c byte) bool {
	return '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || c == '+' || c == '/'
}

func checkValue(c byte) int8 {
	if 'a' <= c && c <= 'z' {
		c -= 'a' - 'A'
	}
	for i := range checkChars {
		if checkChars[i] == c {
			return int8(i) //nolint:gosec // 0 to 30
		}
	}
	return -1
}

// scan reads a text for a share of want bytes (32 or 33).
func (s Scheme) scan(text []byte, want int) scan {
	var r scan
	for _, c := range text {
		if separator(c) {
			continue
		}
		r.n++
		if _, ok := hexValue(c); ok {
			r.hex++
		}
		switch {
		case inBase64(c):
			r.base64++
			r.padding = 0
		case c == '=':
			r.padding++
		case c == '?':
			r.unread++
		}
	}
	r.numbered = r.n == numberedLen(want) && numbersFit(text, want)
	s.eachGroup(text, want, r.numbered, func(g int, group groupScan) {
		r.groups[g] = group.groupMark
	})
	for g := range GroupCount(want) {
		m := r.groups[g]
		from, to := GroupAt(g, want)
		if m.chars == to-from {
			r.full++
		}
		if m.state == Good || m.state == Completed || m.other {
			r.good++
		}
	}
	return r
}

// eachGroup reads the groups of a text, one after the other, the last one maybe
// unfinished.
func (s Scheme) eachGroup(text []byte, want int, numbered bool, visit func(g int, group groupScan)) {
	empty := groupScan{check: -1, miss: -1, repair: -1}
	group, g, skip := empty, 0, numberDigits(numbered, 0)
	for _, c := range text {
		if separator(c) || g == GroupCount(want) {
			continue
		}
		if skip > 0 {
			skip--
			continue
		}
		from, to := GroupAt(g, want)
		group.add(c, to-from)
		if group.chars == to-from {
			s.judge(&group, g+1, to-from)
			visit(g, group)
			group = empty
			g++
			skip = numberDigits(numbered, g)
		}
	}
	if group.chars > 0 {
		from, to := GroupAt(g, want)
		s.judge(&group, g+1, to-from)
		visit(g, group)
	}
}

// add takes the next character of a group of size characters.
func (g *groupScan) add(c byte, size int) {
	place := g.chars
	g.chars++
	switch v, ok := hexValue(c); {
	case c == '?' && g.miss < 0 && place < size-1:
		g.miss = int8(place) //nolint:gosec // below 7
		g.value <<= 4
	case c == '?' && place == size-1 && g.miss < 0:
		g.check = -2
	case place == size-1:
		g.check = checkValue(c)
		g.bad = g.bad || g.check < 0
	case ok:
		g.value = g.value<<4 | uint32(v)
	default:
		g.value <<= 4
		g.bad = true
	}
}

// judge decides on the group i (from 1) of size characters.
func (s Scheme) judge(g *groupScan, i, size int) {
	switch {
	case g.bad:
		g.state = Wrong
	case g.chars < size:
		g.state = Typing
	case g.check == -2: // every digit is there, and nothing to check them by
		g.state, g.other = Completed, true
	case g.miss >= 0:
		g.state = Wrong
		if g.repair = s.missing(g, i, size); g.repair >= 0 {
			g.state = Completed
		}
		g.other = s.other().missing(g, i, size) >= 0
	default:
		g.state = Wrong
		if s.check(g.value, i) == byte(g.check) { //nolint:gosec // 0 to 30 here
			g.state = Good
		}
		g.other = s.other().check(g.value, i) == byte(g.check) //nolint:gosec // 0 to 30 here
	}
}

// missing finds the digit that makes the check right, or -1. There is at most
// one: 16 is prime to 31 and two digits differ by less than 31.
func (s Scheme) missing(g *groupScan, i, size int) int8 {
	shift := 4 * (size - 2 - int(g.miss))
	for d := range int8(16) {
		if s.check(g.value|uint32(d)<<shift, i) == byte(g.check) { //nolint:gosec // 0 to 30 here
			return d
		}
	}
	return -1
}

// numberDigits is the number of characters of group g's number (g from 0).
func numberDigits(numbered bool, g int) int {
	switch {
	case !numbered:
		return 0
	case g < 9:
		return 1
	}
	return 2
}

func numberedLen(want int) int {
	n := groupedLen(want)
	for g := range GroupCount(want) {
		n += numberDigits(true, g)
	}
	return n
}

// numbersFit says whether the groups' numbers stand where they should in a text
// of the numbered length.
func numbersFit(text []byte, want int) bool {
	g, at := 0, 0
	for _, c := range text {
		if separator(c) {
			continue
		}
		digits := numberDigits(true, g)
		if at < digits && c != numberChar(g+1, at, digits) {
			return false
		}
		from, to := GroupAt(g, want)
		if at++; at == digits+to-from {
			g, at = g+1, 0
		}
	}
	return true
}

func numberChar(number, at, digits int) byte {
	if digits == 2 && at == 0 {
		return upperHex[number/10]
	}
	return upperHex[number%10]
}
