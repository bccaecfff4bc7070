package record

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"codeberg.org/go-pdf/fpdf"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/gomono"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/sfnt"
)

// A sheet of A4, in millimetres.
const (
	sheetMargin = 18
	sheetFoot   = 20
	sheetLabel  = 34
	sheetWidth  = 210 - 2*sheetMargin
	rowHeight   = 4.2
)

// pageCount stands for the number of sheets until it is known. No text of a
// transcript holds it, since clean writes out what is for private use.
const pageCount = "\ue000"

// PDF writes the page as a document for paper: A4, with the head and the number
// of the sheet at the foot of each. Letters are Latin, Greek and Cyrillic; others
// are written as escapes. The first PDF of a process is the same, byte by byte,
// for the same record; later ones are not, since the library counts on.
func (p *Page) PDF(w io.Writer) error { return p.report().pdf(w, p.Ended) }

func (d *document) pdf(w io.Writer, made time.Time) error {
	f := fpdf.New("P", "mm", "A4", "")
	for name, ttf := range map[string][]byte{"text": goregular.TTF, "title": gobold.TTF, "mono": gomono.TTF} {
		f.AddUTF8FontFromBytes(name, "", ttf)
	}
	f.SetCatalogSort(true)
	f.SetCreationDate(made)
	f.SetModificationDate(made)
	f.SetTitle(d.mark(), true)
	f.SetMargins(sheetMargin, sheetMargin, sheetMargin)
	f.SetAutoPageBreak(true, sheetFoot)
	f.AliasNbPages(pageCount)
	s := &sheet{Fpdf: f, document: d}
	f.SetHeaderFunc(s.head)
	f.SetFooterFunc(s.foot)
	f.AddPage()
	s.all()
	if err := f.Output(w); err != nil {
		return fmt.Errorf("making the PDF report: %w", err)
	}
	return nil
}

// sheet lays a document on paper.
type sheet struct {
	*fpdf.Fpdf
	*document
}

func (s *sheet) head() {
	if s.Practice {
		s.SetFont("title", "", 9)
		s.CellFormat(sheetWidth, 5, "PRACTICE", "", 1, "R", false, 0, "")
	}
}

func (s *sheet) foot() {
	s.SetY(-sheetFoot + 4)
	s.SetFont("mono", "", 7)
	s.CellFormat(sheetWidth-30, 5, s.Foot, "T", 0, "L", false, 0, "")
	s.CellFormat(30, 5, fmt.Sprintf("sheet %d of %s", s.PageNo(), pageCount), "T", 0, "R", false, 0, "")
}

func (s *sheet) all() {
	s.SetFont("title", "", 15)
	s.MultiCell(sheetWidth, 8, s.mark(), "", "L", false)
	s.Ln(2)
	s.SetFont("text", "", 10)
	s.MultiCell(sheetWidth, 5, inFont(strings.Join(s.Verdict, "\n")), "1", "L", false)
	for i, part := range s.Parts {
		if i > 0 && s.Parts[i-1].Break {
			s.AddPage()
		}
		s.part(part)
	}
}

func (s *sheet) part(p *part) {
	if p.Title != "" {
		s.room(4 * rowHeight)
		s.Ln(4)
		s.SetFont("title", "", 11)
		s.CellFormat(sheetWidth, 6, inFont(p.Title), "B", 1, "L", false, 0, "")
		s.Ln(1)
	} else {
		s.Ln(2)
	}
	for _, it := range p.Items {
		switch it.Kind {
		case itemRow:
			s.row(it)
		case itemBoxes:
			s.boxRow(it)
		case itemNote:
			s.SetFont("text", "", 9)
			s.MultiCell(sheetWidth, rowHeight+.6, inFont(it.Value), "", "L", false)
		case itemCode:
			s.SetFont("mono", "", 8.5)
			s.MultiCell(sheetWidth, rowHeight, inFont("  "+strings.ReplaceAll(it.Value, "\n", "\n  ")), "", "L", false)
			s.Ln(1)
		}
	}
}

func (s *sheet) row(it item) {
	label, value := inFont(it.Label), inFont(it.Value)
	s.SetFont("mono", "", 8.5)
	lines := len(s.SplitText(value, sheetWidth-sheetLabel))
	// A short row stays on one sheet.
	s.room(float64(min(lines, 12)) * rowHeight)
	s.SetFont("text", "", 9)
	if s.GetStringWidth(label) > sheetLabel-2 {
		s.MultiCell(sheetWidth, rowHeight, label, "", "L", false)
	} else if strings.TrimSpace(label) != "" {
		s.CellFormat(sheetLabel, rowHeight, label, "", 0, "L", false, 0, "")
	}
	s.SetFont("mono", "", 8.5)
	s.SetX(sheetMargin + sheetLabel)
	s.MultiCell(sheetWidth-sheetLabel, rowHeight, value, "", "L", false)
}

// room begins a new sheet if this one has not so much left.
func (s *sheet) room(height float64) {
	_, sheetHeight := s.GetPageSize()
	if s.GetY()+height > sheetHeight-sheetFoot {
		s.AddPage()
	}
}

// goFont is the font in a form that tells which letters it has. The fonts of
// the family have the same.
var goFont = sync.OnceValues(func() (*sfnt.Font, error) { return sfnt.Parse(gomono.TTF) })

// inFont writes what the font has no letter for as an escape: an empty place on
// paper would be read as nothing.
func inFont(s string) string {
	font, err := goFont()
	var buf sfnt.Buffer
	var b strings.Builder
	for _, r := range s {
		i, missing := sfnt.GlyphIndex(0), err
		if err == nil {
			i, missing = font.GlyphIndex(&buf, r)
		}
		if r >= 0x80 && (missing != nil || i == 0) {
			fmt.Fprintf(&b, "\\u{%x}", r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}
