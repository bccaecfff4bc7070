package term

import (
	"bytes"
	"fmt"
	"os"
	"sync"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"conclave/hsm/secret"
)

// MaxPlaceholders is how many characters of a secret can be shown. Behind them
// in Unicode come signs that a page could hold for other reasons.
const MaxPlaceholders = 127

const firstPlaceholder = 0x2801

// Placeholder is what a View draws for the i-th byte of the bound secret: a
// Braille character, which every width function counts as one column. A View
// must let no Braille from outside through (conclave/assets/clean).
func Placeholder(i int) rune {
	if i < 0 || i >= MaxPlaceholders {
		panic("term: no such place-holder")
	}
	return rune(firstPlaceholder + i)
}

// MaxCells is how many cells of a picture can be shown.
const MaxCells = 6400

const firstCell = 0xe000

// CellPlace is what a View draws for the i-th cell of the bound picture: a
// character for private use, which clean lets nowhere through and the width
// functions of the screens count as one column.
func CellPlace(i int) rune {
	if i < 0 || i >= MaxCells {
		panic("term: no such cell")
	}
	return rune(firstCell + i)
}

// glyphs are what a cell is drawn as: none of its halves is dark, the upper, the
// lower, both. None is longer than its place-holder.
var glyphs = [4]string{" ", "▀", "▄", "█"}

// Writer writes frames to a terminal for Bubble Tea (tea.WithOutput). It swaps
// place-holders for the characters of the bound secret on the way, in locked
// memory, so that no frame in the program's own memory holds the secret. When
// nothing is bound, a place-holder becomes the sign for a hidden character.
//
// It does not embed *os.File: Bubble Tea's renderer writes with WriteString
// where there is one, and the promoted one would go past Write.
type Writer struct {
	tty    *os.File
	hidden string // drawn for a place-holder when nothing is bound; at most 3 bytes

	mu    sync.Mutex
	bound secret.Bytes
	cells secret.Bytes // of a picture, each an index of glyphs
	shown bool         // a character of a secret has been written since Cover
	alt   bool         // the alternate screen is on
	wrote uint64       // frames
	dirty bool         // something was written since the terminal was given back
}

// NewWriter returns a Writer over a terminal. hidden is the sign for a hidden
// character (Symbols.Typed).
func NewWriter(tty *os.File, hidden string) *Writer {
	if hidden == "" || len(hidden) > utf8.RuneLen(firstPlaceholder) {
		panic("term: the sign for a hidden character must be 1 to 3 bytes")
	}
	return &Writer{tty: tty, hidden: hidden}
}

// Fd, Read and Close make a Writer a terminal in Bubble Tea's eyes.
func (w *Writer) Fd() uintptr { return w.tty.Fd() }

// Read reads from the terminal; nothing of ours does.
func (w *Writer) Read(p []byte) (int, error) { return w.tty.Read(p) }

// Close closes the terminal.
func (w *Writer) Close() error { return w.tty.Close() }

// Bind shows s where a View draws place-holders. The owner of s stays its
// owner, and calls Unbind before wiping it.
func (w *Writer) Bind(s secret.Bytes) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.bound, w.cells = s, secret.Bytes{}
}

// BindCells shows a picture where a View draws CellPlace: each byte of s is the
// sum of 1 for a dark upper half and 2 for a dark lower one. The rules are those
// of Bind, which it undoes.
func (w *Writer) BindCells(s secret.Bytes) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.bound, w.cells = secret.Bytes{}, s
}

// Unbind hides: from the next frame on, place-holders are drawn as hidden
// characters. What the terminal shows is only gone when such a frame, or
// another page, was drawn over it: draw it, see that Frames has moved, then
// leave.
func (w *Writer) Unbind() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.unbind()
}

func (w *Writer) unbind() { w.bound, w.cells = secret.Bytes{}, secret.Bytes{} }

// Frames counts what was written so far.
func (w *Writer) Frames() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.wrote
}

