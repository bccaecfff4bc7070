package ui

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/hinshun/vt10x"
	"golang.org/x/sys/unix"

	"conclave/ceremony"
	"conclave/hsm/secret"
	"conclave/ui/term"
)

// programs are what the test binary does instead of testing, in a terminal of
// its own: see console.
var programs = map[string]func() *scripted{
	"plain": func() *scripted { return rekeyAt(8, "1 of 3", readPrompt(), handPrompt()) },
	"share": func() *scripted { return rekeyAt(8, "1 of 3", sharePrompt(), readPrompt()) },
	"show": func() *scripted {
		p := showPrompt()
		p.Reveal.Text = secret.Take([]byte(shareText))
		return rekeyAt(8, "", p, readPrompt())
	},
	"slow": func() *scripted {
		r := rekeyAt(8, "", readPrompt(), workPrompt(), handPrompt())
		r.jobs = func(ctx context.Context) {
			if len(r.answers) == 2 {
				<-ctx.Done()
			}
		}
		return r
	},
	"panic in a job": func() *scripted {
		r := rekeyAt(8, "", readPrompt(), handPrompt())
		r.jobs = func(context.Context) {
			if len(r.answers) > 0 {
				panic("the value of a panic, " + shareText)
			}
		}
		return r
	},
	"panic in a page": func() *scripted {
		r := rekeyAt(8, "", readPrompt(), ceremony.Prompt{Kind: ceremony.Kind(99), Heading: shareText})
		return r
	},
}

func TestMain(m *testing.M) {
	if name := os.Getenv("UI_TEST_PROGRAM"); name != "" {
		if os.Getenv("UI_TEST_SHELL") != "" {
			os.Exit(shell())
		}
		lastWait = 10 * time.Second
		os.Exit(program(name))
	}
	os.Exit(m.Run())
}

// shell starts the program as a shell does, in a process group of its own: one
// that has no parent in its session cannot be stopped.
func shell() int {
	cmd := exec.CommandContext(context.Background(), os.Args[0])
	cmd.Env = append(os.Environ(), "UI_TEST_SHELL=")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Foreground: true, Ctty: 0}
	if err := cmd.Start(); err != nil {
		return 9
	}
	_ = os.WriteFile(os.Getenv("UI_TEST_REPORT")+".pid", []byte(strconv.Itoa(cmd.Process.Pid)), 0o600)
	_ = cmd.Wait()
	return cmd.ProcessState.ExitCode()
}

// program is what a command does with a Screen.
func program(name string) int {
	began := time.Now()
	run := programs[name]()
	s, err := Open(os.Stdin, os.Stdout, term.Theme{})
	if err != nil {
		fmt.Println("no screen:", err)
		return 9
	}
	out, err := s.Ceremony(context.Background(), Options{Run: run})
	if cerr := s.Close(); cerr != nil {
		fmt.Println("closing:", cerr)
	}
	if file := os.Getenv("UI_TEST_REPORT"); file != "" {
		_ = os.WriteFile(file, []byte(strings.Join(run.aborted, "; ")), 0o600)
	}
	fmt.Printf("END %d %v %q after %s\n", out.Code, err, run.aborted, time.Since(began).Round(time.Millisecond))
	return out.Code
}

// console is a program in a terminal whose screen a test can read.
type console struct {
	t      *testing.T
	cmd    *exec.Cmd
	far    *os.File
	near   *os.File // kept open: the settings are read after the end
	before unix.Termios
	report string

	mu   sync.Mutex
	vt   vt10x.Terminal
	wire bytes.Buffer
	over chan struct{}
}

func startConsole(t *testing.T, name string, env ...string) *console {
	t.Helper()
	far, near, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	x := &console{t: t, far: far, near: near, vt: vt10x.New(vt10x.WithSize(80, 24)), over: make(chan struct{}),
		report: t.TempDir() + "/report"}
	if err := pty.Setsize(far, &pty.Winsize{Cols: 80, Rows: 24}); err != nil {
		t.Fatal(err)
	}
	x.before = x.settings()
	x.cmd = exec.CommandContext(context.Background(), os.Args[0])
	x.cmd.Env = append(os.Environ(), "UI_TEST_PROGRAM="+name, "UI_TEST_REPORT="+x.report, "TERM=xterm-256color", "LC_ALL=C.UTF-8")
	x.cmd.Env = append(x.cmd.Env, env...)
	x.cmd.Stdin, x.cmd.Stdout, x.cmd.Stderr = near, near, near
	x.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := x.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		b := make([]byte, 4096)
		rest := 0
		for {
			n, err := far.Read(b[rest:])
			x.mu.Lock()
			x.wire.Write(b[rest : rest+n])
			n += rest
			drawn, _ := x.vt.Write(b[:n])
			x.mu.Unlock()
			// A character that was cut is left for the next read.
			rest = copy(b, b[drawn:n])
			if err != nil {
				return
			}
		}
	}()
	go func() {
		_ = x.cmd.Wait()
		close(x.over)
	}()
	t.Cleanup(func() {
		_ = x.cmd.Process.Kill()
		<-x.over
		_ = near.Close()
		_ = far.Close()
	})
	return x
}

func (x *console) settings() unix.Termios {
	x.t.Helper()
	s, err := unix.IoctlGetTermios(int(x.near.Fd()), unix.TCGETS)
	if err != nil {
		x.t.Fatal(err)
	}
	return *s
}

func (x *console) screen() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.vt.String()
}

func (x *console) sent() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.wire.String()
}

// sees waits for a text on the screen.
func (x *console) sees(text string) {
	x.t.Helper()
	for range 3000 {
		if strings.Contains(x.screen(), text) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	x.t.Fatalf("the screen does not show %q:\n%s", text, x.screen())
}

// types presses keys. Keys of the first 300 ms of a page do not count.
func (x *console) types(s string) {
	x.t.Helper()
	time.Sleep(grace + 50*time.Millisecond)
	if _, err := x.far.WriteString(s); err != nil {
		x.t.Fatal(err)
	}
}

func (x *console) signal(s syscall.Signal) {
	x.t.Helper()
	pid := x.cmd.Process.Pid
	if b, err := os.ReadFile(x.report + ".pid"); err == nil {
		if pid, err = strconv.Atoi(string(b)); err != nil {
			x.t.Fatal(err)
		}
	}
	// A signal may come when one before it has already ended the program.
	if err := syscall.Kill(pid, s); err != nil && !errors.Is(err, syscall.ESRCH) {
		x.t.Fatal(err)
	}
}

// ends waits for the process, and holds the terminal to what it was before. It
// returns what stands on the ordinary screen.
func (x *console) ends() string {
	x.t.Helper()
	select {
	case <-x.over:
	case <-time.After(lastWait + 30*time.Second):
		x.t.Fatalf("the process does not end:\n%s", x.screen())
	}
	if x.settings() != x.before {
		x.t.Error("the terminal's settings are not what they were")
	}
	for range 200 {
		if strings.Contains(x.sent(), "END ") {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	wire := x.sent()
	for on, off := range map[string]string{"\x1b[?1049h": "\x1b[?1049l", "\x1b[?25l": "\x1b[?25h", "\x1b[?2004h": "\x1b[?2004l", "\x1b[?1004h": "\x1b[?1004l"} {
		if strings.LastIndex(wire, off) < strings.LastIndex(wire, on) {
			x.t.Errorf("%q was not undone", on)
		}
	}
	_, rest, _ := strings.Cut(wire[strings.LastIndex(wire, "\x1b[?1049l"):], "END ")
	return rest
}
