package ui

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	xterm "golang.org/x/term"

	"conclave/ceremony"
	"conclave/hsm/secret"
	"conclave/ui/gpg"
	"conclave/ui/term"
	_ "conclave/ui/term/bg" // before Bubble Tea asks the terminal for its background
)

// lastWait is how long a ceremony that is to stop may take to put itself away.
// An HSM's own time limit is shorter. A variable for the tests.
var lastWait = 60 * time.Second

// Screen is the terminal that pages are drawn on, one program after the other:
// the menu, then a ceremony.
type Screen struct {
	in, out *os.File
	tap     *term.Tap
	writer  *term.Writer
	guard   *term.Guard
	look    term.Look

	mu   sync.Mutex
	send func(tea.Msg) // to the program that runs; nil for none
	lent func()        // ends gpg, which has the terminal; nil for nobody has it
}

// Open takes note of how the terminal is. It changes nothing yet. in and out
// are os.Stdin and os.Stdout; an error says why pages cannot be drawn here.
func Open(in, out *os.File, theme term.Theme) (*Screen, error) {
	if err := term.Usable(in, out, os.Getenv); err != nil {
		return nil, err
	}
	look := term.LookFor(os.Getenv, theme)
	s := &Screen{in: in, out: out, tap: term.NewTap(in), writer: term.NewWriter(out, look.Symbols.Typed), look: look}
	var err error
	if s.guard, err = term.NewGuard(in, s.writer); err != nil {
		return nil, err
	}
	return s, nil
}

// Close gives the terminal back, in case a program did not.
func (s *Screen) Close() error {
	s.tap.Disarm()
	return s.guard.Restore()
}

// Progress shows a sub-step of the work that runs: it is what ceremony.Env
// wants. Where no program runs it does nothing.
func (s *Screen) Progress(l ceremony.Line) {
	s.mu.Lock()
	send := s.send
	s.mu.Unlock()
	if send != nil {
		send(ProgressMsg(l))
	}
}

// Ceremony draws the pages of opt.Run until it is over. Of opt only Run, Auto
// and Pace are the caller's.
//
// A signal, the end of ctx and a terminal that is gone stop the ceremony, with
// its record, before Ceremony returns. An error is a fault of the program, or a
// ceremony that could not be put away in time; then its record has no last
// line.
func (s *Screen) Ceremony(ctx context.Context, opt Options) (ceremony.Outcome, error) {
	opt.Tap, opt.Writer, opt.Look, opt.Decrypt = s.tap, s.writer, s.look, s.decrypt
	// What ends ctx stops the ceremony; the work of stopping is not cut short.
	opt.Context = context.WithoutCancel(ctx)
	opt.Send = func(m tea.Msg) {
		s.mu.Lock()
		send := s.send
		s.mu.Unlock()
		if send != nil {
			send(m)
		}
	}
	err := s.run(ctx, New(opt))
	out := opt.Run.Outcome()
	if err != nil && (out.Code == ceremony.CodeDone || !opt.Run.Done()) {
		out.Code = ceremony.CodeFailed
	}
	return out, err
}

// Menu shows what this vault is and what can be done with it. It returns the id
// of what was chosen, "" for nothing.
func (s *Screen) Menu(ctx context.Context, m *Menu) (string, error) {
	m.Look = s.look
	if m.Now == nil {
		m.Now = time.Now
	}
	err := s.run(ctx, m)
	return m.Chosen(), err
}

// Watch shows a ceremony that another process holds, until somebody quits.
func (s *Screen) Watch(ctx context.Context, m *Watch) error {
	m.Look = s.look
	return s.run(ctx, m)
}

// run is one program on the terminal.
func (s *Screen) run(ctx context.Context, m tea.Model) error {
	c := &crash{wipe: func() {
		s.tap.Disarm()
		s.writer.Cover()
	}}
	p := tea.NewProgram(&safe{m, c},
		tea.WithInput(safeTap{s.tap, c}), tea.WithOutput(safeWriter{s.writer, c}),
		tea.WithAltScreen(), tea.WithReportFocus(),
		tea.WithFPS(120), // a key waits for the next frame: 8 ms, not 16
		tea.WithoutCatchPanics(), tea.WithoutSignalHandler())
	c.quit = p.Quit
	s.mu.Lock()
	s.send = p.Send
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.send = nil
		s.mu.Unlock()
	}()
	stop := s.listen(ctx, p)
	_, err := p.Run()
	s.tap.Disarm()
	restored := s.guard.Restore()
	stop()
	switch caught := c.err(); {
	case caught != nil:
		return caught
	case errors.Is(err, tea.ErrProgramKilled):
		return fmt.Errorf("the work that ran did not end within %s", lastWait)
	case err != nil:
		return fmt.Errorf("drawing on the terminal: %w", err)
	}
	return restored
}

// listen forwards what wants the program to stop, every time it is said: Bubble
// Tea's own handler listens once, after which the second signal would end the
// process with the terminal as it is. Stop signals from outside are ignored: a
// stopped process leaves its page on the screen. The returned function ends it.
func (s *Screen) listen(ctx context.Context, p *tea.Program) func() {
	sig := make(chan os.Signal, 16)
	signal.Notify(sig, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGCONT)
	signal.Ignore(syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGTTOU)
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		ended, gone := ctx.Done(), s.tap.Gone()
		var late <-chan time.Time
		stop := func(reason string) {
			if late == nil {
				late = time.After(lastWait)
			}
			p.Send(StopMsg{reason})
		}
		for {
			select {
			case <-done:
				return
			case <-late:
				p.Kill()
			case <-ended:
				ended = nil
				s.takeBack()
				stop("the program was told to end.")
			case <-gone:
				gone = nil
				stop("the terminal is gone.")
			case got := <-sig:
				if got == syscall.SIGCONT {
					s.again(p)
					continue
				}
				if s.takeBack() && got == syscall.SIGINT {
					continue // ctrl+c was meant for gpg
				}
				stop(fmt.Sprintf("the program got the signal %q.", got))
			}
		}
	})
	return func() {
		close(done)
		wg.Wait()
		signal.Stop(sig)
		signal.Reset(syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGTTOU)
	}
}

// decrypt has gpg decrypt a file. Nobody but gpg has the terminal meanwhile.
func (s *Screen) decrypt(file string) (secret.Bytes, gpg.Tool, error) {
	tool, err := gpg.Find()
	if err != nil {
		return secret.Bytes{}, tool, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	s.setLent(cancel)
	defer s.setLent(nil)
	text, err := tool.Decrypt(ctx, file, gpg.TTY(s.in))
	return text, tool, err
}

func (s *Screen) setLent(end func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lent = end
}

// takeBack ends gpg, if it has the terminal.
func (s *Screen) takeBack() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lent == nil {
		return false
	}
	s.lent()
	return true
}

// again takes the terminal back after SIGSTOP, which nobody can ignore: the
// shell has set it for itself, and its lines stand on the page.
func (s *Screen) again(p *tea.Program) {
	// Without a terminal there is nothing to set or to draw.
	_ = s.guard.Raw()
	if w, h, err := xterm.GetSize(int(s.out.Fd())); err == nil {
		p.Send(tea.WindowSizeMsg{Width: w, Height: h})
	}
}
