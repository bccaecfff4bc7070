package record

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// document is a report before it has a form: parts, in each of them rows of a
// label and a value. What comes from the file has passed clean before it gets
// here; each form escapes what its own readers would obey.
type document struct {
	Title    string
	Practice bool
	Verdict  []string // the program's own words
	Head     string
	Foot     string // of every sheet
	Parts    []*part
}

type part struct {
	Title string
	Break bool // a new page begins after it
	Items []item
}

type itemKind int

const (
	itemRow   itemKind = iota // a label and a value; without a label it goes on with the last
	itemNote                  // a sentence of the program
	itemCode                  // commands to type, in lines
	itemBoxes                 // empty boxes for a pen
)

type item struct {
	Kind         itemKind
	Label, Value string
	Boxes        []string // their names
}

func (p *Page) document(title string) *document {
	d := &document{Title: title, Practice: p.Practice, Verdict: p.Verdict, Head: p.Head, Foot: "head " + p.Head}
	if p.Problem != "" {
		d.Parts = []*part{{}}
		d.row("problem", p.Problem)
	}
	return d
}

// title begins a part.
func (d *document) title(s string) { d.Parts = append(d.Parts, &part{Title: s}) }

func (d *document) add(kind itemKind, label, value string) {
	last := d.Parts[len(d.Parts)-1]
	last.Items = append(last.Items, item{Kind: kind, Label: label, Value: value})
}

// row adds a value after its label. Empty values are left out.
func (d *document) row(label, value string) {
	if value != "" {
		d.add(itemRow, safe(label), safe(value))
	}
}

func (d *document) rows(name string, values []string) {
	for i, v := range values {
		d.row(label(i, name), v)
	}
}

func (d *document) note(s string) { d.add(itemNote, "", s) }

func (d *document) code(s string) { d.add(itemCode, "", s) }

// mark is the document's title, with what a rehearsal must be known by.
func (d *document) mark() string {
	if d.Practice {
		return d.Title + " (a rehearsal)"
	}
	return d.Title
}

// JSON writes the page for other programs.
func (p *Page) JSON(w io.Writer) error {
	b, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return fmt.Errorf("making the JSON report: %w", err)
	}
	_, err = io.WriteString(w, escaped(string(b))+"\n")
	return err
}

// Text writes the page for people: 80 columns, to read or to print.
func (p *Page) Text(w io.Writer) error { return p.report().text(w) }

func (d *document) text(w io.Writer) error {
	out := &printer{w: w}
	marked := func(s string) string {
		if d.Practice {
			return fmt.Sprintf("%-*sPRACTICE", width-len("PRACTICE"), s)
		}
		return s
	}
	out.line(marked(d.mark()))
	out.line("")
	for _, l := range d.Verdict {
		out.wrap("", l)
	}
	for n, part := range d.Parts {
		if part.Title != "" {
			out.line("")
			out.line(marked(part.Title))
		}
		for i, it := range part.Items {
			if i > 0 && (it.Kind != itemRow || part.Items[i-1].Kind != itemRow) {
				out.line("")
			}
			switch it.Kind {
			case itemRow:
				out.wrap(fmt.Sprintf("  %-*s", indent-2, it.Label), it.Value)
			case itemNote:
				out.wrap("  ", it.Value)
			case itemBoxes:
				if utf8.RuneCountInString(it.Label) > indent-3 {
					out.line("  " + it.Label)
					it.Label = ""
				}
				out.line(fmt.Sprintf("  %-*s", indent-2, it.Label) + it.boxText())
			case itemCode:
				for l := range strings.SplitSeq(it.Value, "\n") {
					out.line("    " + l)
				}
			}
		}
		if d.Head == "" && (part.Break || n == len(d.Parts)-1) {
			// Before there is a record, a sheet is known by its plan.
			out.line("")
			out.line(d.Foot)
			if part.Break {
				out.line("\f")
			}
		}
	}
	return out.err
}
