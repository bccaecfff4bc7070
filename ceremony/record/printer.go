package record

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// The page: 80 columns, values from column 16.
const (
	width  = 80
	indent = 16
)

// printer writes rows of text and keeps the first error.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) line(s string) {
	if p.err == nil {
		_, p.err = io.WriteString(p.w, strings.TrimRight(s, " ")+"\n")
	}
}

// row writes a value from the file after its label. Empty values are left out.
func (p *printer) row(label, value string) {
	if value == "" {
		return
	}
	p.wrap(fmt.Sprintf("  %-*s", indent-2, safe(label)), safe(value))
}

func (p *printer) rows(name string, values []string) {
	for i, v := range values {
		p.row(label(i, name), v)
	}
}

// wrap writes text after a head and breaks it between words, and a word that is
// wider than the page; what follows is indented as far as the head is wide.
func (p *printer) wrap(head, s string) {
	if utf8.RuneCountInString(head+s) <= width {
		p.line(head + s)
		return
	}
	column := column(head)
	for _, word := range strings.Fields(s) {
		if n := utf8.RuneCountInString(head + word); n > width && strings.TrimSpace(head) != "" {
			p.line(head)
			head = strings.Repeat(" ", column)
		}
		for room := width - column; utf8.RuneCountInString(word) > room && strings.TrimSpace(head) == ""; {
			r := []rune(word)
			p.line(head + string(r[:room]))
			word = string(r[room:])
		}
		head += word + " "
	}
	p.line(head)
}

// column is where a text goes on that began after a head.
func column(head string) int {
	switch {
	case head == "  ":
		return 2
	case strings.HasPrefix(head, "  "):
		return indent
	}
	return 0
}

func when(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

func clock(t time.Time) string { return t.UTC().Format("15:04:05") }
