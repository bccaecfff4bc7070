package courier

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"conclave/hsm/secret"
	"conclave/vaultstate"
	"conclave/vaultstate/server"
	"conclave/vaultstate/server/servertest"
)

// hanging is a server that takes a request and does not answer before the test
// ends. arrived gets one value a request.
func hanging(t *testing.T) (address string, arrived chan bool) {
	t.Helper()
	arrived = make(chan bool, 1)
	end := make(chan bool)
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { arrived <- true; <-end }))
	t.Cleanup(s.Close)
	t.Cleanup(func() { close(end) })
	return s.URL, arrived
}

// TestOrphan: a courier whose parent goes away ends at once, with a request under
// way and without one.
func TestOrphan(t *testing.T) {
	for _, sent := range []bool{false, true} {
		address, arrived := hanging(t)
		c, err := start(nil)
		if err != nil {
			t.Fatal(err)
		}
		defer c.end()
		if sent {
			go func() { _, _ = c.exchange(get(address)) }()
			<-arrived
		}
		if err := syscall.Shutdown(descriptor(t, c.conn), syscall.SHUT_RDWR); err != nil { // as the kernel does with a parent's death
			t.Fatal(err)
		}
		ended := make(chan bool)
		go func() {
			_ = c.cmd.Wait() // however it ended
			close(ended)
		}()
		select {
		case <-ended:
		case <-time.After(3 * time.Second): // the request's own limit is ten
			t.Errorf("with a request: %t: it lives on", sent)
			_ = c.cmd.Process.Kill()
			<-ended
		}
	}
}

func descriptor(t *testing.T, f *os.File) (fd int) {
	t.Helper()
	raw, err := f.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Control(func(n uintptr) { fd = int(n) }); err != nil {
		t.Fatal(err)
	}
	return fd
}

// TestLost: a courier that is killed after the server counted the last share is an
// answer that was lost: the driver asks the server, and says what is so.
func TestLost(t *testing.T) {
	f := servertest.New(t, servertest.Dialects[0])
	killed := 0
	v, err := server.Open(t.Context(), server.Config{Address: f.URL, Sender: Send, Timeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	begun, err := v.Begin(t.Context(), vaultstate.Operation{ID: "i", Kind: vaultstate.Init, Shares: 3, Threshold: 2, RootToken: true, SkipProof: true})
	if err != nil || begun.Phase != vaultstate.PhaseIssue {
		t.Fatal(begun, err)
	}
	issue, err := v.Take(t.Context(), "i")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Commit(t.Context(), "i"); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Begin(t.Context(), vaultstate.Operation{ID: "g", Kind: vaultstate.GenerateRoot, RootToken: true}); err != nil {
		t.Fatal(err)
	}
	f.After = func(shares int) {
		if shares%2 == 0 { // the last of two
			for _, pid := range children(t) {
				killed++
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		}
	}
	_, err = v.Submit(t.Context(), "g", []secret.Bytes{issue.Shares[0].Plain, issue.Shares[1].Plain})
	if killed != 1 || !errors.Is(err, server.ErrLost) || !strings.Contains(fmt.Sprint(err), "token that nobody has may count") {
		t.Errorf("%d killed: %v", killed, err)
	}
}

// children are the couriers of this process.
func children(t *testing.T) (pids []int) {
	t.Helper()
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks {
		list, _ := os.ReadFile("/proc/self/task/" + task.Name() + "/children")
		for _, p := range strings.Fields(string(list)) {
			cmdline, _ := os.ReadFile("/proc/" + p + "/cmdline")
			var pid int
			if _, err := fmt.Sscan(p, &pid); err == nil && string(cmdline) == marker+"\x00" {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}
