package ui

import (
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

func TestCeremonyOnATerminal(t *testing.T) {
	x := startConsole(t, "plain")
	x.sees("enter read aloud")
	x.types("\r")
	x.sees("Pass the keyboard to")
	x.types("bob\r")
	x.sees("The ceremony is over.")
	x.types("\r")
	if got := x.ends(); !strings.HasPrefix(got, "0 <nil> []") {
		t.Errorf("ended with %q", got)
	}
	if strings.Contains(x.sent(), "\x1b[3J") {
		t.Error("the history was dropped although no secret was shown")
	}
}

// The terminal is not asked for its colours: one that does not answer would
// hold the program up for five seconds and eat what is typed.
func TestMuteTerminal(t *testing.T) {
	x := startConsole(t, "plain")
	began := time.Now()
	x.sees("enter read aloud")
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("the first page took %s", took)
	}
	for _, query := range []string{"\x1b]11;?", "\x1b]10;?", "\x1b[6n", "\x1b[c"} {
		if strings.Contains(x.sent(), query) {
			t.Errorf("the terminal was asked %q", query)
		}
	}
}

func TestSignals(t *testing.T) {
	for _, tc := range []struct {
		name    string
		program string
		sees    string
		signals []syscall.Signal
		says    string
	}{
		{"INT", "plain", "read aloud", []syscall.Signal{syscall.SIGINT}, "interrupt"},
		{"TERM", "share", "type your share", []syscall.Signal{syscall.SIGTERM}, "terminated"},
		{"HUP", "show", "Hidden in", []syscall.Signal{syscall.SIGHUP}, "hangup"},
		{"QUIT", "show", "Hidden in", []syscall.Signal{syscall.SIGQUIT}, "quit"},
		{"TERM twice and HUP", "share", "type your share", []syscall.Signal{syscall.SIGTERM, syscall.SIGTERM, syscall.SIGHUP}, "got the signal"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			x := startConsole(t, tc.program)
			x.sees(tc.sees)
			for _, s := range tc.signals {
				x.signal(s)
			}
			if got := x.ends(); !strings.HasPrefix(got, "3 <nil>") || !strings.Contains(got, tc.says) {
				t.Errorf("ended with %q", got)
			}
			if strings.Contains(x.screen(), "91F") {
				t.Error("the share is on the screen")
			}
		})
	}
}

// A process that is stopped leaves its page on the screen.
func TestStopSignalsAreIgnored(t *testing.T) {
	x := startConsole(t, "plain", "UI_TEST_SHELL=1")
	x.sees("read aloud")
	for _, s := range []syscall.Signal{syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGTTOU} {
		x.signal(s)
	}
	x.types("\r")
	x.sees("Pass the keyboard to")
	x.signal(syscall.SIGTERM)
	if got := x.ends(); !strings.Contains(got, "terminated") {
		t.Errorf("ended with %q", got)
	}
}

// What was shown is overwritten before the alternate screen is left, cell by
// cell: on some terminals there is no other screen, and what is erased goes
// into the history.
func TestShownIsOverwritten(t *testing.T) {
	x := startConsole(t, "show")
	x.sees("91F E71")
	x.signal(syscall.SIGTERM)
	x.ends()
	wire := x.sent()
	shown, left := strings.LastIndex(wire, "91F"), strings.LastIndex(wire, "\x1b[?1049l")
	if n := strings.Count(wire[shown:left], strings.Repeat(" ", 80)); n < 24 {
		t.Errorf("%d of 24 rows were overwritten", n)
	}
	if strings.Contains(wire[shown:], "\x1b[2J") {
		t.Error("the page was erased, not overwritten")
	}
	if !strings.Contains(wire[left:], "\x1b[3J") {
		t.Error("the history was not dropped")
	}
}

// A panic gives the terminal back and says where it was, never with what.
func TestSafe(t *testing.T) {
	for _, name := range []string{"panic in a job", "panic in a page"} {
		t.Run(name, func(t *testing.T) {
			x := startConsole(t, name)
			x.sees("read aloud")
			x.types("\r")
			got := x.ends()
			if !strings.HasPrefix(got, "1 internal error at ") || !strings.Contains(got, ":") {
				t.Errorf("ended with %q", got)
			}
			for _, no := range []string{"goroutine", "798114", "the value of a panic", "panic("} {
				if strings.Contains(x.sent(), no) {
					t.Errorf("%q is on the terminal", no)
				}
			}
		})
	}
}

// A terminal that is closed ends the process, with the ceremony put away.
func TestTerminalCloses(t *testing.T) {
	for _, program := range []string{"share", "slow"} {
		t.Run(program, func(t *testing.T) {
			x := startConsole(t, program)
			if program == "slow" {
				x.sees("read aloud")
				x.types("\r")
				x.sees("Nobody needs to type")
			} else {
				x.sees("type your share")
			}
			_ = x.near.Close()
			_ = x.far.Close()
			select {
			case <-x.over:
			case <-time.After(lastWait + 30*time.Second):
				t.Fatal("the process lives on")
			}
			b, err := os.ReadFile(x.report)
			if err != nil || !strings.HasPrefix(string(b), "the program: ") {
				t.Errorf("aborted %q (%v)", b, err)
			}
		})
	}
}

// After SIGSTOP the shell has set the terminal for itself, so that keys would
// be seen as they are typed.
func TestStoppedAndContinued(t *testing.T) {
	x := startConsole(t, "share")
	x.sees("type your share")
	x.signal(syscall.SIGSTOP)
	time.Sleep(100 * time.Millisecond)
	s := x.before
	if err := unix.IoctlSetTermios(int(x.near.Fd()), unix.TCSETS, &s); err != nil {
		t.Fatal(err)
	}
	if _, err := x.near.WriteString("\x1b[?1049l\r\n$ shell\r\n"); err != nil {
		t.Fatal(err)
	}
	x.sees("$ shell")
	x.signal(syscall.SIGCONT)
	x.sees("type your share")
	x.types(shareText[:10])
	x.sees("10 of")
	if strings.Contains(x.sent(), shareText[:10]) {
		t.Error("the share was echoed")
	}
	x.signal(syscall.SIGTERM)
	x.ends()
}

func TestResizeOnATerminal(t *testing.T) {
	x := startConsole(t, "show")
	x.sees("91F E71")
	size := func(w, h int) {
		t.Helper()
		x.mu.Lock()
		x.vt.Resize(w, h)
		x.mu.Unlock()
		if err := pty.Setsize(x.far, &pty.Winsize{Cols: uint16(w), Rows: uint16(h)}); err != nil {
			t.Fatal(err)
		}
	}
	size(50, 14)
	x.sees("This window is too small.")
	if strings.Contains(x.screen(), "91F") {
		t.Error("the share stays on a page that is too small")
	}
	size(80, 24)
	x.sees("91F E71")
	if _, err := x.far.WriteString("\x1b[O"); err != nil {
		t.Fatal(err)
	}
	x.sees("Hidden. +")
	if strings.Contains(x.screen(), "91F") {
		t.Error("the share is shown without the focus")
	}
	if _, err := x.far.WriteString("\x1b[I"); err != nil {
		t.Fatal(err)
	}
	x.sees("91F E71")
	x.types("\x1bOP")
	x.sees("Any key brings the page back.")
	if strings.Contains(x.screen(), "91F") {
		t.Error("F1 does not hide the share")
	}
	x.signal(syscall.SIGTERM)
	x.ends()
}
