package plain

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"conclave/hsm/secret"
)

// longest is more than any line needs; a terminal gives no longer ones.
const longest = 4096

// How long the input is waited for before looking whether a signal came.
const look = 100 * time.Millisecond

var errTooLong = errors.New("the line is too long")

// reader is the one buffer between the input and all prompts. It lies in locked
// memory: a pipe may bring a PIN together with the line before it.
type reader struct {
	in       *os.File
	tty      bool
	stop     func() error // what ends the waiting, or nil
	buf      secret.Bytes
	from, to int
}

func newReader(in *os.File, stop func() error) *reader {
	r := &reader{in: in, stop: stop, buf: secret.New(longest)}
	if in != nil {
		_, err := unix.IoctlGetTermios(r.fd(), unix.TCGETS)
		r.tty = err == nil
	}
	return r
}

func (r *reader) fd() int { return int(r.in.Fd()) } // #nosec G115 -- a descriptor

func (r *reader) close() { r.buf.Wipe() }

// line reads one line, without its end. The caller wipes it. The error is io.EOF
// where the input has ended, or what stop gave.
func (r *reader) line() (secret.Bytes, error) {
	line := secret.New(longest)
	defer line.Wipe()
	n, over := 0, false
	for {
		b, err := r.next()
		if errors.Is(err, io.EOF) && n > 0 {
			b, err = '\n', nil
		}
		if err != nil {
			return secret.Bytes{}, err
		}
		if b == '\n' {
			break
		}
		if n == longest {
			over = true
			continue
		}
		line.Expose()[n] = b
		n++
	}
	if over {
		return secret.Bytes{}, errTooLong
	}
	if n > 0 && line.Expose()[n-1] == '\r' {
		n--
	}
	return line.Slice(0, n), nil
}

// next gives one byte.
func (r *reader) next() (byte, error) {
	buf := r.buf.Expose()
	if r.from == r.to {
		if r.in == nil {
			return 0, io.EOF
		}
		if err := r.wait(); err != nil {
			return 0, err
		}
		n, err := r.in.Read(buf)
		if n <= 0 {
			// A terminal that is gone gives EIO: that, too, is the end.
			return 0, io.EOF
		}
		_ = err // whatever it is, the next read meets it again
		r.from, r.to = 0, n
	}
	b := buf[r.from]
	buf[r.from] = 0
	r.from++
	return b, nil
}

// wait returns when there is something to read, the end included, or with what
// stop gave.
func (r *reader) wait() error {
	for {
		if err := r.stop(); err != nil {
			return err
		}
		fds := []unix.PollFd{{Fd: int32(r.fd()), Events: unix.POLLIN}} // #nosec G115 -- a descriptor
		n, err := unix.Poll(fds, int(look.Milliseconds()))
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("waiting for the input: %w", err)
		}
		if n > 0 {
			return nil
		}
	}
}

// fresh drops what was typed ahead at a terminal: it belongs to the page
// before. From a pipe nothing is dropped.
func (r *reader) fresh() {
	if !r.tty {
		return
	}
	clear(r.buf.Expose())
	r.from, r.to = 0, 0
	// A terminal that is gone is met when it is read.
	_ = unix.IoctlSetInt(r.fd(), unix.TCFLSH, unix.TCIFLUSH)
}

// hush turns the echo of a terminal off, drops what was typed ahead, and returns
// what puts all back. ctrl+z does nothing meanwhile: a shell in between would
// bring the echo back.
func (r *reader) hush() (restore func(), err error) {
	if !r.tty {
		return func() {}, nil
	}
	r.fresh()
	old, err := unix.IoctlGetTermios(r.fd(), unix.TCGETS)
	if err != nil {
		return nil, fmt.Errorf("reading the terminal's settings: %w", err)
	}
	quiet := *old
	quiet.Lflag &^= unix.ECHO
	quiet.Lflag |= unix.ECHONL | unix.ICANON | unix.ISIG
	quiet.Cc[unix.VSUSP] = 0
	if err := unix.IoctlSetTermios(r.fd(), unix.TCSETSF, &quiet); err != nil {
		return nil, fmt.Errorf("turning the echo off: %w", err)
	}
	return func() { _ = unix.IoctlSetTermios(r.fd(), unix.TCSETSF, old) }, nil
}
