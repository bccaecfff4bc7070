package command

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/term"

	"conclave/ceremony"
	"conclave/hsm/secret"
	"conclave/ui"
	"conclave/ui/gpg"
	"conclave/ui/plain"
	uiterm "conclave/ui/term"
)

// run is what both front ends walk: a ceremony, or a rehearsal's view of one.
type run interface {
	ui.Run
	plain.Ceremony
}

// auto plays every person of a rehearsal.
type auto func(ceremony.Prompt) (ceremony.Input, bool)

// pace is how long a page stays that nobody reads but to watch.
const pace = 1500 * time.Millisecond

// front is how the people see a ceremony: the screen, or line by line.
type front struct {
	p        *Process
	screen   *ui.Screen // nil: plain
	piped    bool       // secrets may come through a pipe
	terminal string
}

// pipedIn tells whether standard input is no terminal.
func (p *Process) pipedIn() bool { return !term.IsTerminal(int(p.Stdin.Fd())) }

// front chooses the screen or the lines. The screen needs a terminal.
func (p *Process) front(lines bool) (*front, error) {
	f := &front{p: p, terminal: describeTerminal(lines, p.pipedIn())}
	if lines {
		return f, nil
	}
	out, ok := p.Stdout.(*os.File)
	if !ok {
		return nil, usage("the screen needs a terminal. Nothing was touched; use -plain.")
	}
	if err := uiterm.Usable(p.Stdin, out, os.Getenv); err != nil {
		return nil, usage("the screen cannot be used: %v. Nothing was touched; use -plain.", err)
	}
	s, err := ui.Open(p.Stdin, out, p.theme)
	if err != nil {
		return nil, usage("the screen cannot be used: %v. Nothing was touched; use -plain.", err)
	}
	f.screen = s
	return f, nil
}

func describeTerminal(lines, piped bool) string {
	name := os.Getenv("TERM")
	switch {
	case piped:
		return "none: answers come through a pipe"
	case name == "":
		name = "unknown"
	}
	if lines {
		return name + ", line by line"
	}
	return name + ", full screen"
}

func (f *front) progress() func(ceremony.Line) {
	if f.screen != nil {
		return f.screen.Progress
	}
	return plain.Progress(f.p.Stdout)
}

// hold runs a ceremony to its end. Signals stop it safely.
func (f *front) hold(ctx context.Context, r run, waiting func() time.Time, play auto) (ceremony.Outcome, error) {
	if f.screen != nil {
		return f.screen.Ceremony(ctx, ui.Options{Run: r, Auto: play, Pace: pace, Waiting: waiting})
	}
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	defer signal.Stop(signals)
	return plain.Run(ctx, r, plain.Options{In: f.p.Stdin, Out: f.p.Stdout, Piped: f.piped, Auto: play, Signals: signals, Decrypt: f.decrypt, Waiting: waiting}), nil
}

// decrypt is gpg for the lines; the screen has its own.
func (f *front) decrypt(ctx context.Context, file string) (secret.Bytes, gpg.Tool, error) {
	tool, err := gpg.Find()
	if err != nil {
		return secret.Bytes{}, tool, err
	}
	text, err := tool.Decrypt(ctx, file, gpg.TTY(f.p.Stdin))
	return text, tool, err
}

func (f *front) close() error {
	if f.screen == nil {
		return nil
	}
	if err := f.screen.Close(); err != nil {
		return fmt.Errorf("giving the terminal back: %w", err)
	}
	return nil
}
