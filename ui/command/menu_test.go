package command_test

import (
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
)

// screen is the program on a terminal of its own, as a person sees it.
type screen struct {
	t   *testing.T
	tty *os.File
	cmd *exec.Cmd

	mu  sync.Mutex
	out strings.Builder
}

// onScreen starts the program: the test's own binary under the name conclave.
func onScreen(t *testing.T, args ...string) *screen {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s := &screen{t: t, cmd: exec.CommandContext(t.Context(), self)} // #nosec G204 -- this very program
	s.cmd.Args = append([]string{"conclave"}, args...)
	s.cmd.Env = append(os.Environ(), "TERM=xterm-256color", "LANG=C.UTF-8")
	if s.tty, err = pty.StartWithSize(s.cmd, &pty.Winsize{Rows: 24, Cols: 80}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = s.cmd.Process.Kill()
		_ = s.tty.Close()
	})
	go func() { _, _ = io.Copy(s, s.tty) }() // ends with the terminal
	return s
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.Write(p)
}

// expect waits for a text and forgets what came before it.
func (s *screen) expect(text string) {
	s.t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		s.mu.Lock()
		_, after, ok := strings.Cut(s.out.String(), text)
		if ok {
			s.out.Reset()
			s.out.WriteString(after)
		}
		s.mu.Unlock()
		if ok {
			return
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.t.Fatalf("the screen does not show %q but\n%q", text, s.out.String())
}

func (s *screen) press(keys string) {
	s.t.Helper()
	if _, err := io.WriteString(s.tty, keys); err != nil {
		s.t.Fatal(err)
	}
}

// ends waits for the end of the program and returns its exit code.
func (s *screen) ends() int {
	s.t.Helper()
	done := make(chan struct{})
	go func() {
		_ = s.cmd.Wait() // the code is asked for below
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		s.t.Fatal("the program does not end")
	}
	return s.cmd.ProcessState.ExitCode()
}

func TestMenu(t *testing.T) {
	s := onScreen(t)
	s.expect("No vault named")
	s.expect("Rehearse")
	s.expect("no vault was named")
	s.press("q")
	if code := s.ends(); code != 0 {
		t.Errorf("quitting the menu: code %d", code)
	}

	s = onScreen(t, "-storage", "testdata/aes/storage")
	s.expect("Initialised. Its HSM is not named.")
	s.expect("Not possible")
	s.expect("no HSM is named")
	s.press("s")
	s.expect("Recovery shares 5, 3 needed")
	if code := s.ends(); code != 2 {
		t.Errorf("status from the menu: code %d", code)
	}
}
