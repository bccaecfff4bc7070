package term

import (
	"errors"
	"io"
	"strings"

	"github.com/charmbracelet/lipgloss"
	"github.com/muesli/termenv"
)

// Symbols are the signs of the screens, each one column wide. Every sign has a
// word beside it on the screen: none carries meaning alone.
type Symbols struct {
	Done    string // done, good
	Now     string // the current line, the cursor of a list
	Wrong   string
	Warn    string // deviation, warning
	Skipped string
	Place   string // to come, an empty place
	Typed   string // a typed place, a hidden character
	Given   string // a share that was given
	Open    string // a share that is still needed
	Bar     string // the bar of the focused row
	Up      string // the arrow keys, in the key line
	Down    string
	More    string // a text that was cut
	Prompt  string // before what is typed

	Horizontal string // hairlines
	Vertical   string
	TeeDown    string // where the vertical line begins
	TeeUp      string // where it ends
	TeeRight   string
}

var unicodeSymbols = Symbols{
	Done: "✓", Now: "▸", Wrong: "✗", Warn: "!", Skipped: "-", Place: "·", Typed: "•",
	Given: "■", Open: "□", Bar: "▌", Up: "↑", Down: "↓", More: "…", Prompt: ">",
	Horizontal: "─", Vertical: "│", TeeDown: "┬", TeeUp: "┴", TeeRight: "├",
}

var asciiSymbols = Symbols{
	Done: "x", Now: ">", Wrong: "X", Warn: "!", Skipped: "-", Place: ".", Typed: "*",
	Given: "#", Open: "-", Bar: "|", Up: "^", Down: "v", More: "~", Prompt: ">",
	Horizontal: "-", Vertical: "|", TeeDown: "+", TeeUp: "+", TeeRight: "+",
}

// Styles are named by what they mean. They use the ANSI colours 1, 2, 3 and 6
// for signs, 0 on 3 and 15 on 1 for badges, and the default foreground for all
// text: the ones that stay readable in every palette, dark or light.
type Styles struct {
	Now       lipgloss.Style // the sign of the current line
	Done      lipgloss.Style // the sign of what is done or good
	Warn      lipgloss.Style // the sign of a deviation or a warning
	Stop      lipgloss.Style // the sign of what is wrong
	Aside     lipgloss.Style // done, or for the record
	BadgeWarn lipgloss.Style // see Look.BadgeWarn
	BadgeStop lipgloss.Style // see Look.BadgeStop
	Key       lipgloss.Style // a key in the key line
	Value     lipgloss.Style // the value to compare, the word to type
	Heading   lipgloss.Style // the one bold sentence of a page
	Text      lipgloss.Style // everything else
	Caret     lipgloss.Style // reverse: where the next character goes
}

// Look is what a screen draws with.
type Look struct {
	Symbols Symbols
	Styles  Styles
	// Colour is false where badges are written as [WORD].
	Colour bool
	// Blocks is false where the half blocks of a picture, or its colours, may be
	// missing.
	Blocks bool

	noPaint bool // for golden tests
}

// Picture is a row of a picture's cells, black on white: under NO_COLOR too,
// since a scanner reads no code that a dark terminal turns round. No palette
// changes these two colours.
func (l Look) Picture(cells string) string {
	if l.noPaint {
		return cells
	}
	return "\x1b[38;5;16;48;5;231m" + cells + plainText
}

// Theme is what somebody wants of a look, whatever the terminal could do. All
// colours are the terminal's own sixteen: its palette is the theme.
type Theme struct {
	Mono   bool // no colours, as with NO_COLOR
	ASCII  bool // signs of ASCII only
	Strong bool // nothing is dim: for projectors and tired eyes
}

// ParseTheme reads a theme: "auto", or words with commas: mono, ascii, strong.
func ParseTheme(text string) (Theme, error) {
	var t Theme
	if text == "" || text == "auto" {
		return t, nil
	}
	for word := range strings.SplitSeq(text, ",") {
		switch word {
		case "mono":
			t.Mono = true
		case "ascii":
			t.ASCII = true
		case "strong":
			t.Strong = true
		default:
			return Theme{}, errors.New("a theme is auto, or words with commas between them: mono, ascii, strong")
		}
	}
	return t, nil
}

