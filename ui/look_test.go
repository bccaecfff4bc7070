package ui

import (
	"fmt"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"conclave/ui/term"
)

// drawn is a page as a terminal of that environment gets it.
func drawn(t *testing.T, i int, env map[string]string) string {
	t.Helper()
	p := pages[i]
	s := newStage(t, p.run(), at(p.clock), term.LookFor(func(k string) string { return env[k] }, term.Theme{}), 80, 24)
	if p.do != nil {
		p.do(s)
	}
	return s.View()
}

// Without colour a page is the same, but that badges stand in brackets; the
// colours of each page are in its golden file, with \e for escape.
func TestColours(t *testing.T) {
	badges := strings.NewReplacer("[", " ", "]", " ")
	for i, p := range pages {
		t.Run(p.name, func(t *testing.T) {
			env := map[string]string{"TERM": "xterm-256color", "LANG": "C.UTF-8"}
			colour := drawn(t, i, env)
			env["NO_COLOR"] = "1"
			if got, want := badges.Replace(ansi.Strip(drawn(t, i, env))), badges.Replace(ansi.Strip(colour)); got != want {
				t.Errorf("without colour:\n%s\nwith:\n%s", got, want)
			}
			golden(t, fmt.Sprintf("80x24-colour/%s", p.name), strings.ReplaceAll(colour, "\x1b", `\e`), 500, 24)
		})
	}
}

// The ASCII set has a sign for each of the others, in the same place.
func TestASCII(t *testing.T) {
	unicode, ascii := term.PlainLook(true).Symbols, term.PlainLook(false).Symbols
	signs := strings.NewReplacer(unicode.Done, ascii.Done, unicode.Now, ascii.Now, unicode.Wrong, ascii.Wrong, unicode.Place, ascii.Place,
		unicode.Typed, ascii.Typed, unicode.Given, ascii.Given, unicode.Open, ascii.Open, unicode.Bar, ascii.Bar, unicode.Up, ascii.Up,
		unicode.Down, ascii.Down, unicode.More, ascii.More, unicode.Horizontal, ascii.Horizontal, unicode.Vertical, ascii.Vertical,
		unicode.TeeDown, ascii.TeeDown, unicode.TeeUp, ascii.TeeUp, unicode.TeeRight, ascii.TeeRight)
	for i, p := range pages {
		if p.name == "09-qr" {
			continue // never asked for here: there may be no half blocks
		}
		env := map[string]string{"TERM": "linux", "LANG": "C.UTF-8"}
		got := ansi.Strip(drawn(t, i, env))
		env["TERM"] = "xterm"
		const rest = "   + time   enter all written   F1 hide now   ctrl+c stop"
		if want := signs.Replace(strings.Replace(ansi.Strip(drawn(t, i, env)), "q QR"+rest+"   ", "up back"+rest, 1)); got != want {
			t.Errorf("%s:\n%s\nwant:\n%s", p.name, got, want)
		}
		for _, r := range got {
			if r > 126 && !strings.ContainsRune(wideName, r) && r&^0xff != 0x2800 { // braille: what the writer puts a secret over
				t.Errorf("%s has %q", p.name, r)
			}
		}
	}
}
