// Package qr makes the QR code of a secret, as cells that a page can place: two
// modules of the code above each other in each.
//
// It promises that the text and the code are never in a Go string and that what
// it returns lies in locked memory. Two copies of the text are made outside it,
// by the encoder: the codewords, and what the Reed-Solomon encoder divides.
// Both are overwritten before Encode returns. It does not promise that nothing
// is left in registers or on the stack of the thread that ran; where Go's
// runtime/secret is built in, that is cleared too.
//
// The tables, the layout and the checks are those of rsc.io/qr/coding. Its own
// Encode takes a string and keeps the codewords, so the few lines that put
// characters into bits and bits into the layout are here.
package qr

import (
	"bytes"
	"errors"

	"rsc.io/qr/coding"
	"rsc.io/qr/gf256"

	"conclave/hsm/secret"
)

// Version 3 with the least correction holds 77 characters, the longest share in
// groups, in 29 modules a side: the largest code that fits an 80x24 window with
// its margin. A screen has no stains that more correction would help against.
const (
	version = coding.Version(3)
	level   = coding.L
	modules = 17 + 4*int(version)
	margin  = 4 // light modules around the code, as the standard wants
)

// Size of what is drawn, in cells. The last row has one light module too many.
const (
	Columns = modules + 2*margin
	Rows    = (Columns + 1) / 2
)

// A cell is the sum of the dark modules in it.
const (
	Upper = 1
	Lower = 2
)

// The characters of QR's alphanumeric mode, each at its value.
var alphabet = []byte("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:")

var (
	errCharacter = errors.New("a character that a QR code of this kind has not")
	errLong      = errors.New("too long for the QR code that fits a screen")
)

// Encode returns the cells of the code of text, row by row. The caller wipes
// them. Errors hold nothing of the text.
func Encode(text secret.Bytes) (cells secret.Bytes, err error) {
	plan, err := coding.NewPlan(version, level, 0)
	if err != nil {
		return secret.Bytes{}, err
	}
	cells = secret.New(Columns * Rows)
	secret.Do(func() { err = encode(text.Expose(), plan, cells.Expose()) })
	if err != nil {
		cells.Wipe()
		return secret.Bytes{}, err
	}
	return cells, nil
}

func encode(text []byte, plan *coding.Plan, cells []byte) error {
	var words coding.Bits
	whole := make([]byte, plan.DataBytes+plan.CheckBytes)
	words.Append(whole)
	words.Reset() // with room for all: nothing is copied to make more
	if err := write(&words, text, plan); err != nil {
		return err
	}
	data := words.Bytes()
	check := make([]byte, plan.CheckBytes)
	rs := gf256.NewRSEncoder(coding.Field, plan.CheckBytes)
	rs.ECC(data, check) // in one block
	words.Append(check)
	draw(plan, words.Bytes(), cells)

	clear(words.Bytes())
	clear(check)
	rs.ECC(make([]byte, len(data)), check) // over what it divided
	return nil
}

// write puts the text into bits, and fills up. Nothing is written of a text that
// does not fit.
func write(w *coding.Bits, text []byte, plan *coding.Plan) error {
	const mode, lengthBits = 2, 9
	if 4+lengthBits+(11*len(text)+1)/2 > 8*plan.DataBytes {
		return errLong
	}
	for _, c := range text {
		if bytes.IndexByte(alphabet, c) < 0 {
			return errCharacter
		}
	}
	value := func(i int) uint { return uint(bytes.IndexByte(alphabet, text[i])) }
	w.Write(mode, 4)
	w.Write(uint(len(text)), lengthBits)
	i := 0
	for ; i+2 <= len(text); i += 2 {
		w.Write(value(i)*45+value(i+1), 11)
	}
	if i < len(text) {
		w.Write(value(i), 6)
	}
	w.Pad(8*plan.DataBytes - w.Bits())
	return nil
}

// draw adds each dark module to its cell.
func draw(plan *coding.Plan, words, cells []byte) {
	for y, row := range plan.Pixel {
		for x, p := range row {
			dark := p&coding.Black != 0
			if r := p.Role(); r == coding.Data || r == coding.Check {
				at := p.Offset()
				dark = dark != (words[at/8]&(0x80>>(at%8)) != 0)
			}
			if !dark {
				continue
			}
			half := byte(Upper)
			if (y+margin)%2 == 1 {
				half = Lower
			}
			cells[(y+margin)/2*Columns+x+margin] |= half
		}
	}
}
