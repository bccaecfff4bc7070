package ui

import (
	"fmt"
	"strings"
	"testing"

	tea "github.com/charmbracelet/bubbletea"

	"conclave/ui/term"
)

func menu() *Menu {
	return &Menu{
		Name: "Payments vault", Where: "/var/lib/openbao",
		Facts: []string{"Initialised. Unsealed by the HSM payments-hsm. The server is stopped.",
			"5 recovery shares, 3 needed, issued 2026-03-01. Last record: verified."},
		Due: []Entry{{ID: "drill", Title: "Drill", What: "every holder proves a share", Late: "87 days late"},
			{ID: "rotate", Title: "Rotate", What: "a new data encryption key", Due: "due in 53 days"}},
		Possible: []Entry{{ID: "unseal", Title: "Unseal", What: "open and check every entry; changes nothing"},
			{ID: "rekey", Title: "Rekey", What: "a new root key, wrapped by the HSM"},
			{ID: "rehearse", Title: "Rehearse", What: "any of these, on a throw-away vault"}},
		Not:  []Entry{{ID: "init", Title: "Init", What: "this vault is initialised"}},
		Look: term.PlainLook(true), Now: at("10:27:03").now,
	}
}

// full is a vault with all that a menu can show: what cannot be done gives way.
func full() *Menu {
	m := menu()
	m.Warnings = []string{"KC-2026-018: the state from before is kept and can be put back until a server has started."}
	m.Due = []Entry{{ID: "recovery-rekey", Title: "Recovery rekey", What: "a share may be in other hands", Late: "at once"},
		{ID: "status", Title: "Drill", What: "every holder proves a share", Late: "87 days late"}, {ID: "status", Title: "Status", What: "3 more"}}
	for _, id := range []string{"recovery-rekey", "rotate", "generate-root", "doctor"} {
		m.Possible = append(m.Possible, Entry{ID: id, Title: id, What: "as it is"})
	}
	return m
}

func empty() *Menu {
	return &Menu{
		Name: "No vault in /var/lib/openbao yet.", Warnings: []string{"The HSM does not answer."},
		Possible: []Entry{{ID: "rehearse", Title: "Rehearse", What: "any ceremony, on a throw-away vault"},
			{ID: "doctor", Title: "Doctor", What: "what is missing on this machine"}},
		Not:  []Entry{{ID: "init", Title: "Init", What: "the HSM does not answer"}},
		Look: term.PlainLook(false), Now: at("10:27:03").now,
	}
}

func TestMenuPages(t *testing.T) {
	for _, size := range []struct{ w, h int }{{80, 24}, {120, 40}} {
		for name, m := range map[string]*Menu{"01-menu": menu(), "01-menu-empty": empty(), "01-menu-help": menu(), "01-menu-full": full()} {
			m.Update(tea.WindowSizeMsg{Width: size.w, Height: size.h})
			if strings.HasSuffix(name, "help") {
				m.Update(press("?"))
			}
			golden(t, fmt.Sprintf("%dx%d/%s", size.w, size.h, name), m.View(), size.w, size.h)
		}
	}
}

func TestMenuKeys(t *testing.T) {
	for _, tc := range []struct {
		name   string
		keys   []string
		chosen string
		quit   bool
	}{
		{"the first is the most needed", []string{"enter"}, "drill", true},
		{"down", []string{"down", "down", "enter"}, "unseal", true},
		{"never beyond the end", []string{"down", "down", "down", "down", "down", "down", "down", "enter"}, "rehearse", true},
		{"never beyond the start", []string{"up", "up", "down", "enter"}, "rotate", true},
		{"status", []string{"s"}, "status", true},
		{"doctor", []string{"d"}, "doctor", true},
		{"quit", []string{"down", "q"}, "", true},
		{"ctrl+c", []string{"ctrl+c"}, "", true},
		{"a key under the blank page", []string{"f1", "enter"}, "", false},
		{"a key under the help", []string{"?", "enter"}, "", false},
		{"other keys", []string{"x", "esc"}, "", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := menu()
			quit := false
			for _, k := range tc.keys {
				if _, cmd := m.Update(press(k)); cmd != nil {
					_, quit = cmd().(tea.QuitMsg)
				}
			}
			if m.Chosen() != tc.chosen || quit != tc.quit {
				t.Errorf("chosen %q, quit %v; want %q, %v", m.Chosen(), quit, tc.chosen, tc.quit)
			}
		})
	}
}
