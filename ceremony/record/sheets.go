package record

import (
	"fmt"
	"html/template"
	"io"
	"strings"

	"conclave/assets/page"
)

// boxes adds a line of empty boxes after a label. They have names, but for one
// that is as wide as the sheet.
func (d *document) boxes(label string, names ...string) {
	last := d.last()
	last.Items = append(last.Items, item{Kind: itemBoxes, Label: safe(label), Boxes: names})
}

func (d *document) last() *part { return d.Parts[len(d.Parts)-1] }

// boxText is a line of boxes without a drawing.
func (it item) boxText() string {
	if len(it.Boxes) == 1 && it.Boxes[0] == "" {
		return strings.Repeat("_", width-indent-2)
	}
	names := 0
	for _, name := range it.Boxes {
		names += len(name) + len("  ") + len(" []")
	}
	size := max(2, (width-indent-names)/max(1, len(it.Boxes)))
	var b strings.Builder
	for i, name := range it.Boxes {
		if i > 0 {
			b.WriteString("  ")
		}
		b.WriteString(strings.TrimSpace(name + " [" + strings.Repeat("_", size) + "]"))
	}
	return b.String()
}

var sheetTemplate = template.Must(template.New("sheets").Parse(page.Sheets))

// sheets writes a document without a check of its own: nothing in it runs.
func (d *document) sheets(w io.Writer) error {
	err := sheetTemplate.Execute(w, struct {
		*document
		Title, StyleHash string
		Style            template.CSS
	}{d, d.mark(), csp(page.Style), template.CSS(page.Style)}) // #nosec G203 -- the program's own file
	if err != nil {
		return fmt.Errorf("making the HTML script: %w", err)
	}
	return nil
}

// Box tells the template whether an item is a line of boxes.
func (it item) Box() bool { return it.Kind == itemBoxes }

// Note tells the template whether an item is a sentence.
func (it item) Note() bool { return it.Kind == itemNote || it.Kind == itemCode }

// boxRow draws a line of boxes; their names stand small in a corner.
func (s *sheet) boxRow(it item) {
	const height = 9.0
	s.room(height + 1)
	s.SetFont("text", "", 9)
	x, y := sheetMargin+sheetLabel+16.0, s.GetY()
	s.MultiCell(x-sheetMargin-2, rowHeight, inFont(it.Label), "", "L", false)
	below := s.GetY()
	one := (sheetMargin + sheetWidth - x) / float64(max(1, len(it.Boxes)))
	s.SetFont("text", "", 6)
	for i, name := range it.Boxes {
		s.Rect(x+float64(i)*one, y, one, height, "D")
		s.SetXY(x+float64(i)*one, y)
		s.CellFormat(one, 3, inFont(name), "", 0, "L", false, 0, "")
	}
	s.SetXY(sheetMargin, max(below, y+height)+.6)
}
