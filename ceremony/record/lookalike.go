package record

import (
	"strings"
	"unicode"
)

// alphabets are those whose letters are taken for each other's.
var alphabets = []struct {
	name  string
	table *unicode.RangeTable
}{
	{"Latin", unicode.Latin}, {"Greek", unicode.Greek}, {"Cyrillic", unicode.Cyrillic}, {"Armenian", unicode.Armenian}, {"Cherokee", unicode.Cherokee},
}

// lookAlike says that a name has letters of more than one alphabet, "" if it has
// not: "Аlice" with a Cyrillic А is not Alice, and looks the same on paper.
func lookAlike(name string) string {
	var found []string
	for _, a := range alphabets {
		if strings.ContainsFunc(name, func(r rune) bool { return unicode.IsLetter(r) && unicode.Is(a.table, r) }) {
			found = append(found, a.name)
		}
	}
	if len(found) < 2 {
		return ""
	}
	return "LETTERS OF MORE THAN ONE ALPHABET: " + strings.Join(found, " and ")
}
