// Package assets holds what is built into the program: the texts that are read
// aloud in a ceremony, one a file in texts/, and the pages of the manual, one a file in guide/.
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

//go:embed guide/*.md
var guide embed.FS

// Guide returns a page of the manual, in Markdown; "" if there is none of that
// name. Its first line is "# NAME(SECTION): what it is about".
func Guide(name string) string {
	raw, err := guide.ReadFile("guide/" + name + ".md")
	if err != nil {
		return ""
	}
	return string(raw)
}

// Guides are the names of the pages, sorted.
func Guides() []string {
	files, err := guide.ReadDir("guide")
	if err != nil {
		panic("assets: there is no manual") // it is built in
	}
	var names []string
	for _, f := range files {
		names = append(names, strings.TrimSuffix(f.Name(), ".md"))
	}
	return names
}
