package e2e

import (
	"context"
	stdhex "encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"conclave/hsm/softhsm/need"
)

// tmuxScreen is a pane of a tmux server of its own.
type tmuxScreen struct {
	t      *testing.T
	tmux   string
	socket string
	tty    string // of the pane
	exit   string // the file where the exit code is written
}

// openTmux starts a server with an empty shell-like pane.
func openTmux(t *testing.T) *tmuxScreen {
	t.Helper()
	s := &tmuxScreen{t: t, tmux: need.Tool(t, "tmux"), socket: filepath.Join(t.TempDir(), "tmux")}
	// The shell reads commands from the pane, as a person's would; a second
	// session keeps the server alive.
	s.run("-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24", "-s", "keep", "sleep 10000")
	t.Cleanup(func() { s.run("kill-server") })
	s.run("new-session", "-d", "-x", "80", "-y", "24", "-s", "room", "PS1='room$ ' exec sh")
	s.tty = strings.TrimSpace(s.run("display-message", "-p", "-t", "room", "#{pane_tty}"))
	return s
}

func (s *tmuxScreen) run(args ...string) string {
	s.t.Helper()
	cmd := exec.CommandContext(context.Background(), s.tmux, append([]string{"-S", s.socket}, args...)...)
	cmd.Env = []string{"TERM=xterm-256color", "LC_ALL=C.UTF-8", "HOME=" + s.t.TempDir(), "PATH=" + os.Getenv("PATH")}
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.t.Fatalf("tmux %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// start types a command line.
func (s *tmuxScreen) start(args ...string) {
	s.t.Helper()
	s.exit = filepath.Join(s.t.TempDir(), "exit")
	s.send(conclave + " " + strings.Join(args, " ") + "; echo $? >" + s.exit + "\r")
}

func (s *tmuxScreen) text() string {
	s.t.Helper()
	return s.run("capture-pane", "-p", "-t", "room")
}

// history is all that the pane has kept, and the ordinary screen.
func (s *tmuxScreen) history() string {
	s.t.Helper()
	return s.run("capture-pane", "-p", "-S", "-", "-E", "-", "-t", "room")
}

func (s *tmuxScreen) send(keys string) {
	s.t.Helper()
	args := []string{"send-keys", "-t", "room", "-H"}
	for _, b := range []byte(keys) {
		args = append(args, stdhex.EncodeToString([]byte{b}))
	}
	s.run(args...)
}

func (s *tmuxScreen) resize(w, h int) {
	s.t.Helper()
	s.run("resize-window", "-t", "room", "-x", strconv.Itoa(w), "-y", strconv.Itoa(h))
}

func (s *tmuxScreen) over() bool {
	b, err := os.ReadFile(s.exit)
	return err == nil && len(b) > 0
}

func (s *tmuxScreen) code() int {
	s.t.Helper()
	b, err := os.ReadFile(s.exit)
	if err != nil {
		s.t.Fatal(err)
	}
	code, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		s.t.Fatal(err)
	}
	return code
}

// settings are the terminal's, as stty prints them.
func (s *tmuxScreen) settings() string {
	s.t.Helper()
	out, err := exec.CommandContext(context.Background(), "stty", "-a", "-F", s.tty).CombinedOutput()
	if err != nil {
		s.t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

// A whole init by hand in tmux at 80 by 24, with a wrong PIN, a wrong share, a
// resize and a blank page, and a second ceremony that is stopped with ctrl+c in
// the middle. Afterwards the terminal is as it was, and no share is in tmux's
// history or in any file.
func TestTmux(t *testing.T) {
	t.Parallel()
	need.Tool(t, "softhsm")
	s := openTmux(t)
	dir := filepath.Join(t.TempDir(), "D")
	p := &people{t: t, s: s, shares: map[string]string{}, dir: dir, hooks: slips(t)}
	s.exit = filepath.Join(t.TempDir(), "none")
	p.sees("room$")
	before := s.settings()

	s.start("rehearse", "init", "-shares-on-screen", "-dir", dir)
	p.hold()
	if code := s.code(); code != 0 {
		t.Fatalf("init ended with %d:\n%s", code, s.text())
	}
	p.allDone(5)

	s.start("rehearse", "rekey", "-dir", dir)
	p.hooks = secondThoughts()
	p.hold()
	if code := s.code(); code != 3 {
		t.Errorf("a ceremony that was stopped ended with %d:\n%s", code, s.text())
	}
	p.allDone(5)

	p.sees("room$")
	if alt := strings.TrimSpace(s.run("display-message", "-p", "-t", "room", "#{alternate_on}")); alt != "0" {
		t.Errorf("the alternate screen is on: %s", alt)
	}
	if after := s.settings(); after != before {
		t.Errorf("the terminal's settings are not what they were:\n%s\nbefore\n%s", after, before)
	}
	history := s.history()
	if !strings.Contains(history, "The alarm went off.") {
		t.Fatalf("the history does not have what the program said last:\n%s", history)
	}
	for name, share := range p.shares {
		if holds([]byte(history), share) {
			t.Errorf("%s's share, or a part of it, is in tmux's history", name)
		}
	}
	nowhere(t, dir, p.shares)
	verified(t, dir, 2)
}
