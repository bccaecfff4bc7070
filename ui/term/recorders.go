package term

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Recorder is something that may keep what the terminal shows.
type Recorder struct {
	Name     string
	Sentence string // for the first page and the transcript
	// Refuse says that no real ceremony begins here: what is shown once would
	// be kept in a file, or in a history that nobody clears.
	Refuse bool
}

// Recorders looks for what may record this terminal: in the environment, as
// getenv reads it (os.Getenv), and among the processes that this one descends
// from. Nothing found is no proof: inside tmux or ssh the processes at the
// other end cannot be seen, and a camera never.
func Recorders(getenv func(string) string) []Recorder {
	return recorders(getenv, ancestors("/proc", os.Getpid()), altScreenOn(getenv))
}

// Sentences are the sentences of list.
func Sentences(list []Recorder) []string {
	var out []string
	for _, r := range list {
		out = append(out, r.Sentence)
	}
	return out
}

// Refusal returns nil, or why a real ceremony does not begin on this terminal
// unless somebody takes it upon himself.
func Refusal(list []Recorder) error {
	var why []string
	for _, r := range list {
		if r.Refuse {
			why = append(why, r.Sentence)
		}
	}
	if why == nil {
		return nil
	}
	return errors.New(strings.Join(why, " "))
}

func recorders(getenv func(string) string, parents []string, screenAlt bool) []Recorder {
	has := func(names ...string) bool {
		for _, p := range parents {
			for _, n := range names {
				if p == n || strings.HasPrefix(p, n+":") {
					return true
				}
			}
		}
		return false
	}
	var out []Recorder
	if has("script", "scriptlive") {
		out = append(out, Recorder{"script", "script(1) records this terminal into a file.", true})
	}
	if has("asciinema") || getenv("ASCIINEMA_REC") != "" {
		out = append(out, Recorder{"asciinema", "asciinema records this terminal into a file.", true})
	}
	if has("ttyrec") {
		out = append(out, Recorder{"ttyrec", "ttyrec records this terminal into a file.", true})
	}
	if has("screen") || getenv("STY") != "" {
		r := Recorder{"screen", "This terminal runs in GNU screen, which holds what it shows and lets others look.", false}
		if !screenAlt {
			r.Sentence = "This terminal runs in GNU screen, which keeps what was shown in its history unless altscreen is on in .screenrc."
			r.Refuse = true
		}
		out = append(out, r)
	}
	if has("tmux") || getenv("TMUX") != "" {
		out = append(out, Recorder{"tmux", "This terminal runs in tmux, whose server holds what it shows and lets others look.", false})
	}
	if has("sshd", "sshd-session", "mosh-server") || getenv("SSH_CONNECTION") != "" {
		out = append(out, Recorder{"ssh", "This terminal comes over the network: the computer at the other end sees what it shows and what is typed.", false})
	}
	if getenv("TERM") == "linux" {
		out = append(out, Recorder{"console", "This is the Linux console, whose text can be read from /dev/vcs by whoever may open it.", false})
	}
	return out
}

// ancestors are the names of the processes above pid, nearest first.
func ancestors(proc string, pid int) []string {
	var names []string
	for range 64 { // no chain is as long; a file that changes meanwhile ends it
		_, pid = process(proc, pid)
		if pid <= 1 {
			break
		}
		name, _ := process(proc, pid)
		if name == "" {
			break
		}
		names = append(names, name)
	}
	return names
}

// process reads the name and the parent of a process: "12 (tmux: server) S 1 …".
func process(proc string, pid int) (name string, parent int) {
	b, err := os.ReadFile(filepath.Join(proc, strconv.Itoa(pid), "stat"))
	if err != nil {
		return "", 0
	}
	s := string(b)
	i, j := strings.IndexByte(s, '('), strings.LastIndexByte(s, ')')
	if i < 0 || j < i {
		return "", 0
	}
	if f := strings.Fields(s[j+1:]); len(f) > 1 {
		parent, _ = strconv.Atoi(f[1])
	}
	return s[i+1 : j], parent
}

// altScreenOn tells whether GNU screen is set to keep the alternate screen
// apart, which it does not do unless told. A command may have changed it since;
// screen answers no question about it.
func altScreenOn(getenv func(string) string) bool {
	files := []string{"/etc/screenrc", getenv("SYSSCREENRC")}
	if rc := getenv("SCREENRC"); rc != "" {
		files = append(files, rc)
	} else if home := getenv("HOME"); home != "" {
		files = append(files, filepath.Join(home, ".screenrc"))
	}
	on := false
	for _, name := range files {
		if name == "" {
			continue
		}
		b, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(b)) {
			if f := strings.Fields(line); len(f) > 1 && f[0] == "altscreen" {
				on = f[1] == "on"
			}
		}
	}
	return on
}
