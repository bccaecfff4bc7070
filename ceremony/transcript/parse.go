package transcript

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// parse reads a line that is written exactly as encode writes it, several times
// as fast as encoding/json and encode do. Where it says no, decode takes the long
// way, which decides and gives the reason; where it says yes, that gives the same
// (FuzzParse).
func parse(line string) (Event, bool) {
	p := parser{s: line}
	ev := Event{}
	p.lit("{")
	if strings.HasPrefix(p.s, `"mark"`) {
		p.lit(`"mark":"` + practiceMark + `",`)
		ev.Practice = true
	}
	p.lit(`"seq":`)
	ev.Seq = uint64(max(0, p.number())) // #nosec G115 -- not negative
	p.lit(`,"prev":`)
	ev.Prev = p.text()
	p.lit(`,"salt":`)
	ev.Salt = p.text()
	p.lit(`,"time":`)
	at := p.text()
	p.lit(`,"boot":`)
	ev.Boot = int64(p.number())
	p.lit(`,"kind":`)
	ev.Kind = p.text()
	p.lit(`,"step":`)
	ev.Step = p.text()
	p.lit(`,"claimed":`)
	ev.Claimed = p.text()
	p.lit(`,"evidence":`)
	ev.Evidence = Evidence(p.text())
	p.lit(`,"facts":`)
	ev.Facts = p.facts()
	p.lit("}\n")
	if p.bad || p.s != "" {
		return Event{}, false
	}
	var err error
	if ev.Time, err = time.Parse(timeLayout, at); err != nil || len(at) != len(timeLayout) || at[19] != '.' {
		return Event{}, false
	}
	return ev, true
}

// parser is what is left of a line. After something that encode does not write
// it is bad and reads no more.
type parser struct {
	s   string
	bad bool
}

func (p *parser) fail() { p.s, p.bad = "", true }

func (p *parser) lit(want string) {
	rest, ok := strings.CutPrefix(p.s, want)
	if p.s = rest; !ok {
		p.fail()
	}
}

func (p *parser) is(c byte) bool { return p.s != "" && p.s[0] == c }

// number reads an integer of at most 18 digits.
func (p *parser) number() int {
	i := 0
	if p.is('-') {
		i = 1
	}
	start := i
	for i < len(p.s) && p.s[i] >= '0' && p.s[i] <= '9' {
		i++
	}
	digits := p.s[start:i]
	if digits == "" || len(digits) > 18 || digits[0] == '0' && i > 1 {
		p.fail()
		return 0
	}
	n, err := strconv.Atoi(p.s[:i])
	if err != nil {
		p.fail()
	}
	p.s = p.s[min(i, len(p.s)):]
	return n
}

// text reads a string without control characters.
func (p *parser) text() string {
	if !p.is('"') {
		p.fail()
		return ""
	}
	for i := 1; i < len(p.s); i++ {
		switch c := p.s[i]; {
		case c == '"':
			s := p.s[1:i]
			p.s = p.s[i+1:]
			return s
		case c == '\\' || c < 0x20 || c >= 0x7f:
			return p.escaped(i)
		}
	}
	p.fail()
	return ""
}

// escaped reads a string from its first unusual byte on.
func (p *parser) escaped(i int) string {
	var b strings.Builder
	b.WriteString(p.s[1:i])
	for i < len(p.s) {
		rest := p.s[i:]
		switch r, n := utf8.DecodeRuneInString(rest); {
		case r == '"':
			p.s = rest[1:]
			return b.String()
		case strings.HasPrefix(rest, `\"`), strings.HasPrefix(rest, `\\`):
			b.WriteByte(rest[1])
			i += 2
		case strings.HasPrefix(rest, `\u2028`), strings.HasPrefix(rest, `\u2029`):
			b.WriteRune(0x2020 + rune(rest[5]-'0'))
			i += 6
		case r == '\\', r == utf8.RuneError && n == 1, control(r), r == 0x2028, r == 0x2029:
			p.fail()
			return ""
		default:
			b.WriteString(rest[:n])
			i += n
		}
	}
	p.fail()
	return ""
}

func (p *parser) facts() Facts {
	f := Facts{}
	p.lit("{")
	for before := ""; !p.bad && !p.is('}'); {
		if len(f) > 0 {
			p.lit(",")
		}
		name := p.text()
		if p.lit(":"); len(f) > 0 && name <= before {
			p.fail()
			break
		}
		f[name] = p.value()
		before = name
	}
	p.lit("}")
	return f
}

func (p *parser) value() any {
	switch {
	case p.is('"'):
		return p.text()
	case p.is('t'):
		p.lit("true")
		return true
	case p.is('f'):
		p.lit("false")
		return false
	case p.is('['):
		p.lit("[")
		list := []string{}
		for !p.bad && !p.is(']') {
			if len(list) > 0 {
				p.lit(",")
			}
			list = append(list, p.text())
		}
		p.lit("]")
		return list
	}
	return p.number()
}
