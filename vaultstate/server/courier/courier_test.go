package courier

import (
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"conclave/hsm/secret"
	"conclave/hsm/softhsm/need"
	"conclave/vaultstate"
	"conclave/vaultstate/server"
	"conclave/vaultstate/server/servertest"
)

// lacksOf has this binary print what it lacks, hardened or plain.
const lacksOf = "courier-test-lacks"

func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == lacksOf {
		runtime.LockOSThread()
		if os.Args[2] == "hardened" {
			secret.Harden()
		}
		fmt.Print(lacks())
		os.Exit(0)
	}
	Child() // which hardens the child: nothing else does
	if len(os.Args) == 7 && os.Args[1] == "courier-test-parent" {
		helper(os.Args[2], os.Args[3], os.Args[4], os.Args[5], os.Args[6])
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// helper is what this binary is where TestLeavesNothing starts it: see there.
var helper func(how, plain, tls, ca, cert string)

const canary = "canary-of-a-share-canary-of-a-share"

func get(address string) server.Request {
	return server.Request{Target: server.Target{Address: address, Timeout: 10 * time.Second}, Method: "GET", Path: "sys/seal-status"}
}

// TestSend: what comes back is what the sender of this process gets.
func TestSend(t *testing.T) {
	f := servertest.New(t, servertest.Dialects[0])
	for _, q := range []server.Request{get(f.URL), {Target: get(f.URL).Target, Method: "PUT", Path: "sys/unseal",
		Token: secret.Take([]byte("hvs.token")), Body: secret.Take([]byte(`{"key":"` + canary + `"}`))}} {
		want, err := server.Send(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Send(t.Context(), q)
		if err != nil || got.Status != want.Status || !bytes.Equal(got.Body.Expose(), want.Body.Expose()) {
			t.Errorf("%s: %d %s, %v; want %d %s", q.Path, got.Status, got.Body.Expose(), err, want.Status, want.Body.Expose())
		}
	}
	if f.Shares != 2 {
		t.Errorf("%d shares arrived", f.Shares)
	}
}

// TestPin: another certificate is told as what it is.
func TestPin(t *testing.T) {
	f := servertest.NewTLS(t, servertest.Dialects[0])
	q := get(f.URL)
	q.Target.CA = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: f.Certificate().Raw})
	a, err := Send(t.Context(), q)
	if err != nil || a.Pin == (vaultstate.Digest{}) {
		t.Fatalf("%+v, %v", a, err)
	}
	q.Target.Pin = a.Pin
	if _, err := Send(t.Context(), q); err != nil {
		t.Error(err)
	}
	q.Target.Pin[0] ^= 1
	if _, err := Send(t.Context(), q); !errors.Is(err, server.ErrPinned) {
		t.Errorf("another certificate: %v", err)
	}
}

