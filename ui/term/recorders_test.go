package term

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"conclave/hsm/softhsm/need"
)

func TestRecorders(t *testing.T) {
	for _, tc := range []struct {
		name    string
		env     []string
		parents []string
		alt     bool
		want    []string
		refused bool
	}{
		{"nothing", nil, []string{"bash", "login"}, false, nil, false},
		{"script", nil, []string{"bash", "script", "bash", "xterm"}, false, []string{"script"}, true},
		{"a name that begins alike", nil, []string{"scripted", "screener"}, false, nil, false},
		{"asciinema by its variable", []string{"ASCIINEMA_REC=1"}, []string{"bash"}, false, []string{"asciinema"}, true},
		{"asciinema by its process", nil, []string{"sh", "asciinema", "bash"}, false, []string{"asciinema"}, true},
		{"tmux by its variable", []string{"TMUX=/tmp/t,1,0"}, []string{"bash"}, false, []string{"tmux"}, false},
		{"tmux by its process", nil, []string{"bash", "tmux: server"}, false, []string{"tmux"}, false},
		{"screen", []string{"STY=1.tty"}, []string{"bash", "screen"}, false, []string{"screen"}, true},
		{"screen with altscreen on", []string{"STY=1.tty"}, []string{"bash", "screen"}, true, []string{"screen"}, false},
		{"ssh", []string{"SSH_CONNECTION=1 2 3 4"}, nil, false, []string{"ssh"}, false},
		{"ssh by its process", nil, []string{"bash", "sshd"}, false, []string{"ssh"}, false},
		{"console", []string{"TERM=linux"}, nil, false, []string{"console"}, false},
		{"all", []string{"TMUX=x", "SSH_CONNECTION=x"}, []string{"script"}, false, []string{"script", "tmux", "ssh"}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			list := recorders(env(tc.env...), tc.parents, tc.alt)
			var got []string
			for i, r := range list {
				got = append(got, r.Name)
				if s := Sentences(list)[i]; s == "" || !strings.HasSuffix(s, ".") {
					t.Errorf("%s: %q is no sentence", r.Name, s)
				}
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("found %q, want %q", got, tc.want)
			}
			if err := Refusal(list); (err != nil) != tc.refused {
				t.Errorf("refused: %v, want %v", err, tc.refused)
			}
		})
	}
}

func TestAncestors(t *testing.T) {
	proc := t.TempDir()
	for pid, stat := range map[int]string{
		40: "40 (conclave) S 30 40 40 0",
		30: "30 (a (b) c) S 20 30 30 0",
		20: "20 (tmux: server) S 1 20 20 0",
		1:  "1 (init) S 0 1 1 0",
		50: "50 (loop) S 50 1 1 0",
		60: "broken",
		70: "70 (orphan) S 71",
	} {
		dir := filepath.Join(proc, fmt.Sprint(pid))
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "stat"), []byte(stat), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got := ancestors(proc, 40); !slices.Equal(got, []string{"a (b) c", "tmux: server"}) {
		t.Errorf("the chain is %q", got)
	}
	if got := ancestors(proc, 50); len(got) > 64 {
		t.Errorf("a chain of %d", len(got))
	}
	for _, pid := range []int{60, 70, 99} {
		if got := ancestors(proc, pid); len(got) != 0 {
			t.Errorf("%d: the chain is %q", pid, got)
		}
	}
}

func TestAltScreenOn(t *testing.T) {
	for _, tc := range []struct {
		rc   string
		want bool
	}{
		{"", false},
		{"startup_message off\naltscreen on\n", true},
		{"altscreen on\naltscreen off\n", false},
		{"# altscreen on\n", false},
		{"altscreen\n", false},
	} {
		rc := filepath.Join(t.TempDir(), "rc")
		if err := os.WriteFile(rc, []byte(tc.rc), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := altScreenOn(env("SCREENRC=" + rc)); got != tc.want {
			t.Errorf("altScreenOn(%q) = %v", tc.rc, got)
		}
	}
	if altScreenOn(env("HOME="+t.TempDir(), "SYSSCREENRC=/nonexistent")) {
		t.Error("altscreen is on without any file")
	}
}

// script(1) sets no variable: only the chain of processes gives it away.
func TestScriptIsSeen(t *testing.T) {
	if os.Getenv("TERM_TEST_RECORDERS") != "" {
		fmt.Println("SEEN", Refusal(Recorders(os.Getenv)))
		return
	}
	script := need.Tool(t, "script")
	me, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	x := openQuiet(t)
	cmd := exec.CommandContext(t.Context(), script, "-qec", me+" -test.run=^TestScriptIsSeen$", filepath.Join(t.TempDir(), "typescript"))
	cmd.Env = append(os.Environ(), "TERM_TEST_RECORDERS=1")
	cmd.Stdin = x.near // a stdin that ends makes script spin
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if !strings.Contains(string(out), "SEEN script(1) records this terminal") {
		t.Errorf("script was not seen: %q", out)
	}
}
