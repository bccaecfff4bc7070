package command

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"conclave/assets/clean"
	"conclave/ceremony"
	"conclave/ceremony/plan"
	"conclave/hsm/secret"
	"conclave/ui/term"
)

// machine is what is known of this program and this computer.
func (p *Process) machine(terminal string) (ceremony.Machine, error) {
	own, err := ownSHA256()
	if err != nil {
		return ceremony.Machine{}, err
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return ceremony.Machine{
		Program: "conclave " + version(), SelfSHA256: own, OS: system(), Host: clean.Clean(host), Memory: secret.Memory(),
		Shortfalls: p.Shortfalls, Recorders: term.Sentences(p.seen()), Terminal: terminal, Login: "typed",
		Circumstances: circumstanced(p.circumstances(os.DirFS("/"), os.Getenv)),
	}, nil
}

// seen is what may record this terminal.
func (p *Process) seen() []term.Recorder {
	if p.recorders != nil {
		return p.recorders()
	}
	return term.Recorders(os.Getenv)
}

// ofTheMachine are the overrides that this machine, and the way its terminal is
// reached, are in a real ceremony. What keeps the screen's history is left to
// -allow-recorder.
func ofTheMachine(seen []term.Recorder, shortfalls []string) []plan.Override {
	var list []plan.Override
	ids := map[string]string{"ssh": plan.OverSSH, "tmux": plan.InMultiplexer, "screen": plan.InMultiplexer}
	for _, r := range seen {
		id, ok := ids[r.Name]
		if !ok || r.Refuse {
			continue
		}
		if i := slices.IndexFunc(list, func(o plan.Override) bool { return o.ID == id }); i >= 0 {
			list[i].Sentence += " " + r.Sentence
			continue
		}
		list = append(list, plan.Override{ID: id, Sentence: r.Sentence})
	}
	if slices.Contains(shortfalls, secret.SwapOn) {
		list = append(list, plan.Override{ID: plan.SwapOn, Sentence: secret.SwapOn})
	}
	return list
}

// system names the operating system and its kernel.
func system() string {
	name := runtime.GOOS
	release, err := filepath.EvalSymlinks("/etc/os-release") // on most systems a link
	if err != nil {
		release = "/usr/lib/os-release"
	}
	if b, _, err := readFile(release, maxPIN); err == nil {
		for line := range strings.Lines(string(b)) {
			if v, ok := strings.CutPrefix(strings.TrimSpace(line), "PRETTY_NAME="); ok {
				name = strings.Trim(v, `"`)
			}
		}
	}
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		name += ", Linux " + unix.ByteSliceToString(u.Release[:])
	}
	return clean.Clean(name + ", " + runtime.GOARCH)
}