// waiting has a request wait at the server, and calls look with its child.
func waiting(t *testing.T, look func(pid int)) {
	t.Helper()
	f := servertest.New(t, servertest.Dialects[0])
	arrived, goOn := make(chan bool), make(chan bool)
	f.Before = func(string) { arrived <- true; <-goOn }
	c, err := start(os.Environ())
	if err != nil {
		t.Fatal(err)
	}
	defer c.end()
	done := make(chan error, 1)
	go func() {
		q := get(f.URL)
		q.Method, q.Path, q.Body = "PUT", "sys/unseal", secret.Take([]byte(`{"key":"`+canary+`"}`))
		_, err := c.exchange(q)
		done <- err
	}()
	select {
	case <-arrived:
	case err := <-done:
		t.Fatalf("nothing arrived: %v", err)
	}
	func() {
		defer close(goOn) // also where look ends the test
		look(c.cmd.Process.Pid)
	}()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestProcess looks at the child as the kernel shows it, while it waits for the
// answer to a share.
func TestProcess(t *testing.T) {
	left, err := unix.Open("/dev/null", unix.O_RDONLY, 0) // no O_CLOEXEC: somebody left it for children
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(left) }()
	for name, value := range map[string]string{"VAULT_TOKEN": canary, "HTTPS_PROXY": "http://nobody", "BAO_ADDR": "http://nobody", "SSL_CERT_DIR": "/nowhere"} {
		t.Setenv(name, value)
	}
	t.Setenv("SSL_CERT_FILE", "") // to have it back afterwards
	if err := os.Unsetenv("SSL_CERT_FILE"); err != nil {
		t.Fatal(err)
	}
	waiting(t, func(pid int) {
		proc := fmt.Sprintf("/proc/%d", pid)
		if sid, err := unix.Getsid(pid); err != nil || sid != pid {
			t.Errorf("it belongs to session %d, %v", sid, err)
		}
		if cmdline, err := os.ReadFile(proc + "/cmdline"); err != nil || string(cmdline) != marker+"\x00" {
			t.Errorf("its command line is %q, %v", cmdline, err)
		}
		status, err := os.ReadFile(proc + "/status")
		if err != nil || !strings.Contains(string(status), "NoNewPrivs:\t1") {
			t.Errorf("it did not harden itself: %v\n%s", err, status)
		}
		need.Tool(t, "root") // the rest is hidden from the same user
		environ, err := os.ReadFile(proc + "/environ")
		if want := "PATH=/nonexistent\x00SSL_CERT_DIR=/nowhere\x00"; err != nil || string(environ) != want {
			t.Errorf("its environment is %q, %v", environ, err)
		}
		links, err := filepath.Glob(proc + "/fd/*")
		if err != nil || len(links) < 4 {
			t.Fatal(links, err)
		}
		for _, l := range links {
			to, err := os.Readlink(l)
			n := filepath.Base(l)
			if err != nil || n <= "2" && to == "/dev/null" || strings.HasPrefix(to, "socket:") || strings.HasPrefix(to, "anon_inode:") ||
				strings.HasPrefix(to, "/sys/fs/cgroup/") || strings.Contains(to, "secretmem") {
				continue
			}
			t.Errorf("descriptor %s is %s", n, to)
		}
	})
}

// TestHidden: another process of the same user can neither read nor trace the
// child, which it could if the child were not hardened.
func TestHidden(t *testing.T) {
	if os.Getuid() == 0 { // root may do everything: be somebody else
		cmd := exec.Command("/proc/self/exe", "-test.run", "^TestHidden$", "-test.v") //nolint:noctx // it ends by itself
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "TMPDIR=/tmp", "HOME=/nonexistent"}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		out, err := cmd.CombinedOutput()
		if err != nil || !bytes.Contains(out, []byte("--- PASS: TestHidden")) {
			t.Errorf("as nobody: %v\n%s", err, out)
		}
		return
	}
	open := exec.Command("/bin/sleep", "60") //nolint:noctx // killed below
	if err := open.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = open.Process.Kill(); _ = open.Wait() }()
	if f, err := os.Open(fmt.Sprintf("/proc/%d/mem", open.Process.Pid)); err != nil {
		t.Fatalf("this test shows nothing here: not even a process that is not hardened can be read: %v", err)
	} else {
		_ = f.Close()
	}
	waiting(t, func(pid int) {
		for _, name := range []string{"mem", "environ", "maps"} {
			if f, err := os.Open(fmt.Sprintf("/proc/%d/%s", pid, name)); err == nil {
				_ = f.Close()
				t.Errorf("/proc/%d/%s can be opened", pid, name)
			}
		}
		if err := unix.PtraceAttach(pid); !errors.Is(err, unix.EPERM) {
			t.Errorf("tracing it: %v", err)
			_ = unix.PtraceDetach(pid)
		}
	})
}

// TestEnds: a child that is killed, and one whose time is up, are errors that do
// not say whether the request arrived.
func TestEnds(t *testing.T) {
	f := servertest.New(t, servertest.Dialects[0])
	arrived := make(chan bool, 2)
	goOn := make(chan bool)
	defer close(goOn)
	f.Before = func(string) { arrived <- true; <-goOn }
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-arrived; cancel() }()
	began := time.Now()
	if _, err := Send(ctx, get(f.URL)); !errors.Is(err, context.Canceled) || time.Since(began) > 5*time.Second {
		t.Errorf("after %v: %v", time.Since(began), err)
	}
	c, err := start(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.end()
	if err := c.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.exchange(get(f.URL)); err == nil {
		t.Error("a child that was killed gave an answer")
	}
}

// BenchmarkSend is what a process costs.
func BenchmarkSend(b *testing.B) {
	f := servertest.New(b, servertest.Dialects[0])
	for name, send := range map[string]server.Sender{"here": server.Send, "courier": Send} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				a, err := send(b.Context(), get(f.URL))
				if err != nil {
					b.Fatal(err)
				}
				a.Body.Wipe()
			}
		})
	}
}
