package term

import (
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
)

func env(pairs ...string) func(string) string {
	return func(name string) string {
		for _, p := range pairs {
			if k, v, _ := strings.Cut(p, "="); k == name {
				return v
			}
		}
		return ""
	}
}

func TestSymbolsFor(t *testing.T) {
	for _, tc := range []struct {
		name  string
		env   []string
		ascii bool
	}{
		{"UTF-8", []string{"LANG=en_GB.UTF-8", "TERM=xterm"}, false},
		{"utf8 spelling", []string{"LANG=de_DE.utf8", "TERM=tmux-256color"}, false},
		{"C.UTF-8", []string{"LC_ALL=C.UTF-8", "TERM=xterm"}, false},
		{"no locale", []string{"TERM=xterm"}, true},
		{"Latin 1", []string{"LANG=de_DE.ISO-8859-1", "TERM=xterm"}, true},
		{"LC_ALL wins", []string{"LANG=en_GB.UTF-8", "LC_ALL=C", "TERM=xterm"}, true},
		{"LC_CTYPE wins over LANG", []string{"LANG=C", "LC_CTYPE=en_GB.UTF-8", "TERM=xterm"}, false},
		{"Linux console", []string{"LANG=en_GB.UTF-8", "TERM=linux"}, true},
		{"Japanese", []string{"LANG=ja_JP.UTF-8", "TERM=xterm"}, true},
		{"Chinese", []string{"LC_CTYPE=zh_TW.UTF-8", "TERM=xterm"}, true},
		{"Korean", []string{"LANG=ko_KR.UTF-8", "TERM=xterm"}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			want := unicodeSymbols
			if tc.ascii {
				want = asciiSymbols
			}
			if got := symbolsFor(env(tc.env...)); got != want {
				t.Errorf("symbolsFor(%q) = %v", tc.env, got)
			}
		})
	}
}

func TestLookColours(t *testing.T) {
	for _, tc := range []struct {
		name, done, badge, value string
		env                      []string
	}{
		{"colour", "\x1b[32mx\x1b[0m", "\x1b[1;97;41m STOPPED \x1b[0m", "\x1b[1mx\x1b[0m", []string{"TERM=xterm-256color"}},
		{"NO_COLOR", "x", "\x1b[1m[STOPPED]\x1b[0m", "\x1b[1mx\x1b[0m", []string{"TERM=xterm", "NO_COLOR=1"}},
		{"CLICOLOR=0", "x", "\x1b[1m[STOPPED]\x1b[0m", "\x1b[1mx\x1b[0m", []string{"TERM=xterm", "CLICOLOR=0"}},
		{"dumb", "x", "[STOPPED]", "x", []string{"TERM=dumb"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := LookFor(env(tc.env...), Theme{})
			if got := l.Styles.Done.Render("x"); got != tc.done {
				t.Errorf("Done is %q, want %q", got, tc.done)
			}
			if got := l.BadgeStop("STOPPED"); got != tc.badge {
				t.Errorf("the badge is %q, want %q", got, tc.badge)
			}
			if got := l.Styles.Value.Render("x"); got != tc.value {
				t.Errorf("Value is %q, want %q", got, tc.value)
			}
		})
	}
}

// Every sign takes one column, or the columns of a page move.
func TestSymbolsAreOneColumn(t *testing.T) {
	for _, s := range []Symbols{unicodeSymbols, asciiSymbols} {
		for _, sign := range []string{s.Done, s.Now, s.Wrong, s.Warn, s.Skipped, s.Place, s.Typed, s.Given, s.Open,
			s.Bar, s.Up, s.Down, s.More, s.Prompt, s.Horizontal, s.Vertical, s.TeeDown, s.TeeUp, s.TeeRight} {
			if w := ansi.StringWidth(sign); w != 1 {
				t.Errorf("%q is %d columns wide", sign, w)
			}
		}
	}
}

func TestTheme(t *testing.T) {
	terminal := env("TERM=xterm-256color", "LANG=C.UTF-8")
	look := func(text string) Look {
		theme, err := ParseTheme(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		return LookFor(terminal, theme)
	}
	auto := look("auto")
	if !auto.Colour || auto.Symbols != unicodeSymbols || auto.Styles.Aside.Render("x") == "x" || look("").Symbols != auto.Symbols {
		t.Errorf("auto is %+v", auto)
	}
	if l := look("mono"); l.Colour || l.Symbols != unicodeSymbols || l.Styles.Done.Render("x") != "x" {
		t.Error("mono has colours, or other signs")
	}
	if l := look("ascii"); !l.Colour || l.Symbols != asciiSymbols || l.Blocks {
		t.Error("ascii has other signs, or no colours")
	}
	if l := look("strong,mono,ascii"); l.Colour || l.Symbols != asciiSymbols || l.Styles.Aside.Render("x") != "x" {
		t.Error("three words are not three themes")
	}
	for _, wrong := range []string{"dark", "mono,", "MONO", "mono, ascii"} {
		if _, err := ParseTheme(wrong); err == nil {
			t.Errorf("%q is a theme", wrong)
		}
	}
}
