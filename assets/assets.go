// Package assets holds what is built into the program: the texts that are read
// aloud in a ceremony, one a file in texts/, and pages of the manual in guides/.
//
// A text is whole sentences, short enough to be spoken; code never builds one
// from pieces. Line ends in a file are blanks, an empty line ends a paragraph.
// The word list is in assets/words, what makes foreign text safe to show in
// assets/clean.
package assets

import (
	"embed"
	"strings"
)

//go:embed texts/*.txt
var texts embed.FS

// Text returns the paragraphs of a text by its name. The name is a constant of
// the program: one that does not exist is a mistake in it.
func Text(name string) []string {
	raw, err := texts.ReadFile("texts/" + name + ".txt")
	if err != nil {
		panic("assets: there is no such text")
	}
	var out []string
	for _, p := range strings.Split(string(raw), "\n\n") {
		if p = strings.Join(strings.Fields(p), " "); p != "" {
			out = append(out, p)
		}
	}
	return out
}

//go:embed guides/*.txt
var guides embed.FS

// Guide returns a page of the manual, as it is printed.
func Guide(name string) string {
	raw, err := guides.ReadFile("guides/" + name + ".txt")
	if err != nil {
		panic("assets: there is no such page")
	}
	return string(raw)
}
