//go:build cgo

package hsm_test

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"conclave/hsm"
	"conclave/hsm/secret"
	"conclave/hsm/softhsm/need"
)

// openCryptoki has one soft token a machine, in fixed places, and a daemon. These
// tests must not touch one that is there: the whole test process begins again in
// namespaces of its own, where each test sees these places empty.

// openCryptokiPlaces are where the daemon and the library keep things.
var openCryptokiPlaces = []string{"/run", "/dev/shm", "/var/lib/opencryptoki", "/var/log"}

// openCryptokiDirs must be there before the daemon starts.
var openCryptokiDirs = []string{"/var/lib/opencryptoki/swtok/TOK_OBJ", "/run/lock/opencryptoki/swtok"}

const aside = "CONCLAVE_TEST_ASIDE"

// stepAside is for TestMain. It returns in the new process, or where no test
// needs it.
func stepAside() {
	if os.Getenv(aside) != "" || !need.Required("opencryptoki") || os.Geteuid() != 0 {
		return
	}
	runtime.LockOSThread() // the namespaces are the thread's, and exec keeps those of its thread
	err := unix.Unshare(unix.CLONE_NEWNS | unix.CLONE_NEWIPC)
	if err == nil {
		err = unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
	}
	if err == nil {
		err = syscall.Exec("/proc/self/exe", os.Args, append(os.Environ(), aside+"=1"))
	}
	fmt.Fprintf(os.Stderr, "making namespaces for openCryptoki: %v\n", err)
	os.Exit(1)
}

// openCryptoki is the daemon over an empty store.
type openCryptoki struct {
	*testing.T
	cmd *exec.Cmd
}

// newOpenCryptoki makes the soft token, called "ceremony", and returns a
// configuration for it.
func newOpenCryptoki(t *testing.T) (*openCryptoki, hsm.Config) {
	t.Helper()
	need.Tool(t, "root")
	cfg := hsm.Config{Lib: need.Tool(t, "opencryptoki"), TokenLabel: "ceremony", KeyLabel: "vault", KeyID: "01"}
	if os.Getenv(aside) == "" {
		t.Fatal("TestMain did not call stepAside")
	}
	for _, p := range openCryptokiPlaces {
		if err := unix.Mount("tmpfs", p, "tmpfs", 0, "mode=0755"); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = unix.Unmount(p, unix.MNT_DETACH) })
	}
	for _, dir := range openCryptokiDirs {
		if err := os.MkdirAll(dir, 0o770); err != nil {
			t.Fatal(err)
		}
	}
	d := &openCryptoki{T: t}
	d.start()
	t.Cleanup(d.kill)
	w := load(t, cfg)
	officer, p := pin("87654321"), pin(testPIN) // the first is the one that it comes with
	defer secret.WipeAll([]secret.Bytes{officer, p})
	if err := w.InitToken(t.Context(), limit, 3, cfg.TokenLabel, officer, p); err != nil {
		t.Fatal(err)
	}
	return d, cfg
}

func (d *openCryptoki) start() {
	d.Helper()
	d.cmd = exec.Command("pkcsslotd", "-f") //nolint:noctx // kill ends it
	if err := d.cmd.Start(); err != nil {
		d.Fatal(err)
	}
	eventually(d.T, "pkcsslotd listens", func() bool {
		_, err := os.Stat("/run/pkcsslotd.socket")
		return err == nil
	})
}

func (d *openCryptoki) kill() {
	_ = d.cmd.Process.Kill()
	_ = d.cmd.Wait()
	_ = os.Remove("/run/pkcsslotd.socket")
}
