package term

import (
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/creack/pty"
	"github.com/hinshun/vt10x"

	"conclave/hsm/secret"
)

// watched is a terminal whose screen a test can read.
type watched struct {
	*terminal
	w    *Writer
	vt   vt10x.Terminal
	mu   sync.Mutex
	wire strings.Builder
}

func watch(t *testing.T) *watched {
	t.Helper()
	x := &watched{terminal: openQuiet(t), vt: vt10x.New(vt10x.WithSize(80, 24))}
	if err := pty.Setsize(x.near, &pty.Winsize{Cols: 80, Rows: 24}); err != nil {
		t.Fatal(err)
	}
	x.w = NewWriter(x.near, "•")
	go func() {
		buf := make([]byte, 4096)
		rest := 0
		for {
			n, err := x.far.Read(buf[rest:])
			_, _ = x.Write(buf[rest : rest+n])
			n += rest
			drawn, _ := x.vt.Write(buf[:n])
			rest = copy(buf, buf[drawn:n]) // a character that was cut
			if err != nil {
				return
			}
		}
	}()
	return x
}

func (x *watched) Write(p []byte) (int, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.wire.Write(p)
}

func (x *watched) sent() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.wire.String()
}

func (x *watched) put(s string) {
	x.t.Helper()
	// As Bubble Tea's renderer does: by WriteString where there is one.
	if n, err := io.WriteString(x.w, s); err != nil || n != len(s) {
		x.t.Fatalf("wrote %d of %d bytes: %v", n, len(s), err)
	}
}

func places(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteRune(Placeholder(i))
	}
	return b.String()
}

func TestWriterSwaps(t *testing.T) {
	x := watch(t)
	s := secret.Take([]byte("798114Z"))
	defer s.Wipe()
	x.w.Bind(s)
	x.put("\x1b[Hé " + places(9) + " ▸ ⣿")
	until(t, "the secret with what is beyond it hidden", func() bool { return strings.Contains(x.sent(), "é 798114Z•• ▸ ⣿") })
	x.w.Unbind()
	x.put("\x1b[H" + places(7) + ".")
	until(t, "the hidden signs", func() bool { return strings.Contains(x.sent(), "•••••••.") })
	x.put("nothing to swap")
	until(t, "a frame as it is", func() bool { return strings.HasSuffix(x.sent(), "nothing to swap") })
	if x.w.Frames() != 3 {
		t.Errorf("%d frames, want 3", x.w.Frames())
	}
}

// A promoted WriteString would go past Write.
func TestWriterHasNoOtherWay(t *testing.T) {
	var w any = &Writer{}
	if _, ok := w.(io.StringWriter); ok {
		t.Error("a Writer has WriteString")
	}
	if _, ok := w.(io.ReaderFrom); ok {
		t.Error("a Writer has ReadFrom")
	}
}

func TestPlaceholderBounds(t *testing.T) {
	if Placeholder(0) != 0x2801 || Placeholder(MaxPlaceholders-1) != 0x287f {
		t.Error("the place-holders are not U+2801 to U+287F")
	}
	defer func() {
		if recover() == nil {
			t.Error("there is a place-holder too many")
		}
	}()
	Placeholder(MaxPlaceholders)
}

// Hiding overwrites the cells: what erases the page would move it into the
// history of some terminals.
func TestCover(t *testing.T) {
	x := watch(t)
	s := secret.Take([]byte("SECRET"))
	defer s.Wipe()
	x.put(enterAlt)
	x.w.Cover() // nothing was shown: nothing to cover
	x.put("before")
	x.w.Bind(s)
	x.put("\x1b[5;5H" + places(6))
	until(t, "the secret", func() bool { return strings.Contains(x.vt.String(), "SECRET") })
	x.put(leaveAlt + "out")
	until(t, "the way out", func() bool { return strings.HasSuffix(x.sent(), leaveAlt+"out"+dropHistory) })
	wire := x.sent()
	if strings.Contains(wire, "\x1b[2J") || strings.Contains(wire, "\x1b[J") {
		t.Error("the page was erased, not overwritten")
	}
	cover := wire[strings.Index(wire, "SECRET")+6 : strings.Index(wire, leaveAlt)]
	if n := strings.Count(cover, strings.Repeat(" ", 80)); n != 24 {
		t.Errorf("%d of 24 rows were overwritten before the screen was left", n)
	}
	if x.w.Alt() {
		t.Error("the alternate screen is said to be on")
	}
	x.put(leaveAlt)
	until(t, "another way out", func() bool { return strings.Count(x.sent(), leaveAlt) == 2 })
	if strings.Count(x.sent(), dropHistory) != 1 {
		t.Error("covered again though nothing was shown since")
	}
}

// TestWriterDrawsCells: a picture is on the screen while it is bound, and no
// longer; then a page, or Cover, has written over it.
func TestWriterDrawsCells(t *testing.T) {
	x := watch(t)
	s := secret.Take([]byte{0, 1, 2, 3})
	defer s.Wipe()
	row := "<" + string([]rune{CellPlace(0), CellPlace(1), CellPlace(2), CellPlace(3), CellPlace(4)}) + places(1) + ">"
	screen := func(want string) {
		t.Helper()
		until(t, want, func() bool { return strings.Contains(x.vt.String(), want) })
	}
	x.put("\x1b[H" + row)
	screen("<     •>")
	x.w.BindCells(s)
	x.put("\x1b[H" + row)
	screen("< ▀▄█ •>")
	x.w.Unbind()
	x.put("\x1b[H" + row)
	screen("<     •>")
	x.w.BindCells(s)
	x.put("\x1b[H" + row)
	screen("< ▀▄█ •>")
	text := secret.Take([]byte("A"))
	defer text.Wipe()
	x.w.Bind(text)
	x.put("\x1b[H" + row)
	screen("<     A>")
	x.w.BindCells(s)
	x.put("\x1b[H" + row)
	screen("< ▀▄█ •>")
	x.w.Cover()
	until(t, "an empty screen", func() bool { return !strings.ContainsAny(x.vt.String(), "<▀▄█>") })
}
