package courier

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"conclave/hsm/secret"
	"conclave/vaultstate/server"
)

// grace is how much longer than the request the child may take: to start, and to
// hand over.
const grace = 15 * time.Second

// noLimit is the limit of a request that names none.
const noLimit = time.Minute

var _ server.Sender = Send

// Send sends a request from a process of its own.
func Send(ctx context.Context, r server.Request) (server.Answer, error) {
	if !called {
		return server.Answer{}, errors.New("the process that sends requests: main does not call Child")
	}
	limit := r.Target.Timeout
	if limit <= 0 {
		limit = noLimit
	}
	ctx, cancel := context.WithTimeout(ctx, limit+grace)
	defer cancel()
	c, err := start(os.Environ())
	if err != nil {
		return server.Answer{}, err
	}
	defer c.end()
	stop := context.AfterFunc(ctx, c.kill)
	defer stop()
	a, err := c.exchange(r)
	if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("the process that sends the request was ended: %w", ctx.Err())
	}
	return a, err
}

// child is one process.
type child struct {
	cmd  *exec.Cmd
	conn *os.File
}

// start starts a child with what of an environment TLS needs.
func start(environ []string) (*child, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("making a socket pair: %w", err)
	}
	theirs := os.NewFile(uintptr(fds[1]), "courier's end")
	defer func() { _ = theirs.Close() }()
	if err := unix.SetNonblock(fds[0], true); err != nil { // so that closing it ends a read
		_ = unix.Close(fds[0])
		return nil, fmt.Errorf("preparing a socket pair: %w", err)
	}
	ours := os.NewFile(uintptr(fds[0]), "courier")
	// Descriptors that whoever started us left open are not for the child.
	_ = unix.CloseRange(3, ^uint(0), unix.CLOSE_RANGE_CLOEXEC) // Linux 5.11; Go's own have the flag already
	cmd := exec.Command("/proc/self/exe")                      //nolint:noctx // end and kill end it
	cmd.Args = []string{marker}
	cmd.Env = environment(environ)
	cmd.ExtraFiles = []*os.File{theirs}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := secret.Start(cmd); err != nil {
		_ = ours.Close()
		return nil, fmt.Errorf("starting the process that sends the request: %w", err)
	}
	return &child{cmd, ours}, nil
}

// environment is what TLS looks for, and nothing else. It is never empty: to
// package exec that would be ours.
func environment(environ []string) []string {
	env := []string{"PATH=/nonexistent"}
	for _, e := range environ {
		if name, _, _ := strings.Cut(e, "="); name == "SSL_CERT_FILE" || name == "SSL_CERT_DIR" {
			env = append(env, e)
		}
	}
	return env
}

// ready waits until the child says that it is hardened. A request is for none that
// is not, whatever this process itself could not have.
func (c *child) ready() error {
	bits, err := readReady(c.conn)
	if err != nil || bits == 0 {
		return err
	}
	var lacks []string
	for _, l := range []struct {
		bit  uint64
		text string
	}{{undumpable, "others could read it"}, {noCore, "it could dump core"}, {noNewPrivs, "it could gain rights"}} {
		if bits&l.bit != 0 {
			lacks = append(lacks, l.text)
		}
	}
	return fmt.Errorf("it could not protect itself: %s", strings.Join(lacks, ", "))
}

// exchange hands the request over once the child is ready, and takes the answer.
func (c *child) exchange(r server.Request) (server.Answer, error) {
	if err := c.ready(); err != nil {
		return server.Answer{}, fmt.Errorf("the process that sends requests: nothing was sent: %w", err)
	}
	if err := writeRequest(c.conn, r); err != nil {
		return server.Answer{}, err
	}
	a, err := readAnswer(c.conn)
	if errors.Is(err, errFrame) {
		err = fmt.Errorf("the process that sent the request ended without an answer: %w", err)
	}
	return a, err
}

func (c *child) kill() {
	_ = c.cmd.Process.Kill() // an error means that it has ended
	_ = c.conn.SetDeadline(time.Now())
}

func (c *child) end() {
	_ = c.cmd.Process.Kill()
	_ = c.cmd.Wait() // how it ended is of no use any more
	_ = c.conn.Close()
}
