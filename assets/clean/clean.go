// Package clean makes foreign text safe to show: user IDs of PGP keys, labels of
// tokens, file names, answers of servers, names that somebody typed.
//
// Whatever could move the cursor, reverse the direction of the text, hide or
// add characters that nobody sees is shown as an escape, \x1b or \u202e. The
// place-holders that stand for shares on the screen (braille patterns) are among
// it. What is left are letters, marks, digits, punctuation and signs of any
// script, and the blank. Cleaning twice changes nothing more.
//
// It does not tell look-alike letters apart, and it does not escape what HTML or
// Markdown gives a meaning: whoever writes those does.
package clean

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Max is the longest text that Clean returns, in characters.
const Max = 200

// maxMarks is how many combining marks may follow each other: scripts need up
// to three, piles of them paint over the lines above and below.
const maxMarks = 4

// Clean returns s on one line, safe to show, at most Max characters long.
func Clean(s string) string { return Cut(s, Max) }

// Cut is Clean with a limit of its own. A text that is longer ends in "…".
func Cut(s string, limit int) string {
	var b strings.Builder
	used, marks := 0, 0
	room, cutAt := true, 0 // cutAt: where the text ends if "…" must follow
	for i := 0; i < len(s) && room; {
		r, size := utf8.DecodeRuneInString(s[i:])
		if marks++; !unicode.Is(unicode.M, r) {
			marks = 0
		}
		piece := show(r, s[i], size, marks)
		n := utf8.RuneCountInString(piece)
		if room = used+n <= limit; room {
			b.WriteString(piece)
			used += n
			i += size
			if used < limit {
				cutAt = b.Len()
			}
		}
	}
	switch {
	case room:
		return b.String()
	case limit < 1:
		return ""
	}
	return b.String()[:cutAt] + "…"
}

// show is how one character appears. first is its first byte.
func show(r rune, first byte, size, marks int) string {
	switch {
	case r == utf8.RuneError && size == 1:
		return fmt.Sprintf(`\x%02x`, first)
	case r < 0x20, 0x7f <= r && r < 0xa0:
		return fmt.Sprintf(`\x%02x`, r)
	case unicode.Is(unicode.Zs, r):
		return " "
	case marks > maxMarks, hidden(r), !unicode.IsPrint(r):
		if r > 0xffff {
			return fmt.Sprintf(`\U%08x`, r)
		}
		return fmt.Sprintf(`\u%04x`, r)
	}
	return string(r)
}

// hidden are characters that count as printable and yet show nothing, or that
// the screen uses as place-holders.
func hidden(r rune) bool {
	switch {
	case 0x2800 <= r && r <= 0x28ff, // braille: place-holders of shares
		0xfe00 <= r && r <= 0xfe0f, 0xe0100 <= r && r <= 0xe01ef, 0x180b <= r && r <= 0x180f, // variation selectors
		r == 0x034f,                                                                  // combining grapheme joiner
		r == 0x115f, r == 0x1160, r == 0x17b4, r == 0x17b5, r == 0x3164, r == 0xffa0: // fillers
		return true
	}
	return false
}
