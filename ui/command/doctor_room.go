package command

import (
	"fmt"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"conclave/assets/clean"
	"conclave/ui/gpg"
)

// aboutRoom is what a machine for ceremonies should be, besides its
// circumstances: with a clock that somebody set, a terminal that shows all signs.
// sys is the root of the file system.
func (p *Process) aboutRoom(sys fs.FS, env func(string) string) []finding {
	return append(p.circumstances(sys, env), aboutClock(), aboutLocale(env), aboutGPG(gpg.Find))
}

// aboutLocale: without UTF-8 signs and QR codes are shown in other ways.
func aboutLocale(env func(string) string) finding {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		value := env(name)
		if value == "" {
			continue
		}
		if up := strings.ToUpper(value); strings.Contains(up, "UTF-8") || strings.Contains(up, "UTF8") {
			return finding{"locale", fine, name + "=" + clean.Clean(value)}
		}
		return finding{"locale", warning, name + "=" + clean.Clean(value) + " is not UTF-8: letters stand for signs, and there are no QR codes"}
	}
	return finding{"locale", warning, "none is set: letters stand for signs, and there are no QR codes; set LANG=C.UTF-8"}
}

func aboutGPG(find func() (gpg.Tool, error)) finding {
	tool, err := find()
	if err != nil {
		return finding{"gpg", warning, "custodians cannot decrypt on this machine: " + err.Error()}
	}
	return finding{"gpg", fine, fmt.Sprintf("%s, SHA-256 %s; it starts its agent when a key is used", clean.Clean(tool.Path), tool.SHA256)}
}

// timeError is adjtimex(2)'s TIME_ERROR: the clock is not synchronised.
const timeError = 5

// aboutClock asks the kernel whether something keeps its clock right.
func aboutClock() finding {
	var t unix.Timex
	if state, err := unix.Adjtimex(&t); err != nil || state == timeError {
		return finding{"clock", warning, "the kernel does not call its clock synchronised: the ceremony compares it with two watches"}
	}
	return finding{"clock", fine, "the kernel calls its clock synchronised; the ceremony compares it with two watches"}
}

// aboutOwner: whoever can write the storage can put an older state back.
func aboutOwner(dir string, me int) finding {
	info, err := os.Stat(dir)
	if err != nil {
		return finding{"storage", todo, err.Error()}
	}
	owner, _ := ownerOf(info)
	switch mode := info.Mode().Perm(); {
	case mode&0o022 != 0:
		return finding{"storage", warning, fmt.Sprintf("others than its owner may write into it (mode %04o): whoever can, can put an older state there", mode)}
	case mode&0o005 != 0:
		return finding{"storage", warning, fmt.Sprintf("everybody may read it (mode %04o): with the HSM and its PIN that is all that a thief needs", mode)}
	case owner != me:
		return finding{"storage", warning, fmt.Sprintf("it belongs to user %d, and this runs as user %d", owner, me)}
	}
	return finding{"storage", fine, "only its owner may read and write it"}
}
