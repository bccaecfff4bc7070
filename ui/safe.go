package ui

import (
	"fmt"
	"io"
	"path"
	"runtime"
	"strings"
	"sync"

	tea "github.com/charmbracelet/bubbletea"

	"conclave/ui/term"
)

// crash catches panics. Bubble Tea's own handler prints the value of a panic
// into the ordinary screen, where it stays; here the value is dropped, because
// it can hold what it should not, and only the place is kept.
type crash struct {
	wipe func() // covers the window and wipes what was half typed
	quit func() // ends the program; called off the event loop

	mu    sync.Mutex
	where string
}

// InternalError is a fault of the program. It says where, never with what.
type InternalError struct{ Where string }

func (e *InternalError) Error() string { return "internal error at " + e.Where }

// catch is deferred around everything that Bubble Tea calls; after is what the
// caller returns instead.
func (c *crash) catch(after func()) {
	if recover() == nil {
		return
	}
	c.mu.Lock()
	if c.where == "" {
		c.where = panicked()
	}
	c.mu.Unlock()
	c.wipe()
	go c.quit()
	after()
}

// err is the fault that was caught, or nil.
func (c *crash) err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.where == "" {
		return nil
	}
	return &InternalError{c.where}
}

// panicked is the place of the panic that is being recovered from: the first
// frame below the runtime's.
func panicked() string {
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	began := false
	for {
		f, more := frames.Next()
		inRuntime := strings.HasPrefix(f.Function, "runtime.")
		switch {
		case inRuntime && strings.Contains(f.Function, "panic"):
			began = true
		case began && !inRuntime:
			return fmt.Sprintf("%s:%d", path.Base(f.Function), f.Line)
		}
		if !more {
			return "an unknown place"
		}
	}
}

// safe is a model whose panics end the program in an orderly way. It wraps every
// command as well, those of a batch one by one.
type safe struct {
	m tea.Model
	c *crash
}

// Init, Update and View are those of the model.
func (s *safe) Init() (cmd tea.Cmd) {
	defer s.c.catch(func() { cmd = tea.Quit })
	return s.c.wrap(s.m.Init())
}

// Update passes a message on, unless a panic was caught before.
func (s *safe) Update(msg tea.Msg) (m tea.Model, cmd tea.Cmd) {
	// The wrapper itself, always: a nil model would panic again.
	m = s
	defer s.c.catch(func() { cmd = tea.Quit })
	if s.c.err() != nil {
		return s, tea.Quit
	}
	s.m, cmd = s.m.Update(msg)
	return s, s.c.wrap(cmd)
}

// View draws nothing after a panic.
func (s *safe) View() (view string) {
	defer s.c.catch(func() { view = "" })
	if s.c.err() != nil {
		return ""
	}
	return s.m.View()
}

func (c *crash) wrap(cmd tea.Cmd) tea.Cmd {
	if cmd == nil {
		return nil
	}
	return func() (msg tea.Msg) {
		defer c.catch(func() { msg = tea.Quit() })
		msg = cmd()
		if batch, ok := msg.(tea.BatchMsg); ok {
			for i := range batch {
				batch[i] = c.wrap(batch[i])
			}
		}
		return msg
	}
}

// safeTap and safeWriter are read and written by goroutines of Bubble Tea, in
// which nothing else catches a panic.
type safeTap struct {
	*term.Tap
	c *crash
}

func (t safeTap) Read(p []byte) (n int, err error) {
	defer t.c.catch(func() { n, err = 0, io.EOF })
	return t.Tap.Read(p)
}

type safeWriter struct {
	*term.Writer
	c *crash
}

func (w safeWriter) Write(p []byte) (n int, err error) {
	defer w.c.catch(func() { n, err = len(p), nil })
	return w.Writer.Write(p)
}
