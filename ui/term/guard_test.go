package term

import (
	"io"
	"os"
	"strings"
	"testing"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"conclave/hsm/secret"
)

func TestGuard(t *testing.T) {
	far, near, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	defer near.Close()
	settings := func() unix.Termios {
		t.Helper()
		s, err := unix.IoctlGetTermios(int(near.Fd()), unix.TCGETS)
		if err != nil {
			t.Fatal(err)
		}
		return *s
	}
	before := settings()
	w := NewWriter(near, "*")
	g, err := NewGuard(near, w)
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Raw(); err != nil {
		t.Fatal(err)
	}
	if settings() == before {
		t.Fatal("Raw changes nothing")
	}
	s := secret.Take([]byte("SECRET"))
	w.Bind(s)
	if _, err := io.WriteString(w, enterAlt+hideCursor+places(6)); err != nil {
		t.Fatal(err)
	}
	if _, err := far.WriteString("half a secret"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := g.Restore(); err != nil {
			t.Fatal(err)
		}
	}
	if settings() != before {
		t.Error("the settings are not what they were")
	}
	if n := queued(t, near); n != 0 {
		t.Errorf("%d bytes typed ahead would go to the shell", n)
	}
	s.Wipe()
	if _, err := near.WriteString("END"); err != nil {
		t.Fatal(err)
	}
	wire := ""
	for out := make([]byte, 8192); !strings.Contains(wire, "END"); {
		n, err := far.Read(out)
		if err != nil {
			t.Fatal(err)
		}
		wire += string(out[:n])
	}
	for _, want := range []string{plainText, pasteOff, focusOff, showCursor, leaveAlt, dropHistory} {
		if strings.Count(wire[strings.Index(wire, "SECRET"):], want) < 1 {
			t.Errorf("%q was not sent", want)
		}
	}
	if strings.Count(wire, leaveAlt) != 1 {
		t.Error("the second Restore wrote again")
	}
}

// A terminal that was closed is nothing to complain about.
func TestGuardGone(t *testing.T) {
	far, near, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer near.Close()
	g, err := NewGuard(near, NewWriter(near, "*"))
	if err != nil {
		t.Fatal(err)
	}
	_ = far.Close()
	if err := g.Restore(); err != nil {
		t.Errorf("Restore: %v", err)
	}
	if err := g.Raw(); err != nil {
		t.Errorf("Raw: %v", err)
	}
}

func TestUsable(t *testing.T) {
	far, near, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	defer near.Close()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	if err := Usable(near, near, env("TERM=xterm")); err != nil {
		t.Errorf("a terminal: %v", err)
	}
	for name, err := range map[string]error{
		"pipe in":  Usable(r, near, env("TERM=xterm")),
		"pipe out": Usable(near, w, env("TERM=xterm")),
		"dumb":     Usable(near, near, env("TERM=dumb")),
		"no TERM":  Usable(near, near, env()),
	} {
		if err == nil {
			t.Errorf("%s: usable", name)
		}
	}
}
