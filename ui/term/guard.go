package term

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
	xterm "golang.org/x/term"
)

// Guard remembers how a terminal was, and gives it back so.
type Guard struct {
	tty   *os.File
	out   *Writer
	state *xterm.State
}

// NewGuard takes note of how the terminal is now. out is what writes to it.
func NewGuard(tty *os.File, out *Writer) (*Guard, error) {
	state, err := xterm.GetState(int(tty.Fd()))
	if err != nil {
		return nil, fmt.Errorf("reading the terminal's settings: %w", err)
	}
	return &Guard{tty: tty, out: out, state: state}, nil
}

// Restore overwrites what was shown in secret, leaves the alternate screen,
// sets the terminal as it was, and drops what was typed ahead: it was meant for
// a page, and might be the rest of a secret. It may be called again, and it
// does no harm where Bubble Tea has restored already.
func (g *Guard) Restore() error {
	g.out.giveBack()
	fd := int(g.tty.Fd())
	err := xterm.Restore(fd, g.state)
	// What cannot be flushed is gone with its terminal.
	_ = unix.IoctlSetInt(fd, unix.TCFLSH, unix.TCIFLUSH)
	if err != nil && !gone(err) {
		return fmt.Errorf("giving the terminal back: %w", err)
	}
	return nil
}

// Raw sets the terminal so that keys come one by one and unseen: after the
// program was stopped and went on, the shell has set it for itself.
func (g *Guard) Raw() error {
	if _, err := xterm.MakeRaw(int(g.tty.Fd())); err != nil && !gone(err) {
		return fmt.Errorf("setting the terminal: %w", err)
	}
	g.out.enter()
	return nil
}

// gone tells whether an error says that the terminal is no more.
func gone(err error) bool {
	return errors.Is(err, unix.EIO) || errors.Is(err, unix.ENXIO) || errors.Is(err, unix.ENOTTY)
}

// Usable returns nil, or why pages cannot be drawn on this terminal, so that
// the ceremony is to be held line by line.
func Usable(in, out *os.File, getenv func(string) string) error {
	switch {
	case !xterm.IsTerminal(int(in.Fd())):
		return errors.New("the input is not a terminal")
	case !xterm.IsTerminal(int(out.Fd())):
		return errors.New("the output is not a terminal")
	}
	if t := getenv("TERM"); t == "" || t == "dumb" {
		return fmt.Errorf("the terminal is of the kind %q, which cannot move its cursor", t)
	}
	return nil
}
