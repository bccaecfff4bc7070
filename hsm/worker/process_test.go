//go:build cgo

package worker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"conclave/hsm/softhsm/need"
)

func TestMain(m *testing.M) {
	Child()
	os.Exit(m.Run())
}

const limit = 10 * time.Second

func startWorker(t *testing.T, env ...string) *Client {
	t.Helper()
	c, err := Start(env)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	// It has begun to serve once it answers: nothing is loaded yet.
	if _, err := c.Slots(t.Context(), limit); !errors.Is(err, errFrame) {
		t.Fatalf("asked before Load: %v", err)
	}
	return c
}

// TestProcess looks at the child as the kernel shows it.
func TestProcess(t *testing.T) {
	// A descriptor that somebody left open for children, and a secret variable.
	left, err := unix.Open("/dev/null", unix.O_RDONLY, 0) // no O_CLOEXEC
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(left) }()
	t.Setenv("BAO_HSM_PIN", "1234")
	c := startWorker(t, "SOFTHSM2_CONF=/nowhere")
	proc := fmt.Sprintf("/proc/%d", c.PID())

	if sid, err := unix.Getsid(c.PID()); err != nil || sid != c.PID() {
		t.Errorf("it belongs to session %d, %v", sid, err)
	}
	cmdline, err := os.ReadFile(proc + "/cmdline")
	if err != nil || string(cmdline) != marker+"\x00" {
		t.Errorf("its command line is %q, %v", cmdline, err)
	}
	limits, err := os.ReadFile(proc + "/limits")
	if err != nil || !regexp.MustCompile(`Max core file size +0 +0 `).Match(limits) {
		t.Errorf("it may dump core: %v\n%s", err, limits)
	}
	status, err := os.ReadFile(proc + "/status")
	if err != nil || !strings.Contains(string(status), "NoNewPrivs:\t1") {
		t.Errorf("it did not harden itself: %v\n%s", err, status)
	}
	need.Tool(t, "root") // the rest is hidden from the same user: it is not dumpable
	environ, err := os.ReadFile(proc + "/environ")
	if err != nil || strings.Contains(string(environ), "1234") || !strings.Contains(string(environ), "SOFTHSM2_CONF=/nowhere") {
		t.Errorf("its environment is %q, %v", environ, err)
	}
	links, err := filepath.Glob(proc + "/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range links {
		to, err := os.Readlink(l)
		if err != nil {
			continue // closed in the meantime
		}
		n := filepath.Base(l)
		switch {
		case n <= "2" && to == "/dev/null", n == "3" && strings.HasPrefix(to, "socket:"), strings.HasPrefix(to, "anon_inode:"), strings.HasPrefix(to, "/sys/fs/cgroup/"): // the last are its own runtime's
		default:
			t.Errorf("descriptor %s is %s", n, to)
		}
	}
}

// TestBadFrames: the child ends at the first frame that is none.
func TestBadFrames(t *testing.T) {
	for name, ruin := range map[string]func([]byte){
		"oversized": func(f []byte) { f[16] = 1 },
		"magic":     func(f []byte) { f[0] = 'X' },
	} {
		c := startWorker(t)
		f := frameOf(head{op: opSlots, id: 1}, nil)
		ruin(f)
		if _, err := c.conn.Write(f); err != nil {
			t.Fatal(err)
		}
		<-c.ended
		var ended *EndedError
		if _, err := c.Slots(t.Context(), limit); !errors.As(err, &ended) || ended.How != "exit status 2" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestBadRequests: frames that cannot be served are refused, and the child
// lives on.
func TestBadRequests(t *testing.T) {
	c := startWorker(t)
	for o := range op(40) {
		if o == opClose || o == opLoad {
			continue
		}
		for _, fill := range []func(*packer){nil, func(p *packer) { p.bytes(make([]byte, 100)) }, func(p *packer) { p.num(1 << 63); p.num(1 << 63); p.num(1 << 63) }} {
			err := c.do(t.Context(), limit, o, fill, nil)
			if !errors.Is(err, errFrame) && !errors.Is(err, ErrNotLoggedIn) {
				t.Errorf("op %d: %v", o, err)
			}
		}
	}
	var load *LoadError
	if _, err := c.Load(t.Context(), limit, "/no/such/library"); !errors.As(err, &load) {
		t.Errorf("after all of it: %v", err)
	}
	if err := c.do(t.Context(), limit, opLogin, func(p *packer) { p.bytes(make([]byte, maxBody)) }, nil); !errors.Is(err, ErrTooLong) {
		t.Errorf("too long: %v", err)
	}
}

// TestStopped: a child that does not answer is killed when the time is over,
// also if the caller gave up before.
func TestStopped(t *testing.T) {
	c := startWorker(t)
	if err := syscall.Kill(c.PID(), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	if _, err := c.Slots(ctx, 200*time.Millisecond); !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}
	<-c.ended
	if err := c.Dead(); !errors.Is(err, ErrTimeout) {
		t.Errorf("it ended because %v", err)
	}
}

// TestOrphan: the child ends by itself when nothing more can come.
func TestOrphan(t *testing.T) {
	c := startWorker(t)
	raw, err := c.conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Control(func(fd uintptr) { err = unix.Shutdown(int(fd), unix.SHUT_WR) }); err != nil {
		t.Fatal(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	<-c.ended
	if err := c.Dead(); err == nil || !strings.Contains(err.Error(), "exit status 0") {
		t.Errorf("it ended because %v", err)
	}
}
