package command

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"

	"conclave/assets/clean"
	"conclave/ceremony"
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
		Shortfalls: p.Shortfalls, Recorders: term.Sentences(term.Recorders(os.Getenv)), Terminal: terminal, Login: "typed",
		Circumstances: circumstanced(p.circumstances(os.DirFS("/"), os.Getenv)),
	}, nil
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
