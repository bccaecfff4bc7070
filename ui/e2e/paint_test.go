package e2e

import (
	"bytes"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"testing"

	"github.com/hinshun/vt10x"
	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gomono"
	"golang.org/x/image/font/gofont/gomonobold"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

// A cell of a picture in units, and the row its letters stand on; the pixels a
// unit has; the empty units round the whole.
const cellW, cellH, base, unit, margin = 9, 18, 14, 2, 9

// What vt10x says about a character; it does not export the names. It knows no
// dim: see dimmed.
const modeUnderline, modeBold, modeItalic = 1 << 1, 1 << 2, 1 << 4

// dimmed makes italic of what is dim, which vt10x drops, and of which the
// program has none.
func dimmed(wire []byte) []byte {
	return bytes.ReplaceAll(wire, []byte("\x1b[2m"), []byte("\x1b[3m"))
}

// ansi are the sixteen colours whose look is left to the terminal: here black on
// yellow and white on red have a contrast of more than five.
var ansi = []color.RGBA{
	{0x16, 0x19, 0x20, 255}, {0xc6, 0x28, 0x28, 255}, {0x7c, 0xc3, 0x5a, 255}, {0xe8, 0xb8, 0x3a, 255},
	{0x5a, 0xa0, 0xe8, 255}, {0xc0, 0x74, 0xd8, 255}, {0x4c, 0xc0, 0xc8, 255}, {0xd8, 0xdc, 0xe2, 255},
	{0x7f, 0x84, 0x8e, 255}, {0xf0, 0x60, 0x60, 255}, {0xa0, 0xe0, 0x80, 255}, {0xf8, 0xd0, 0x60, 255},
	{0x82, 0xc0, 0xff, 255}, {0xdd, 0x98, 0xf0, 255}, {0x70, 0xe0, 0xe8, 255}, {0xff, 0xff, 0xff, 255},
}

func rgb(c vt10x.Color) color.RGBA {
	switch {
	case c == vt10x.DefaultFG:
		return ansi[7]
	case c == vt10x.DefaultBG:
		return ansi[0]
	case c < 16:
		return ansi[c]
	case c < 232: // the cube
		step := func(n vt10x.Color) uint8 {
			if n == 0 {
				return 0
			}
			return uint8(55 + 40*n)
		}
		c -= 16
		return color.RGBA{step(c / 36), step(c / 6 % 6), step(c % 6), 255}
	case c < 256: // greys
		return color.RGBA{uint8(8 + 10*(c-232)), uint8(8 + 10*(c-232)), uint8(8 + 10*(c-232)), 255}
	}
	return color.RGBA{uint8(c >> 16), uint8(c >> 8), uint8(c), 255}
}

// shapes are characters drawn as rectangles (x, y, width, height): lines must
// meet from cell to cell, and the font has not all of them.
var shapes = map[rune][][4]int{
	'─': {{0, 9, 9, 1}}, '│': {{4, 0, 1, 18}}, '┌': {{4, 9, 5, 1}, {4, 9, 1, 9}}, '┐': {{0, 9, 5, 1}, {4, 9, 1, 9}},
	'└': {{4, 9, 5, 1}, {4, 0, 1, 10}}, '┘': {{0, 9, 5, 1}, {4, 0, 1, 10}}, '├': {{4, 0, 1, 18}, {4, 9, 5, 1}},
	'┤': {{4, 0, 1, 18}, {0, 9, 5, 1}}, '┬': {{0, 9, 9, 1}, {4, 9, 1, 9}}, '┴': {{0, 9, 9, 1}, {4, 0, 1, 10}},
	'┼': {{0, 9, 9, 1}, {4, 0, 1, 18}}, '━': {{0, 8, 9, 2}}, '═': {{0, 7, 9, 1}, {0, 10, 9, 1}},
	'█': {{0, 0, 9, 18}}, '▀': {{0, 0, 9, 9}}, '▄': {{0, 9, 9, 9}}, '▌': {{0, 0, 4, 18}}, '▐': {{4, 0, 5, 18}},
	'■': {{1, 5, 7, 7}}, '□': {{1, 5, 7, 1}, {1, 11, 7, 1}, {1, 5, 1, 7}, {7, 5, 1, 7}},
	'▸': {{2, 5, 1, 9}, {3, 6, 1, 7}, {4, 7, 1, 5}, {5, 8, 1, 3}, {6, 9, 1, 1}},
	'✓': {{1, 9, 2, 2}, {2, 10, 2, 2}, {3, 11, 2, 2}, {4, 9, 2, 2}, {5, 7, 2, 2}, {6, 5, 2, 2}, {7, 4, 1, 2}},
	'✗': {{1, 5, 2, 2}, {2, 6, 2, 2}, {3, 7, 3, 3}, {6, 5, 2, 2}, {5, 6, 2, 2}, {2, 9, 2, 2}, {1, 10, 2, 2}, {5, 9, 2, 2}, {6, 10, 2, 2}},
}

// A painter makes pictures of terminals.
type painter struct{ plain, bold font.Face }

func newPainter(t *testing.T) painter {
	t.Helper()
	face := func(ttf []byte) font.Face {
		f, err := opentype.Parse(ttf)
		if err != nil {
			t.Fatal(err)
		}
		face, err := opentype.NewFace(f, &opentype.FaceOptions{Size: 15 * unit, DPI: 72, Hinting: font.HintingFull})
		if err != nil {
			t.Fatal(err)
		}
		return face
	}
	return painter{face(gomono.TTF), face(gomonobold.TTF)}
}

// paint is the picture of what vt shows. It fails the test for a character
// that it can neither draw nor set: a picture with holes shows no real page.
func (p painter) paint(t *testing.T, vt vt10x.Terminal) image.Image {
	t.Helper()
	vt.Lock()
	defer vt.Unlock()
	cols, rows := vt.Size()
	img := image.NewRGBA(image.Rect(0, 0, (cols*cellW+2*margin)*unit, (rows*cellH+2*margin)*unit))
	draw.Draw(img, img.Bounds(), image.NewUniform(ansi[0]), image.Point{}, draw.Src)
	for row := range rows {
		for col := range cols {
			p.cell(t, img, vt.Cell(col, row), margin+col*cellW, margin+row*cellH)
		}
	}
	return img
}

// cell paints one character, its corner at x, y in units.
func (p painter) cell(t *testing.T, img *image.RGBA, g vt10x.Glyph, x, y int) {
	t.Helper()
	fill := func(x, y, w, h int, c color.RGBA) {
		draw.Draw(img, image.Rect(x*unit, y*unit, (x+w)*unit, (y+h)*unit), image.NewUniform(c), image.Point{}, draw.Src)
	}
	ink, back, face := rgb(g.FG), rgb(g.BG), p.plain
	if g.Mode&modeBold != 0 {
		face = p.bold
		if g.FG == vt10x.DarkGrey { // vt10x makes bold black grey
			ink = ansi[0]
		}
	}
	if g.Mode&modeItalic != 0 {
		ink = mix(ink, back, shades*5/8)
	}
	fill(x, y, cellW, cellH, back)
	if g.Mode&modeUnderline != 0 {
		fill(x, y+base+2, cellW, 1, ink)
	}
	if g.Char == 0 || g.Char == ' ' {
		return
	}
	if parts, ok := shapes[g.Char]; ok {
		for _, r := range parts {
			fill(x+r[0], y+r[1], r[2], r[3], ink)
		}
		return
	}
	if _, ok := face.GlyphAdvance(g.Char); !ok {
		t.Errorf("there is no picture of %q", g.Char)
	}
	mask := image.NewAlpha(image.Rect(0, 0, cellW*unit, cellH*unit))
	(&font.Drawer{Dst: mask, Src: image.Opaque, Face: face, Dot: fixed.P(0, base*unit)}).DrawString(string(g.Char))
	for my := range cellH * unit {
		for mx := range cellW * unit {
			if n := (int(mask.AlphaAt(mx, my).A)*shades + 127) / 255; n > 0 {
				img.SetRGBA(x*unit+mx, y*unit+my, mix(ink, back, n))
			}
		}
	}
}

// shades is how many steps lie between a letter and what it stands on: few
// enough for a file of at most 256 colours.
const shades = 8

// mix is n parts of ink over back.
func mix(ink, back color.RGBA, n int) color.RGBA {
	part := func(i, b uint8) uint8 { return uint8((int(i)*n + int(b)*(shades-n)) / shades) }
	return color.RGBA{part(ink.R, back.R), part(ink.G, back.G), part(ink.B, back.B), 255}
}

// encode is a PNG with a palette: half the size. It fails the test if there are
// more colours than a palette has.
func encode(t *testing.T, img image.Image) []byte {
	t.Helper()
	b := img.Bounds()
	flat, known := image.NewPaletted(b, nil), map[color.Color]bool{}
	for y := range b.Dy() {
		for x := range b.Dx() {
			if c := img.At(x, y); !known[c] {
				known[c] = true
				flat.Palette = append(flat.Palette, c)
			}
		}
	}
	if len(known) > 256 {
		t.Fatalf("a picture has %d colours", len(known))
	}
	draw.Draw(flat, b, img, image.Point{}, draw.Src)
	var out bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, flat); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// Every cell is in its place and has its colour, lines meet, and the file has
// what the picture has.
func TestPaint(t *testing.T) {
	vt := vt10x.New(vt10x.WithSize(4, 2))
	wire := []byte("\x1b[31m─█\x1b[0mA\r\n\x1b[44m \x1b[0m\x1b[2m█\x1b[0m")
	if _, err := vt.Write(dimmed(wire)); err != nil {
		t.Fatal(err)
	}
	img := newPainter(t).paint(t, vt)
	if got := img.Bounds().Size(); got != image.Pt(unit*(4*cellW+2*margin), unit*(2*cellH+2*margin)) {
		t.Fatalf("the picture is %v", got)
	}
	back, err := png.Decode(bytes.NewReader(encode(t, img)))
	if err != nil {
		t.Fatal(err)
	}
	dim := back.At((margin+9)*unit, (margin+18)*unit)
	if r, _, _, _ := dim.RGBA(); r>>8 <= uint32(ansi[0].R) || r>>8 >= uint32(ansi[7].R) {
		t.Errorf("what is dim is %v", dim)
	}
	for at, want := range map[image.Point]color.RGBA{ // units from the first cell's corner
		{-margin, -margin}: ansi[0], {0, 9}: ansi[1], {8, 9}: ansi[1], {0, 8}: ansi[0], // the line, from edge to edge
		{9, 0}: ansi[1], {17, 17}: ansi[1], // the block
		{0, 18}: ansi[4], {8, 35}: ansi[4], {18, 18}: ansi[0], // the background
	} {
		if got := color.RGBAModel.Convert(back.At((at.X+margin)*unit, (at.Y+margin)*unit)); got != want {
			t.Errorf("at %v: %v, want %v", at, got, want)
		}
	}
	ink := 0
	for y := range cellH {
		for x := range cellW {
			if img.At((margin+2*cellW+x)*unit, (margin+y)*unit) != ansi[0] {
				ink++
			}
		}
	}
	if ink < 15 {
		t.Errorf("the letter has %d units", ink)
	}
}