// LookFor chooses signs and colours for the environment that getenv reads
// (os.Getenv), and for a theme.
func LookFor(getenv func(string) string, theme Theme) Look {
	colour := getenv("NO_COLOR") == "" && getenv("CLICOLOR") != "0" && !theme.Mono
	profile := termenv.ANSI
	if t := getenv("TERM"); t == "" || t == "dumb" {
		profile, colour = termenv.Ascii, false
	}
	symbols := symbolsFor(getenv)
	if theme.ASCII {
		symbols = asciiSymbols
	}
	l := newLook(symbols, profile, colour)
	if theme.Strong {
		l.Styles.Aside = l.Styles.Text
	}
	l.Blocks = l.Symbols == unicodeSymbols && profile != termenv.Ascii
	return l
}

// PlainLook is a look without any escape sequence, for golden tests.
func PlainLook(unicode bool) Look {
	l := newLook(asciiSymbols, termenv.Ascii, false)
	if unicode {
		l = newLook(unicodeSymbols, termenv.Ascii, false)
	}
	l.Blocks, l.noPaint = unicode, true
	return l
}

// symbolsFor returns the ASCII set where the locale is not UTF-8, on the Linux
// console (whose fonts lack some signs), and in Chinese, Japanese and Korean
// locales, where terminals disagree about the width of the others.
func symbolsFor(getenv func(string) string) Symbols {
	locale := getenv("LANG")
	for _, name := range []string{"LC_ALL", "LC_CTYPE"} {
		if v := getenv(name); v != "" {
			locale = v
			break
		}
	}
	locale = strings.ToLower(locale)
	if !strings.Contains(locale, "utf-8") && !strings.Contains(locale, "utf8") || getenv("TERM") == "linux" {
		return asciiSymbols
	}
	language, _, _ := strings.Cut(locale, "_")
	switch language {
	case "zh", "ja", "ko":
		return asciiSymbols
	}
	return unicodeSymbols
}

func newLook(s Symbols, profile termenv.Profile, colour bool) Look {
	r := lipgloss.NewRenderer(io.Discard)
	r.SetColorProfile(profile)
	r.SetHasDarkBackground(true)
	text := r.NewStyle()
	bold := text.Bold(true)
	// NO_COLOR takes the colours only: bold, dim and reverse stay.
	paint := func(st lipgloss.Style, fg string) lipgloss.Style {
		if !colour {
			return st
		}
		return st.Foreground(lipgloss.Color(fg))
	}
	badge := func(fg, back string) lipgloss.Style {
		if !colour {
			return bold
		}
		return bold.Foreground(lipgloss.Color(fg)).Background(lipgloss.Color(back))
	}
	return Look{Symbols: s, Colour: colour, Styles: Styles{
		Now:       paint(bold, "6"),
		Done:      paint(text, "2"),
		Warn:      paint(text, "3"),
		Stop:      paint(text, "1"),
		Aside:     text.Faint(true),
		BadgeWarn: badge("0", "3"),
		BadgeStop: badge("15", "1"),
		Key:       bold,
		Value:     bold,
		Heading:   bold,
		Text:      text,
		Caret:     text.Reverse(true),
	}}
}

// BadgeWarn writes word as a badge: black on yellow, or [WORD] without colour.
// Both are two columns wider than the word.
func (l Look) BadgeWarn(word string) string { return l.badge(l.Styles.BadgeWarn, word) }

// BadgeStop is BadgeWarn in white on red.
func (l Look) BadgeStop(word string) string { return l.badge(l.Styles.BadgeStop, word) }

func (l Look) badge(st lipgloss.Style, word string) string {
	if !l.Colour {
		return st.Render("[" + word + "]")
	}
	return st.Render(" " + word + " ")
}
