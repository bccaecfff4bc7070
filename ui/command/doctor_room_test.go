package command

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"conclave/ui/gpg"
)

// TestDoctorRoom: what a machine for ceremonies should not have is a warning,
// and what it should have is not.
func TestDoctorRoom(t *testing.T) {
	process := func(uid uint32, tty string) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte("7 (a ) b) S 1 7 7 " + tty + " 7 0"), Sys: &syscall.Stat_t{Uid: uid}}
	}
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	interfaces := func(err error, list ...net.Interface) func() ([]string, error) {
		return (&Process{Network: func() ([]net.Interface, error) { return list, err }}).up
	}
	env := func(pairs ...string) func(string) string {
		return func(name string) string {
			for _, p := range pairs {
				if n, v, _ := strings.Cut(p, "="); n == name {
					return v
				}
			}
			return ""
		}
	}
	const (
		scope   = "proc/sys/kernel/yama/ptrace_scope"
		cpu     = "proc/cpuinfo"
		vendor  = "sys/class/dmi/id/sys_vendor"
		product = "sys/class/dmi/id/product_name"
		session = "run/systemd/sessions/"
	)
	lo := net.Interface{Name: "lo", Flags: net.FlagUp | net.FlagLoopback}
	for name, c := range map[string]struct {
		got   finding
		level string
		says  string
	}{
		"no network":         {aboutNetwork(interfaces(nil, lo, net.Interface{Name: "eth0"})), fine, "no interface"},
		"network":            {aboutNetwork(interfaces(nil, lo, net.Interface{Name: "wlan0\x1b[2J", Flags: net.FlagUp})), warning, "wlan0"},
		"network unknown":    {aboutNetwork(interfaces(errors.New("no"))), warning, "cannot be listed"},
		"alone":              {aboutUsers(fstest.MapFS{"proc/7/stat": process(1000, "34816"), "proc/8/stat": process(0, "0")}, 1000), fine, "nobody else"},
		"somebody else":      {aboutUsers(fstest.MapFS{"proc/7/stat": process(1000, "34816"), "proc/8/stat": process(1001, "34817")}, 1000), warning, "user 1001"},
		"no processes":       {aboutUsers(fstest.MapFS{}, 1000), warning, "cannot be listed"},
		"no virtual machine": {aboutVirtual(fstest.MapFS{cpu: file("flags\t: fpu vme\n"), product: file("ThinkPad\n")}), fine, "ThinkPad"},
		"virtual machine":    {aboutVirtual(fstest.MapFS{cpu: file("flags\t: fpu hypervisor\n"), vendor: file("QEMU\n"), product: file("Standard\x1b[2J PC\n")}), warning, "QEMU, Standard"},
		"virtual, by name":   {aboutVirtual(fstest.MapFS{cpu: file("Features\t: fp asimd\n"), product: file("KVM Virtual Machine\n")}), warning, "KVM"},
		"virtual unknown":    {aboutVirtual(fstest.MapFS{}), warning, "cannot be read"},
		"nobody logged in":   {aboutSessions(fstest.MapFS{}), fine, "no session"},
		"one session":        {aboutSessions(fstest.MapFS{session + "1": file("UID=1000\nUSER=olga\nCLASS=user\nTTY=tty2\n"), session + "c1": file("USER=gdm\nCLASS=greeter\n")}), fine, "olga at tty2"},
		"two sessions": {aboutSessions(fstest.MapFS{session + "1": file("USER=olga\nCLASS=user\nTTY=tty2\n"), session + "2": file("USER=root\nCLASS=user\nREMOTE=1\nREMOTE_HOST=10.0.0.7\n")}),
			warning, "olga at tty2, root from 10.0.0.7"},
		"tracing":          {aboutTracing(fstest.MapFS{scope: file("0\n")}), warning, "may trace each other"},
		"tracing limited":  {aboutTracing(fstest.MapFS{scope: file("1\n")}), fine, ""},
		"tracing unknown":  {aboutTracing(fstest.MapFS{}), warning, "no Yama"},
		"UTF-8":            {aboutLocale(env("LANG=de_DE.utf8")), fine, "LANG=de_DE.utf8"},
		"another charset":  {aboutLocale(env("LC_ALL=C", "LANG=C.UTF-8")), warning, "LC_ALL=C is not"},
		"no locale":        {aboutLocale(env()), warning, "none is set"},
		"gpg":              {aboutGPG(func() (gpg.Tool, error) { return gpg.Tool{Path: "/usr/bin/gpg", SHA256: "ab"}, nil }), fine, "/usr/bin/gpg"},
		"no gpg":           {aboutGPG(func() (gpg.Tool, error) { return gpg.Tool{}, errors.New("it is not there") }), warning, "it is not there"},
		"storage not read": {aboutOwner(filepath.Join(t.TempDir(), "none"), os.Geteuid()), todo, "no such file"},
		"owner":            {owned(t, 0o700, os.Geteuid()), fine, "only its owner"},
		"another's":        {owned(t, 0o750, os.Geteuid()+1), warning, "this runs as user"},
		"group writes":     {owned(t, 0o770, os.Geteuid()), warning, "may write"},
		"everybody reads":  {owned(t, 0o705, os.Geteuid()), warning, "may read"},
	} {
		if c.got.level != c.level || !strings.Contains(c.got.text, c.says) {
			t.Errorf("%s: %+v", name, c.got)
		}
	}
	if c := aboutClock(); c.what != "clock" || c.level == todo {
		t.Errorf("the clock: %+v", c)
	}
}

func owned(t *testing.T, mode fs.FileMode, me int) finding {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, mode); err != nil {
		t.Fatal(err)
	}
	return aboutOwner(dir, me)
}
