//go:build cgo

package hsm_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"conclave/hsm"
	"conclave/hsm/secret"
	"conclave/hsm/softhsm/need"
)

// p11Kit is p11-kit's server over a SoftHSM token.
type p11Kit struct {
	*testing.T
	soft hsm.Config // of the token itself
	cfg  hsm.Config // of the token through the server
	sock string
	cmd  *exec.Cmd // with a process for each connection, all of one group
}

// newP11Kit starts the server.
func newP11Kit(t *testing.T) *p11Kit {
	t.Helper()
	lib := need.Tool(t, "p11kit")
	p := &p11Kit{T: t, soft: newStore(t).Config("vault", "01"), sock: filepath.Join(t.TempDir(), "sock")}
	p.cfg = p.soft
	p.cfg.Lib, p.cfg.Env = lib, []string{"P11_KIT_SERVER_ADDRESS=unix:path=" + p.sock}
	p.start()
	t.Cleanup(p.kill)
	return p
}

func (p *p11Kit) start() {
	p.Helper()
	p.cmd = exec.Command("p11-kit", "server", "-f", "--provider", p.soft.Lib, "-n", p.sock, "pkcs11:token=ceremony") //nolint:noctx // kill ends it
	p.cmd.Env = append(os.Environ(), p.soft.Env...)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		p.Fatal(err)
	}
	eventually(p.T, "the server shows the token", func() bool {
		list, err := hsm.Tokens(p.Context(), p.cfg.Lib, p.cfg.Env)
		return err == nil && len(list) == 1
	})
}

// signal is for the server and the processes of its connections.
func (p *p11Kit) signal(s syscall.Signal) {
	_ = syscall.Kill(-p.cmd.Process.Pid, s)
}

// signalConnections is for the processes of the connections alone.
func (p *p11Kit) signalConnections(s syscall.Signal) {
	p.Helper()
	pid := p.cmd.Process.Pid
	list, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		p.Fatal(err)
	}
	for _, child := range strings.Fields(string(list)) {
		n, err := strconv.Atoi(child)
		if err != nil {
			p.Fatal(err)
		}
		_ = syscall.Kill(n, s)
	}
}

func (p *p11Kit) kill() {
	p.signal(syscall.SIGKILL)
	_ = p.cmd.Wait()
	_ = os.Remove(p.sock)
}

// TestP11Kit: the server lets only RSA-OAEP through, whatever the token behind it
// can do; of the hashes those of the token.
func TestP11Kit(t *testing.T) {
	p, other := newP11Kit(t), newP11Kit(t)
	makeKeys(t, &p.soft, hsm.AESCBC) // there: the server lets no AES keys be used
	p.cfg.HMACKeyLabel, p.cfg.HMACKeyID = p.soft.HMACKeyLabel, p.soft.HMACKeyID
	for _, m := range []string{hsm.AESGCM, hsm.AESCBCPad, hsm.AESCBC} {
		cannot(t, with(p.cfg, m, ""), "C_EncryptInit, CKR_MECHANISM_INVALID")
	}
	token := open(t, p.cfg)
	login(t, token)
	_, err := token.SelfTest(t.Context())
	fails(t, err, hsm.ErrNoMechanism, hsm.AESGCM, hsm.AESCBCPad, hsm.AESCBC, "CKR_MECHANISM_INVALID")
	for _, c := range []*hsm.Config{&p.cfg, &other.cfg} {
		makeKeys(t, c, hsm.RSAOAEP)
	}
	hashes(t, p.cfg, other.cfg, "sha1")
	besides(t, with(p.cfg, hsm.RSAOAEP, "sha1"), "")
}

// sealed is a token with a key, and what was sealed with it.
func (p *p11Kit) sealed() (*hsm.Token, []byte, secret.Bytes) {
	p.Helper()
	makeKeys(p.T, &p.cfg, hsm.RSAOAEP)
	p.cfg = with(p.cfg, hsm.RSAOAEP, "sha1")
	token := open(p.T, p.cfg)
	login(p.T, token)
	plain := secret.Random(32)
	p.Cleanup(plain.Wipe)
	blob, err := token.Wrap(p.Context(), plain)
	if err != nil {
		p.Fatal(err)
	}
	return token, blob, plain
}

// comesBack: after a loss nobody is logged in, and a login is all it takes.
func (p *p11Kit) comesBack(token *hsm.Token, blob []byte, plain secret.Bytes) {
	p.Helper()
	_, err := token.Unwrap(p.Context(), blob)
	fails(p.T, err, hsm.ErrNotLoggedIn)
	login(p.T, token)
	if !unwraps(p.T, token, blob, plain) {
		p.Error("it opens to other bytes")
	}
}

// TestP11KitKilled: a connection that breaks, and then one that breaks with the
// server behind it, which is there again later.
func TestP11KitKilled(t *testing.T) {
	p := newP11Kit(t)
	token, blob, plain := p.sealed()
	const broke = "The connection to the HSM broke."

	pid := token.Worker()
	p.signalConnections(syscall.SIGKILL)
	_, err := token.Unwrap(t.Context(), blob)
	fails(t, err, hsm.ErrTokenGone, broke, "CKR_DEVICE_ERROR")
	if token.Worker() == pid {
		t.Error("the process with the broken connection is used further")
	}
	p.comesBack(token, blob, plain)

	p.kill()
	_, err = token.Wrap(t.Context(), plain)
	fails(t, err, hsm.ErrTokenGone, broke, "CKR_DEVICE_ERROR")
	for range 2 {
		// The library says CKR_OK, and shows no slot.
		_, err = token.Info(t.Context())
		fails(t, err, hsm.ErrTokenNotFound, "The library shows none at all", "start its service")
		p := pin(testPIN)
		fails(t, token.Login(t.Context(), p), hsm.ErrTokenNotFound, "The library shows none at all")
		p.Wipe()
	}
	p.start()
	p.comesBack(token, blob, plain)
}

// TestP11KitAbsent: with no server from the start.
func TestP11KitAbsent(t *testing.T) {
	p := newP11Kit(t)
	p.kill()
	_, err := hsm.Open(t.Context(), p.cfg)
	fails(t, err, hsm.ErrTokenNotFound, "The library shows none at all")
	list, err := hsm.Tokens(t.Context(), p.cfg.Lib, p.cfg.Env)
	if err != nil || len(list) != 0 {
		t.Errorf("the library lists %v, %v", list, err)
	}
}

// TestP11KitStopped: a server that is silent takes its time limit and the
// process with the library, and no more.
func TestP11KitStopped(t *testing.T) {
	p := newP11Kit(t)
	p.cfg.Timeout = 2 * time.Second
	token, blob, plain := p.sealed()
	pid := token.Worker()
	p.signal(syscall.SIGSTOP)
	for _, what := range []string{"with a connection", "without one"} {
		began := time.Now()
		_, err := token.Unwrap(t.Context(), blob)
		fails(t, err, hsm.ErrTimeout, "has not answered in time (2s)", "It may still finish inside", "do not pull it out")
		if took := time.Since(began); took < p.cfg.Timeout || took > 5*p.cfg.Timeout {
			t.Errorf("%s it took %s, with a limit of %s", what, took, p.cfg.Timeout)
		}
		if token.Worker() != 0 {
			t.Errorf("%s the process with the library still runs", what)
		}
	}
	if _, err := os.Stat(fmt.Sprintf("/proc/%d", pid)); err == nil {
		t.Errorf("process %d still runs", pid)
	}
	p.signal(syscall.SIGCONT)
	p.comesBack(token, blob, plain)
}
