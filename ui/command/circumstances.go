package command

import (
	"io/fs"
	"net"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"conclave/assets/clean"
	"conclave/ceremony"
	"conclave/ceremony/plan"
	"conclave/ui/term"
)

// circumstances are what a machine for ceremonies stands in, as doctor says it
// before the day, and page and record on the day: it should be off every network,
// used by nobody else, and no guest of another machine. sys is the root of the file
// system. What records the terminal, ssh and tmux among it, is term.Recorders.
func (p *Process) circumstances(sys fs.FS, env func(string) string) []finding {
	list := []finding{aboutNetwork(p.up), aboutUsers(sys, os.Getuid()), aboutSessions(sys), aboutVirtual(sys), aboutTracing(sys)}
	seen := term.Displays(sys, env)
	for _, s := range seen {
		list = append(list, finding{"display", warning, s})
	}
	if len(seen) == 0 {
		list = append(list, finding{"display", fine, "no second screen and no graphical session was seen"})
	}
	return list
}

// circumstanced has the circumstances for page and record.
func circumstanced(list []finding) []ceremony.Circumstance {
	var out []ceremony.Circumstance
	for _, f := range list {
		out = append(out, ceremony.Circumstance{What: f.what, Text: f.text, Unusual: f.level != fine})
	}
	return out
}

// up are the network interfaces that are up.
func (p *Process) up() ([]string, error) {
	if p.Network != nil {
		return interfacesUp(p.Network)
	}
	return interfacesUp(net.Interfaces)
}

// offline refuses, before a record begins, what a plan says is not to be.
func (p *Process) offline(agreed *plan.Plan) error {
	if !agreed.Offline {
		return nil
	}
	up, err := p.up()
	switch {
	case err != nil:
		return failed("The plan says offline, and the network interfaces cannot be listed (%v). Nothing was touched; hold it on a machine that shows them, or take offline out of the plan.", err)
	case len(up) > 0:
		return failed("The plan says offline, and %s is up. Nothing was touched; take out the cable or turn the interface off, and think of what came over it.", strings.Join(up, ", "))
	}
	return nil
}

// interfacesUp are the network interfaces that are up, but for the loopback.
func interfacesUp(interfaces func() ([]net.Interface, error)) ([]string, error) {
	all, err := interfaces()
	var up []string
	for _, i := range all {
		if i.Flags&net.FlagUp != 0 && i.Flags&net.FlagLoopback == 0 {
			up = append(up, clean.Clean(i.Name))
		}
	}
	return up, err
}

func aboutNetwork(interfaces func() ([]string, error)) finding {
	up, err := interfaces()
	if err != nil {
		return finding{"network", warning, "the interfaces cannot be listed: " + err.Error()}
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

// aboutSessions says who is logged in, as far as logind knows it.
func aboutSessions(sys fs.FS) finding {
	names, _ := fs.Glob(sys, "run/systemd/sessions/*") // the pattern is right
	var list []string
	for _, name := range names {
		b, err := fs.ReadFile(sys, name)
		if err != nil || path.Ext(name) != "" { // a pipe beside the file
			continue
		}
		said := map[string]string{}
		for line := range strings.Lines(string(b)) {
			key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
			said[key] = clean.Clean(value)
		}
		switch at := said["TTY"]; {
		case said["CLASS"] != "user":
		case said["REMOTE_HOST"] != "":
			list = append(list, said["USER"]+" from "+said["REMOTE_HOST"])
		case at != "":
			list = append(list, said["USER"]+" at "+at)
		default:
			list = append(list, said["USER"])
		}
	}
	slices.Sort(list)
	switch len(list) {
	case 0:
		return finding{"logged in", fine, "no session is known (no logind, or nobody by it)"}
	case 1:
		return finding{"logged in", fine, list[0]}
	}
	return finding{"logged in", warning, strings.Join(list, ", ")}
}

// guests are in the names that virtual machines give themselves.
var guests = []string{"KVM", "QEMU", "VMware", "VirtualBox", "Virtual Machine", "Xen", "Bochs", "Parallels", "Amazon EC2", "Google Compute"}

// aboutVirtual says whether this is a virtual machine, as far as it tells: whoever
// runs its host sees its memory.
func aboutVirtual(sys fs.FS) finding {
	var names []string
	for _, name := range []string{"sys_vendor", "product_name"} {
		if b, err := fs.ReadFile(sys, "sys/class/dmi/id/"+name); err == nil && strings.TrimSpace(string(b)) != "" {
			names = append(names, clean.Clean(strings.TrimSpace(string(b))))
		}
	}
	text := strings.Join(names, ", ")
	cpu, err := fs.ReadFile(sys, "proc/cpuinfo")
	guest := slices.Contains(strings.Fields(string(cpu)), "hypervisor")
	for _, g := range guests {
		guest = guest || strings.Contains(text, g)
	}
	if text == "" {
		text = "it gives itself no name"
	}
	switch {
	case guest:
		return finding{"virtual", warning, "this is a virtual machine (" + text + "): whoever runs its host sees its memory"}
	case err != nil:
		return finding{"virtual", warning, "whether this is a virtual machine cannot be read"}
	}
	return finding{"virtual", fine, "not known to be a virtual machine (" + text + ")"}
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
