package command

import (
	"fmt"
	"io/fs"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"conclave/assets/clean"
	"conclave/ui/gpg"
	"conclave/ui/term"
)

// What a machine for ceremonies should be: off every network, used by nobody
// else, with a clock that somebody set, a terminal that shows all signs. sys is
// the root of the file system.
func aboutRoom(sys fs.FS, env func(string) string) []finding {
	list := []finding{aboutNetwork(net.Interfaces), aboutUsers(sys, os.Getuid()), aboutTracing(sys), aboutClock(), aboutLocale(env), aboutGPG(gpg.Find)}
	for _, s := range term.Displays(sys, env) {
		list = append(list, finding{"display", warning, s})
	}
	return list
}

func aboutNetwork(interfaces func() ([]net.Interface, error)) finding {
	all, err := interfaces()
	if err != nil {
		return finding{"network", warning, "the interfaces cannot be listed: " + err.Error()}
	}
	var up []string
	for _, i := range all {
		if i.Flags&net.FlagUp != 0 && i.Flags&net.FlagLoopback == 0 {
			up = append(up, clean.Clean(i.Name))
		}
	}
	if len(up) > 0 {
		return finding{"network", warning, strings.Join(up, ", ") + " is up: a ceremony needs no network but the HSM's own"}
	}
	return finding{"network", fine, "no interface is up"}
}

// aboutUsers looks for processes at terminals of other users: what they can see
// of this one is not known, but root among them sees all.
func aboutUsers(sys fs.FS, me int) finding {
	stats, err := fs.Glob(sys, "proc/[0-9]*/stat")
	if err != nil || len(stats) == 0 {
		return finding{"users", warning, "the processes cannot be listed"}
	}
	var others []string
	for _, name := range stats {
		b, err := fs.ReadFile(sys, name)
		info, e := fs.Stat(sys, name)
		if err != nil || e != nil {
			continue // it has ended
		}
		// After the name in brackets: state, parent, group, session, terminal.
		fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
		owner, ok := ownerOf(info)
		if len(fields) < 5 || fields[4] == "0" || !ok || owner == me {
			continue
		}
		if id := strconv.Itoa(owner); !slices.Contains(others, id) {
			others = append(others, id)
		}
	}
	if len(others) > 0 {
		slices.Sort(others)
		return finding{"users", warning, "others are at terminals of this machine: user " + strings.Join(others, ", ")}
	}
	return finding{"users", fine, "nobody else is at a terminal of this machine"}
}

func ownerOf(info fs.FileInfo) (int, bool) {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return int(s.Uid), true
}

// aboutTracing: this program refuses to be traced; the HSM's tools and gpg do
// not.
func aboutTracing(sys fs.FS) finding {
	b, err := fs.ReadFile(sys, "proc/sys/kernel/yama/ptrace_scope")
	switch text := strings.TrimSpace(string(b)); {
	case err != nil:
		return finding{"tracing", warning, "the kernel does not limit who traces whom (no Yama): conclave refuses it, gpg beside it does not"}
	case text == "0":
		return finding{"tracing", warning, "a user's processes may trace each other (kernel.yama.ptrace_scope = 0): conclave refuses it, gpg beside it does not"}
	}
	return finding{"tracing", fine, "only what started a process may trace it, or nobody"}
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
