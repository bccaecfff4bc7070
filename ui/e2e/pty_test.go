package e2e

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/hinshun/vt10x"
)

// ptyScreen is a terminal emulator in this process.
type ptyScreen struct {
	t    testing.TB
	cmd  *exec.Cmd
	far  *os.File
	vt   vt10x.Terminal
	done chan struct{}

	mu   sync.Mutex
	wire strings.Builder // all that the program wrote
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// openPTY runs the program in a directory.
func openPTY(t testing.TB, in string, args ...string) *ptyScreen {
	t.Helper()
	s := &ptyScreen{t: t, cmd: exec.CommandContext(context.Background(), conclave, args...), done: make(chan struct{}),
		vt: vt10x.New(vt10x.WithSize(80, 24))}
	s.cmd.Dir = in
	s.cmd.Env = []string{"TERM=xterm-256color", "LC_ALL=C.UTF-8", "HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH")}
	if home := filepath.Join(in, gpgHome); isDir(home) {
		s.cmd.Env = append(s.cmd.Env, "GNUPGHOME="+home)
	}
	far, err := pty.StartWithSize(s.cmd, &pty.Winsize{Cols: 80, Rows: 24})
	if err != nil {
		t.Fatal(err)
	}
	s.far = far
	go func() {
		s.watch()
		_ = s.cmd.Wait()
		close(s.done)
	}()
	t.Cleanup(func() {
		_ = s.cmd.Process.Kill()
		<-s.done
		_ = far.Close()
	})
	return s
}

// watch draws what the program writes, until it has ended.
func (s *ptyScreen) watch() {
	buf := make([]byte, 4096)
	rest := 0
	for {
		n, err := s.far.Read(buf[rest:])
		s.mu.Lock()
		s.wire.Write(buf[rest : rest+n])
		s.mu.Unlock()
		n += rest
		drawn, _ := s.vt.Write(buf[:n])
		// A character that was cut is left for the next read.
		rest = copy(buf, buf[drawn:n])
		if err != nil {
			return
		}
	}
}

func (s *ptyScreen) wrote() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.wire.String()
}

func (s *ptyScreen) text() string { return s.vt.String() }

func (s *ptyScreen) send(keys string) {
	s.t.Helper()
	if _, err := io.WriteString(s.far, keys); err != nil && !s.over() {
		s.t.Fatalf("typing: %v; the screen:\n%s", err, s.text())
	}
}

func (s *ptyScreen) resize(w, h int) {
	s.t.Helper()
	s.vt.Resize(w, h)
	if err := pty.Setsize(s.far, &pty.Winsize{Cols: uint16(w), Rows: uint16(h)}); err != nil {
		s.t.Fatal(err)
	}
}

func (s *ptyScreen) over() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// code is the exit code.
func (s *ptyScreen) code() int {
	s.t.Helper()
	select {
	case <-s.done:
	case <-time.After(time.Minute):
		s.t.Fatalf("the program does not end; the screen:\n%s", s.text())
	}
	return s.cmd.ProcessState.ExitCode()
}