// Write writes p with its place-holders swapped, in one write. If p leaves the
// alternate screen after a secret was shown, the window is overwritten first:
// some terminals have only one screen.
func (w *Writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.track(p)
	n := len(p)
	w.wrote++
	w.dirty = true
	if w.shown && bytes.Contains(p, []byte(leaveAlt)) {
		w.cover()
		// An extra: what scrolled away on such a terminal.
		p = append(append([]byte(nil), p...), dropHistory...)
	}
	if !held(p) {
		if _, err := w.tty.Write(p); err != nil {
			return 0, fmt.Errorf("writing to the terminal: %w", err)
		}
		return n, nil
	}
	// A place-holder is 3 bytes, what it becomes at most as many.
	scratch := secret.New(len(p))
	defer scratch.Wipe()
	out := w.swap(scratch.Expose()[:0], p)
	if _, err := w.tty.Write(out); err != nil {
		return 0, fmt.Errorf("writing to the terminal: %w", err)
	}
	return n, nil
}

// held tells whether there may be a place-holder in p. All begin with these
// bytes: U+2801 to U+287F, U+E000 to U+F8FF.
func held(p []byte) bool {
	return bytes.IndexByte(p, 0xee) >= 0 || bytes.IndexByte(p, 0xef) >= 0 ||
		bytes.Contains(p, []byte{0xe2, 0xa0}) || bytes.Contains(p, []byte{0xe2, 0xa1})
}

// swap appends p to dst. It never grows dst.
func (w *Writer) swap(dst, p []byte) []byte {
	text := w.bound.Expose()
	for i := 0; i < len(p); {
		r, size := utf8.DecodeRune(p[i:])
		switch n := int(r) - firstPlaceholder; {
		case r >= firstCell && r < firstCell+MaxCells:
			dst = append(dst, w.glyph(int(r)-firstCell)...)
		case n < 0 || n >= MaxPlaceholders:
			dst = append(dst, p[i:i+size]...)
		case n < len(text):
			dst = append(dst, text[n])
			w.shown = true
		default:
			dst = append(dst, w.hidden...)
		}
		i += size
	}
	return dst
}

// glyph is what the i-th cell is drawn as: light where nothing is bound.
func (w *Writer) glyph(i int) string {
	cells := w.cells.Expose()
	if i >= len(cells) {
		return glyphs[0]
	}
	w.shown = true
	return glyphs[cells[i]&3]
}

// track follows the alternate screen, for whoever has to restore the terminal.
func (w *Writer) track(p []byte) {
	on, off := bytes.LastIndex(p, []byte(enterAlt)), bytes.LastIndex(p, []byte(leaveAlt))
	if on != off {
		w.alt = on > off
	}
}

// Cover unbinds and writes blanks over every cell of the window, if a secret
// was shown since the last Cover. Cells are overwritten, not erased: erasing
// the page moves it into the history of some terminals. The renderer does not
// know of it, so the whole page is to be drawn again.
func (w *Writer) Cover() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cover()
}

func (w *Writer) cover() {
	w.unbind()
	if !w.shown {
		return
	}
	w.shown = false
	rows, cols := 24, 80
	if size, err := unix.IoctlGetWinsize(int(w.tty.Fd()), unix.TIOCGWINSZ); err == nil && size.Row > 0 && size.Col > 0 {
		rows, cols = int(size.Row), int(size.Col)
	}
	var b bytes.Buffer
	b.WriteString("\x1b[0m")
	for row := 1; row <= rows; row++ {
		fmt.Fprintf(&b, "\x1b[%d;1H", row)
		b.Write(bytes.Repeat([]byte{' '}, cols))
	}
	b.WriteString("\x1b[H")
	// The terminal may be gone; then so is what it showed.
	_, _ = w.tty.Write(b.Bytes())
}

// Alt tells whether the alternate screen is on.
func (w *Writer) Alt() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.alt
}

// giveBack undoes what a program may have left on: colours, the hidden cursor,
// reports of pastes and focus, the alternate screen.
func (w *Writer) giveBack() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.dirty {
		return
	}
	shown := w.shown
	w.cover()
	s := plainText + pasteOff + focusOff + showCursor
	if w.alt {
		s += leaveAlt
	}
	if shown {
		s += dropHistory
	}
	// The terminal may be gone; then there is nothing to undo.
	_, _ = w.tty.WriteString(s)
	w.alt, w.dirty = false, false
}

// enter turns on again what a program had on before it was stopped.
func (w *Writer) enter() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.alt {
		_, _ = w.tty.WriteString(enterAlt + pasteOn + focusOn + hideCursor)
	}
}
