package worker

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"conclave/hsm/secret"
)

// Client is the parent's side of one worker process. Its calls may come from
// several goroutines. Once the process has ended every call returns why.
type Client struct {
	// ReadWrite has every session be a read-write one (from the next Login on).
	ReadWrite bool

	cmd  *exec.Cmd
	conn *os.File

	write sync.Mutex // one frame at a time

	mu      sync.Mutex
	next    uint64
	waiting map[uint64]*call
	why     error // why the process is being killed, once it is
	dead    error // set when it has ended
	ended   chan struct{}
}

// call is a request whose answer is awaited.
type call struct {
	answer chan secret.Bytes // buffered; closed without a frame when the process ended
	timer  *time.Timer
	left   bool // nobody waits any more
	since  time.Time
	people bool // it waits for people as well: at the token's pad
}

// Start starts a worker with the environment that Environment makes of ours
// and extra.
func Start(extra []string) (*Client, error) {
	ours, theirs, err := socketPair()
	if err != nil {
		return nil, err
	}
	defer func() { _ = theirs.Close() }()
	// Descriptors that whoever started us left open are not for the library.
	_ = unix.CloseRange(3, ^uint(0), unix.CLOSE_RANGE_CLOEXEC) // Linux 5.11; Go's own have the flag already
	cmd := exec.Command("/proc/self/exe")                      //nolint:noctx // it outlives the call that needed it; Close and the time limits end it
	cmd.Args = []string{marker}
	cmd.Env = Environment(os.Environ(), extra)
	cmd.ExtraFiles = []*os.File{theirs}
	// Standard input and both outputs are /dev/null: libraries write to the
	// screen, and a spying one writes PINs.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := secret.Start(cmd); err != nil {
		_ = ours.Close()
		return nil, fmt.Errorf("starting the process for the HSM library: %w", err)
	}
	c := &Client{cmd: cmd, conn: ours, waiting: map[uint64]*call{}, ended: make(chan struct{})}
	go c.read()
	return c, nil
}

func socketPair() (ours, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("making a socket pair: %w", err)
	}
	// Ours does not block, so that closing it ends a read.
	if err := unix.SetNonblock(fds[0], true); err != nil {
		_, _ = unix.Close(fds[0]), unix.Close(fds[1])
		return nil, nil, fmt.Errorf("preparing a socket pair: %w", err)
	}
	return os.NewFile(uintptr(fds[0]), "worker"), os.NewFile(uintptr(fds[1]), "worker's end"), nil
}

// PID is the worker's process id.
func (c *Client) PID() int { return c.cmd.Process.Pid }

// Dead says why the process ended, nil if it has not.
func (c *Client) Dead() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dead
}

// Close lets the worker log out and finalise the library, and ends it.
func (c *Client) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_ = c.do(ctx, 5*time.Second, opClose, nil, nil) // the process ends, answer or not
	c.kill(&EndedError{"closed"})
	<-c.ended
	return nil
}

// kill ends the process; calls that wait get the first reason given.
func (c *Client) kill(why error) {
	c.mu.Lock()
	if c.why == nil {
		c.why = why
	}
	c.mu.Unlock()
	_ = c.cmd.Process.Kill() // an error means that it has ended
}

// read hands every answer to its call, until the socket ends.
func (c *Client) read() {
	for {
		frame := secret.New(frameSize)
		_, err := io.ReadFull(c.conn, frame.Expose())
		if err != nil {
			frame.Wipe()
			break
		}
		h, _, err := parseFrame(frame.Expose())
		if err != nil {
			frame.Wipe()
			c.kill(&EndedError{"it sent a " + err.Error()})
			break
		}
		c.deliver(h.id, frame)
	}
	c.bury()
}

func (c *Client) deliver(id uint64, frame secret.Bytes) {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := c.waiting[id]
	delete(c.waiting, id)
	if w == nil || w.left {
		frame.Wipe()
	} else {
		w.answer <- frame
	}
	if w != nil {
		w.timer.Stop()
	}
}

// bury waits for the process and tells every call that waits.
func (c *Client) bury() {
	_ = c.cmd.Process.Kill() // the socket has ended: nothing more comes
	_ = c.cmd.Wait()         // how it ended is in ProcessState
	_ = c.conn.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dead = c.why
	if c.dead == nil {
		c.dead = &EndedError{c.cmd.ProcessState.String()}
	}
	for _, w := range c.waiting {
		w.timer.Stop()
		close(w.answer)
	}
	clear(c.waiting)
	close(c.ended)
}

// do sends one request and reads its answer. When limit has passed without
// one the process is killed, also if ctx gave up before.
func (c *Client) do(ctx context.Context, limit time.Duration, o op, pack func(*packer), unpack func(*unpacker)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	frame := secret.New(frameSize)
	defer frame.Wipe()
	p := newPacker(frame.Expose())
	if pack != nil {
		pack(p)
	}
	if p.over {
		return ErrTooLong
	}
	id, w, err := c.await(limit, o)
	if err != nil {
		return err
	}
	putHead(frame.Expose(), head{op: o, id: id, length: p.n})
	c.write.Lock()
	_, err = c.conn.Write(frame.Expose())
	c.write.Unlock()
	if err != nil {
		c.kill(nil) // it has ended, or is about to: read finds out how
	}
	select {
	case answer, ok := <-w.answer:
		if !ok {
			return c.Dead()
		}
		defer answer.Wipe()
		return result(answer.Expose(), o, unpack)
	case <-ctx.Done():
		c.leave(w)
		return ctx.Err()
	}
}

// Waiting is since when the library has not answered a call, the oldest one;
// zero: it has answered all. A login does not count, which waits for people.
func (c *Client) Waiting() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	var since time.Time
	for _, w := range c.waiting {
		if !w.people && (since.IsZero() || w.since.Before(since)) {
			since = w.since
		}
	}
	return since
}

func (c *Client) await(limit time.Duration, o op) (uint64, *call, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dead != nil {
		return 0, nil, c.dead
	}
	c.next++
	w := &call{answer: make(chan secret.Bytes, 1), since: time.Now(), people: o == opLogin}
	w.timer = time.AfterFunc(limit, func() { c.kill(ErrTimeout) })
	c.waiting[c.next] = w
	return c.next, w, nil
}

// leave stops waiting for an answer: it is wiped when it comes. Its time limit
// stays.
func (c *Client) leave(w *call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	w.left = true
	select {
	case answer, ok := <-w.answer:
		if ok {
			answer.Wipe()
		}
	default:
	}
}

// result turns an answer into what the caller gets.
func result(frame []byte, asked op, unpack func(*unpacker)) error {
	h, body, err := parseFrame(frame)
	if err != nil || h.op != asked {
		return errFrame
	}
	u := &unpacker{body: body}
	switch h.status {
	case statusOK:
		if unpack != nil {
			unpack(u)
		}
		return u.done()
	case statusFault:
		f := &Fault{Call: u.str(), Code: uint(u.num())}
		if err := u.done(); err != nil {
			return err
		}
		return f
	case statusNoLibrary:
		return &LoadError{Reason: u.str()}
	case statusNotLoggedIn:
		return ErrNotLoggedIn
	case statusNoPIN:
		return ErrNoPIN
	case statusStale:
		return ErrStale
	case statusBad:
	}
	return fmt.Errorf("%w: the worker refused it", errFrame)
}
