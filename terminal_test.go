package main_test

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/hinshun/vt10x"
)

// terminal is the program in a terminal of 80x24.
type terminal struct {
	t     *testing.T
	cmd   *exec.Cmd
	tty   *os.File
	vt    vt10x.Terminal
	ended chan struct{}
	once  sync.Once
	mu    sync.Mutex
	all   []byte // everything that was written to it
}

// Write keeps what the program writes.
func (p *terminal) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all = append(p.all, b...)
	return len(b), nil
}

// written is everything that the program wrote so far: what a recorder, or a
// terminal that keeps all, would have.
func (p *terminal) written() []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return bytes.Clone(p.all)
}

// openTerminal starts a command in a terminal. What of the environment decides
// how pages look is fixed.
func openTerminal(t *testing.T, cmd *exec.Cmd) *terminal {
	t.Helper()
	cmd.Env = append(cmd.Env, "TERM=xterm-256color", "LANG=C.UTF-8", "LC_ALL=C.UTF-8", "HOME="+t.TempDir(), "PATH="+os.Getenv("PATH"))
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Cols: 80, Rows: 24})
	if err != nil {
		t.Fatal(err)
	}
	p := &terminal{t: t, cmd: cmd, tty: tty, ended: make(chan struct{}),
		vt: vt10x.New(vt10x.WithSize(80, 24), vt10x.WithWriter(tty))}
	go func() {
		// Not io.Copy: it ends where a character is cut in two.
		for in := bufio.NewReader(io.TeeReader(tty, p)); p.vt.Parse(in) == nil; {
		} // until the program has gone
		close(p.ended)
	}()
	t.Cleanup(p.close)
	return p
}

func (p *terminal) close() {
	p.once.Do(func() {
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-p.ended:
		case <-time.After(10 * time.Second):
			_ = p.cmd.Process.Kill()
		}
		_ = p.cmd.Wait()
		_ = p.tty.Close()
	})
}

// screen is what a person sees.
func (p *terminal) screen() string { return p.vt.String() }

func (p *terminal) send(keys string) {
	p.t.Helper()
	if _, err := io.WriteString(p.tty, keys); err != nil {
		p.t.Fatalf("typing: %v; the screen:\n%s", err, p.screen())
	}
}

// await waits until the screen is as wanted, and fails after a while.
func (p *terminal) await(what string, ok func(screen string) bool) string {
	p.t.Helper()
	deadline := time.Now().Add(60 * time.Second)
	for {
		s := p.screen()
		if ok(s) {
			return s
		}
		select {
		case <-p.ended:
			p.close()
			p.t.Fatalf("the program ended (%v), waiting for %s; the screen:\n%s", p.cmd.ProcessState, what, p.screen())
		default:
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("waited in vain for %s; the screen:\n%s", what, s)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// body is the screen without what changes by itself: the clock and the timer.
func body(screen string) string {
	_, rest, _ := strings.Cut(screen, "\n")
	var kept []string
	for line := range strings.Lines(rest) {
		if !strings.Contains(line, "Hidden in") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
}
