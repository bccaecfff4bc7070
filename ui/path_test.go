package ui

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	tea "github.com/charmbracelet/bubbletea"

	"conclave/ceremony"
)

func TestComplete(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, name := range []string{"share-1-alice.asc", "share-2-bob.asc", ".hidden", "été.asc", "ça.asc", "evil\x1b[2J.asc", "m/deep/one.asc"} {
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ typed, want, names string }{
		{"s", "share-", "share-1-alice.asc share-2-bob.asc"},
		{"share-1", "share-1-alice.asc", ""},
		{"share-1-alice.asc", "share-1-alice.asc", ""},
		{"m", "m/", ""},
		{"m/", "m/deep/", ""},
		{"m/deep/o", "m/deep/one.asc", ""},
		{"é", "été.asc", ""},
		{"e", "e", ""}, // its name cannot be shown as it is
		{".", ".hidden", ""},
		{"nowhere/x", "nowhere/x", ""},
		{"", "", "m/ share-1-alice.asc share-2-bob.asc ça.asc été.asc"},
	} {
		got := complete(c.typed)
		if got.of != c.typed || got.text != c.want || strings.Join(got.names, " ") != c.names {
			t.Errorf("%q: %q, %q; want %q, %q", c.typed, got.text, got.names, c.want, c.names)
		}
	}
}

// TestTab: tab completes a name on both lines that take one, and on no other.
func TestTab(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, name := range []string{"share-1-alice.asc", "share-2-bob.asc"} {
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []bool{true, false} {
		s := stageOf(t, ceremony.Prompt{Kind: ceremony.Ask, By: olga, Heading: "Which?", Field: "file", Path: path})
		s.keys("s", "tab")
		shown := strings.Contains(s.View(), "It goes on with share-1-alice.asc")
		s.keys("1", "tab", "enter")
		want := map[bool]string{true: "share-1-alice.asc", false: "s1"}[path]
		if shown != path || len(s.run.answers) != 1 || s.run.answers[0].Text != want {
			t.Errorf("a path: %v; names shown: %v; %+v", path, shown, s.run.answers)
		}
	}
	// An answer that comes late, when something else is typed, does not count.
	f := newPathField()
	f.press(keyPress{Type: tea.KeyRunes, Runes: []rune("sh")})
	late := complete("s")
	f.completed(late)
	if f.String() != "sh" {
		t.Errorf("it became %q", f.String())
	}
}
