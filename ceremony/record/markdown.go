package record

import (
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode"
)

// Markdown writes the page as Markdown. No link, image, mention or HTML can come
// from the transcript: what is not plain words stands as code, which no reader
// of Markdown obeys.
func (p *Page) Markdown(w io.Writer) error { return p.report().markdown(w) }

func (d *document) markdown(w io.Writer) error {
	var b strings.Builder
	mark := ""
	if d.Practice {
		mark = " (PRACTICE)"
	}
	fmt.Fprintf(&b, "# %s%s\n\n", plainWords(d.mark()), mark)
	for _, l := range d.Verdict {
		fmt.Fprintf(&b, "> %s\n>\n", plainWords(l))
	}
	for _, part := range d.Parts {
		if part.Title != "" {
			fmt.Fprintf(&b, "\n## %s%s\n", plainWords(part.Title), mark)
		}
		for i, it := range part.Items {
			if i == 0 || it.Kind != itemRow || part.Items[i-1].Kind != itemRow {
				b.WriteString("\n")
			}
			switch it.Kind {
			case itemRow, itemBoxes: // a record has no boxes
				b.WriteString(markdownRow(it, i > 0 && part.Items[i-1].Kind == itemRow))
			case itemNote:
				b.WriteString(it.Value + "\n")
			case itemCode:
				b.WriteString("    " + strings.ReplaceAll(it.Value, "\n", "\n    ") + "\n")
			}
		}
	}
	fmt.Fprintf(&b, "\nHead: `%s`\n", d.Head)
	_, err := io.WriteString(w, b.String())
	return err
}

// markdownRow is an item of a list; a row without a label goes on with the item
// above, if there is one.
func markdownRow(it item, follows bool) string {
	value := plainWords(it.Value)
	switch {
	case strings.TrimSpace(it.Label) != "":
		return fmt.Sprintf("- %s: %s\n", plainWords(it.Label), value)
	case follows:
		return "  - " + value + "\n"
	}
	return "- " + value + "\n"
}

// insideWord is a hyphen between letters; before a digit some readers make a
// link of it.
var insideWord = regexp.MustCompile(`^[a-z]-[a-z]`)

// plainWords returns s as it is if it holds nothing but words, and else as code. So
// are long words: some readers make a link of every digest.
func plainWords(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	letters := 0
	for i, r := range s {
		switch {
		case unicode.IsLetter(r), unicode.IsDigit(r), unicode.Is(unicode.M, r):
			letters++
		case i > 0 && strings.ContainsRune(" ,;.()'?", r):
			letters = 0
		case i > 0 && r == ':' && (strings.HasPrefix(s[i:], ": ") || i == len(s)-1):
			letters = 0
		case r == '-' && insideWord.MatchString(s[max(0, i-1):]):
		default:
			return codeSpan(s)
		}
		if letters > 20 {
			return codeSpan(s)
		}
	}
	if strings.Contains(strings.ToLower(s), "www.") {
		return codeSpan(s)
	}
	return s
}

// codeSpan fences s with more backticks than follow each other in it.
func codeSpan(s string) string {
	longest, n := 0, 0
	for _, r := range s {
		if n++; r != '`' {
			n = 0
		}
		longest = max(longest, n)
	}
	fence := strings.Repeat("`", longest+1)
	if strings.HasPrefix(s, "`") || strings.HasSuffix(s, "`") {
		return fence + " " + s + " " + fence
	}
	return fence + s + fence
}
