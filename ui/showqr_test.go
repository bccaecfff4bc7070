package ui

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/hinshun/vt10x"

	"conclave/ceremony"
	"conclave/hsm/secret"
	"conclave/hsm/softhsm/need"
	"conclave/ui/term"
	"conclave/vaultstate/share"
)

// TestQRIsRead: what a terminal shows of the page is read by a scanner, as a
// text that the prompt for a share takes; with colours and without, on a dark
// terminal and on a light one.
func TestQRIsRead(t *testing.T) {
	zbar := need.Tool(t, "zbarimg")
	for _, c := range []struct{ name, noColour string }{{"colour", ""}, {"NO_COLOR", "1"}} {
		for _, paper := range []color.Gray{{0}, {255}} {
			look := term.LookFor(func(k string) string {
				return map[string]string{"TERM": "xterm-256color", "LANG": "C.UTF-8", "NO_COLOR": c.noColour}[k]
			}, term.Theme{})
			vt := qrOn(t, look)
			file := t.TempDir() + "/screen.png"
			photograph(t, vt, paper, file)
			out, err := exec.CommandContext(t.Context(), zbar, "--quiet", "--raw", file).Output() // #nosec G204 -- the tool that was asked for
			if err != nil {
				t.Fatalf("%s, paper %d: %v\n%s", c.name, paper.Y, err, vt)
			}
			scanned := secret.Take(bytes.TrimSpace(out))
			raw, _, bad := share.Scheme{}.Parse(scanned, 33)
			if bad != nil || string(scanned.Expose()) != shareText {
				t.Errorf("%s, paper %d: the scanner reads %q: %v", c.name, paper.Y, scanned.Expose(), bad)
			}
			raw.Wipe()
			scanned.Wipe()
		}
	}
}

// qrOn is a terminal with the page of a QR code, written by the real writer.
func qrOn(t *testing.T, look term.Look) vt10x.Terminal {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	writer := term.NewWriter(w, "•")
	s := blankStage(t, initAt(11, "", qrPrompt()), at("11:04:21"))
	s.opt.Look, s.opt.Writer = look, writer
	s.do(s.Init())
	view := s.View()
	if strings.ContainsAny(view, "█▀▄") {
		t.Error("the frame holds the code itself")
	}
	if _, err := writer.Write([]byte(strings.ReplaceAll(view, "\n", "\r\n"))); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 64<<10)
	n, err := r.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	vt := vt10x.New(vt10x.WithSize(80, 24))
	_, _ = vt.Write(b[:n])
	return vt
}

// photograph paints the half blocks of a screen, in the colours that the
// program asked for; where it asked for none, on paper.
func photograph(t *testing.T, vt vt10x.Terminal, paper color.Gray, file string) {
	t.Helper()
	const half = 8
	ink := color.Gray{255 - paper.Y}
	shade := func(c vt10x.Color, otherwise color.Gray) color.Gray {
		if c == 16 || c == 231 {
			return color.Gray{uint8(255 * (c / 231))}
		}
		return otherwise
	}
	img := image.NewGray(image.Rect(0, 0, 80*half, 48*half))
	for y := range 48 {
		for x := range 80 {
			g := vt.Cell(x, y/2)
			fg, bg := shade(g.FG, ink), shade(g.BG, paper)
			c := bg
			if upper := y%2 == 0; g.Char == '█' || g.Char == '▀' && upper || g.Char == '▄' && !upper {
				c = fg
			}
			for i := range half * half {
				img.SetGray(x*half+i%half, y*half+i/half, c)
			}
		}
	}
	f, err := os.Create(file) // #nosec G304 -- of this test
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := png.Encode(f, img); err != nil {
		t.Fatal(err)
	}
}

// TestQRHides: the code is on the screen for its time only, not under another
// page, and is wiped when it is hidden.
func TestQRHides(t *testing.T) {
	s := stageOf(t, qrPrompt(), showPrompt(), readPrompt())
	seen := func() bool { return s.writer.cells.Len() > 0 && strings.ContainsRune(s.View(), term.CellPlace(0)) }
	gone := func() bool { return s.writer.cells.Len() == 0 && !strings.ContainsRune(s.View(), term.CellPlace(0)) }
	first := s.writer.cells
	if !seen() || !strings.Contains(s.View(), "No phone, no camera") {
		t.Fatal("it is not shown")
	}
	s.keys("f1")
	if !gone() || bytes.ContainsAny(first.Expose(), "\x01\x02\x03") {
		t.Error("F1 does not hide it, or it is not wiped")
	}
	s.keys("x")
	if !seen() {
		t.Error("it does not come back")
	}
	s.clock.advance(31 * time.Second)
	s.drive(tickMsg{})
	if !gone() {
		t.Error("it is still shown after 30 seconds")
	}
	s.keys("+")
	if !seen() || !strings.Contains(s.View(), "Hidden in 0:30") {
		t.Error("+ does not show it again")
	}
	s.keys("ctrl+n")
	if !gone() {
		t.Error("it is shown under a deviation")
	}
	s.keys("esc")
	s.clock.advance(time.Second)
	s.run.jobs = func(context.Context) {
		if s.writer.cells.Len() != 0 {
			t.Error("it is bound while the job runs")
		}
	}
	s.keys("enter")
	if !gone() || len(s.run.answers) != 1 || s.writer.bound.Len() == 0 {
		t.Error("enter does not go back to the lines")
	}
	s.clock.advance(time.Second)
	s.keys("q")
	if len(s.run.answers) != 2 || s.run.answers[1].Choice != "qr" || s.writer.bound.Len() != 0 {
		t.Errorf("q at the lines answers %+v", s.run.answers)
	}
}

// TestQRNotOffered: not for a token, and not where half blocks may be missing.
func TestQRNotOffered(t *testing.T) {
	for _, c := range []struct {
		name string
		p    func() ceremony.Prompt
		look term.Look
	}{{"a token", tokenPrompt, term.PlainLook(true)}, {"ASCII", showPrompt, term.PlainLook(false)}} {
		s := newStage(t, initAt(11, "", c.p(), readPrompt()), at("11:04:21"), c.look, 80, 24)
		s.keys("q")
		if len(s.run.answers) != 0 || strings.Contains(s.View(), "QR") {
			t.Errorf("%s: a QR code is offered:\n%s", c.name, s.View())
		}
	}
}
