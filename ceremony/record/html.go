package record

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"strings"
	"unicode"
	"unicode/utf16"

	"conclave/assets/page"
)

var pageTemplate = template.Must(template.New("page").Parse(page.Template))

// HTML writes the page as one file that needs no other. The lines of the
// transcript lie in it as data; its script checks them and shows damage.
func (p *Page) HTML(w io.Writer) error { return p.html(w, p.report()) }

// htmlPage is what the template fills in. Style, Script and Data are written as
// they are: the first two are the program's, the third is made by data.
type htmlPage struct {
	*document
	Title      string
	Parts      []htmlPart
	ScriptHash string
	StyleHash  string
	Style      template.CSS
	Script     template.JS
	Data       template.JS
	Lines      int
}

type htmlPart struct {
	*part
	Runs []htmlRun
}

// htmlRun is a table of rows, or one note, or one piece of code.
type htmlRun struct {
	Note, Code string
	Rows       []item
}

func (p *Page) html(w io.Writer, d *document) error {
	h := htmlPage{
		document: d, Title: d.mark(), Lines: len(p.lines), ScriptHash: csp(page.Script), StyleHash: csp(page.Style),
		Style: template.CSS(page.Style), Script: template.JS(page.Script), // #nosec G203 -- the program's own files
	}
	shown := append([]string(nil), d.Verdict...)
	for _, part := range d.Parts {
		hp := htmlPart{part: part}
		for _, it := range part.Items {
			switch it.Kind {
			case itemNote:
				hp.Runs = append(hp.Runs, htmlRun{Note: it.Value})
			case itemCode:
				hp.Runs = append(hp.Runs, htmlRun{Code: it.Value})
			case itemRow, itemBoxes: // a record has no boxes
				n := len(hp.Runs)
				if n == 0 || hp.Runs[n-1].Rows == nil {
					hp.Runs = append(hp.Runs, htmlRun{})
					n++
				}
				hp.Runs[n-1].Rows = append(hp.Runs[n-1].Rows, it)
				shown = append(shown, it.Label)
			}
			shown = append(shown, it.Value)
		}
		h.Parts = append(h.Parts, hp)
	}
	var err error
	if h.Data, err = p.data(shown); err != nil {
		return err
	}
	if err := pageTemplate.Execute(w, h); err != nil {
		return fmt.Errorf("making the HTML report: %w", err)
	}
	return nil
}

// csp is how a policy names a text that may run.
func csp(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// data is the JSON block that the script reads: the lines as they are in the
// transcript, and a digest of the texts that the page shows.
func (p *Page) data(shown []string) (template.JS, error) {
	sum := sha256.Sum256([]byte(strings.Join(shown, "\n")))
	lines := p.lines
	if lines == nil {
		lines = []string{}
	}
	b, err := json.Marshal(struct {
		Head  string   `json:"head"`
		Count uint64   `json:"count"`
		Shown string   `json:"shown"`
		Lines []string `json:"lines"`
	}{p.Head, p.Events, hex.EncodeToString(sum[:]), lines})
	if err != nil {
		return "", fmt.Errorf("writing the lines into the report: %w", err)
	}
	return template.JS(escaped(string(b))), nil // #nosec G203 -- no character of it can end the element
}

// escaped writes what shows nothing, or would turn the text around, as JSON
// escapes; json.Marshal did so with <, > and &. The JSON says the same.
func escaped(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r < 0x80 || unicode.In(r, unicode.L, unicode.M, unicode.N, unicode.P, unicode.S):
			b.WriteRune(r)
		case r > 0xffff:
			hi, lo := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, hi, lo)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}
