package ui

import (
	"fmt"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"conclave/assets/clean"
	"conclave/ui/term"
)

// say makes a string from outside harmless: names, labels and messages may hold
// anything, escape sequences too.
func say(s string) string { return clean.Clean(s) }

// longestText is the most of a paragraph that is drawn. A line of a plan names
// files and digests, and has to be read aloud to its end.
const longestText = 2000

// wrap breaks plain text into lines of at most w columns: at blanks, after
// hyphens in words, never after the one that begins a flag.
func wrap(s string, w int) []string {
	if w < 1 {
		w = 1
	}
	s = clean.Cut(s, longestText)
	if strings.Contains(s, " -") && !strings.Contains(s, tied) {
		s = strings.ReplaceAll(s, " -", " "+tied)
		return strings.Split(strings.ReplaceAll(ansi.Wrap(s, w, " "), tied, "-"), "\n")
	}
	return strings.Split(ansi.Wrap(s, w, " "), "\n")
}

// tied is a hyphen that no line breaks after.
const tied = "\u2011"

// cut shortens a styled string to w columns, with a sign that it did.
func cut(s string, w int, more string) string {
	if ansi.StringWidth(s) <= w {
		return s
	}
	return ansi.Truncate(s, max(w, 0), more)
}

// fill cuts or pads a styled string to exactly w columns.
func fill(s string, w int, more string) string {
	s = cut(s, w, more)
	return s + strings.Repeat(" ", max(0, w-ansi.StringWidth(s)))
}

// apart puts left and right at the two ends of w columns; left is cut.
func apart(left, right string, w int, more string) string {
	r := ansi.StringWidth(right)
	return fill(left, w-r, more) + right
}

// indent puts n blanks before every line.
func indent(n int, lines ...string) []string {
	out := make([]string, len(lines))
	for i, l := range lines {
		if l != "" {
			out[i] = strings.Repeat(" ", n) + l
		}
	}
	return out
}

// seconds is a measured time as the pages write it.
func seconds(d time.Duration) string {
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// clock is a countdown: 0:52.
func clock(d time.Duration) string {
	s := int((d + time.Second - 1) / time.Second)
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}

// spaced writes a name in letter-spaced capitals: the only large type that a
// terminal has.
func spaced(name string) string {
	var words []string
	for _, w := range strings.Fields(strings.ToUpper(say(name))) {
		words = append(words, strings.Join(strings.Split(w, ""), " "))
	}
	return strings.Join(words, "    ")
}

// first is a person's first name, as the pages speak to them.
func first(name string) string {
	f := strings.Fields(say(name))
	if len(f) == 0 {
		return ""
	}
	return f[0]
}

var numerals = []string{"none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"}

// number is n in words where a sentence needs it.
func number(n int) string {
	if n >= 0 && n < len(numerals) {
		return numerals[n]
	}
	return fmt.Sprint(n)
}

// capital makes the first letter of a sentence large.
func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// isHash tells whether a value is a SHA-256 in hex.
func isHash(s string) bool {
	if len(s) != 64 {
		return false
	}
	return strings.Trim(strings.ToLower(s), "0123456789abcdef") == ""
}

// grouped writes a long run of hex in groups of four, five groups a line, so
// that it never breaks by chance.
func grouped(s string, each int) []string {
	var lines []string
	var line []string
	s = strings.ToUpper(s)
	for len(s) > 0 {
		n := min(4, len(s))
		line = append(line, s[:n])
		s = s[n:]
		if len(line) == each || s == "" {
			lines = append(lines, strings.Join(line, " "))
			line = nil
		}
	}
	return lines
}

// sign draws a mark's sign in its colour.
func sign(l term.Look, m mark) string {
	s, st := l.Symbols, l.Styles
	switch m {
	case markGood:
		return st.Done.Render(s.Done)
	case markNow:
		return st.Now.Render(s.Now)
	case markWarn:
		return st.Warn.Render(s.Warn)
	case markBad:
		return st.BadgeStop.Render(s.Wrong)
	case markSkipped:
		return s.Skipped
	case markPlace:
		return s.Place
	case markNone:
	}
	return " "
}
