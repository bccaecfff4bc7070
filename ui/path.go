package ui

import (
	"os"
	"path/filepath"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"conclave/assets/clean"
)

// longestPath is the most characters of a file's name that are typed.
const longestPath = 400

// pathField is a line for a file's name. It takes no paste, as a clipboard may hold
// a share; the tab key completes what is typed, as shells do.
type pathField struct {
	field
	names []string // what it may go on with; the directory was read for it
}

func newPathField() pathField { return pathField{field: field{max: longestPath}} }

// completedMsg is what a directory had. It counts only for the text it was read for.
type completedMsg struct {
	of    string
	text  string
	names []string
}

// press takes a key. cmd reads a directory, which may be on a slow medium.
func (f *pathField) press(k keyPress) (cmd tea.Cmd) {
	f.names = nil
	if keyTab.is(k) {
		text := f.String()
		return func() tea.Msg { return complete(text) }
	}
	f.field.press(k)
	return nil
}

// completed takes what a directory had.
func (f *pathField) completed(m completedMsg) {
	if m.of != f.String() || len([]rune(m.text)) > f.max {
		return
	}
	f.text, f.names = []rune(m.text), m.names
}

// complete goes on as far as every name does that begins so. A name that the
// screen could not show as it is is left out: it would be another one.
func complete(text string) completedMsg {
	dir, begun := filepath.Split(text)
	from := dir
	if from == "" {
		from = "."
	}
	entries, _ := os.ReadDir(from) // what cannot be read has no names
	m := completedMsg{of: text, text: text}
	common := ""
	for _, e := range entries {
		name := e.Name()
		if !strings.HasPrefix(name, begun) || begun == "" && strings.HasPrefix(name, ".") || clean.Clean(name) != name {
			continue
		}
		if st, err := os.Stat(filepath.Join(from, name)); err == nil && st.IsDir() {
			name += "/"
		}
		if len(m.names) == 0 {
			common = name
		}
		for !strings.HasPrefix(name, common) {
			r := []rune(common)
			common = string(r[:len(r)-1])
		}
		m.names = append(m.names, name)
	}
	if len(m.names) > 0 {
		m.text = dir + common
	}
	if len(m.names) == 1 {
		m.names = nil
	}
	return m
}

// mostNames is how many names a hint has.
const mostNames = 6

// hint is said under the line.
func (f *pathField) hint(a area) []string {
	switch n := len(f.names); {
	case f.pasted:
		return a.para(notPasted + " Tab completes it.")
	case n > mostNames:
		return a.para("It goes on with " + strings.Join(f.names[:mostNames], "  ") + "  and others.")
	case n > 0:
		return a.para("It goes on with " + strings.Join(f.names, "  "))
	}
	return nil
}
