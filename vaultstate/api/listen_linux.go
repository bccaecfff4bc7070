package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Listen makes a unix socket. Its directory must be this user's alone. Whoever
// connects as another user is hung up on without a byte, and told to refused,
// which may be nil until the session is there.
func Listen(path string, refused func(who, why string)) (net.Listener, error) {
	if err := private(filepath.Dir(path)); err != nil {
		return nil, err
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("making the socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("making the socket: %w", err), l.Close())
	}
	return &unixListener{UnixListener: l, uid: os.Geteuid(), refused: refused}, nil
}

// private refuses a directory that others can look into.
func private(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return fmt.Errorf("the socket's directory: %w", err)
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !info.IsDir() || !ok:
		return fmt.Errorf("the socket's directory %q: %w", dir, fs.ErrInvalid)
	case int(st.Uid) != os.Geteuid():
		return fmt.Errorf("the socket's directory %q belongs to somebody else", dir)
	case info.Mode().Perm()&0o077 != 0:
		return fmt.Errorf("the socket's directory %q has the mode %04o: others can look into it; chmod 700 it", dir, info.Mode().Perm())
	}
	return nil
}

// ListenLoopback listens on a loopback address, and on no name.
func ListenLoopback(ctx context.Context, address string) (net.Listener, error) {
	at, err := netip.ParseAddrPort(address)
	if err != nil || !at.Addr().IsLoopback() {
		return nil, fmt.Errorf("listening on %q: it is no loopback address with a port, such as 127.0.0.1:8200", address)
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listening on %q: %w", address, err)
	}
	return l, nil
}

type unixListener struct {
	*net.UnixListener
	uid     int
	refused func(who, why string)
}

// unixConn knows who is at its other end.
type unixConn struct {
	net.Conn
	who string
}

// Accept waits for a connection of this user.
func (l *unixListener) Accept() (net.Conn, error) {
	for {
		c, err := l.AcceptUnix()
		if err != nil {
			return nil, err
		}
		peer, err := peerOf(c)
		if err == nil && int(peer.Uid) == l.uid {
			return &unixConn{Conn: c, who: fmt.Sprintf("user id %d, process %d", peer.Uid, peer.Pid)}, nil
		}
		_ = c.Close() // it is hung up on
		who := "a process that the kernel did not name"
		if err == nil {
			who = fmt.Sprintf("user id %d, process %d", peer.Uid, peer.Pid)
		}
		if l.refused != nil {
			l.refused(who, "it belongs to another user")
		}
	}
}

func peerOf(c *net.UnixConn) (peer *unix.Ucred, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, err
	}
	if e := raw.Control(func(fd uintptr) {
		peer, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); e != nil {
		return nil, e
	}
	return peer, err
}

type callerKey struct{}

// caller is who sent a request, as far as this machine knows.
func caller(ctx context.Context) string {
	if who, ok := ctx.Value(callerKey{}).(string); ok {
		return who
	}
	return "unknown"
}

// HTTP is the server for a listener of this package.
func (s *Server) HTTP() *http.Server {
	return &http.Server{
		Handler: s, ErrorLog: log.New(io.Discard, "", 0), MaxHeaderBytes: 16 << 10,
		ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, IdleTimeout: time.Minute,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			who := "loopback, port " + portOf(c.RemoteAddr())
			if u, ok := c.(*unixConn); ok {
				who = u.who
			}
			return context.WithValue(ctx, callerKey{}, who)
		},
	}
}

func portOf(a net.Addr) string {
	if _, port, err := net.SplitHostPort(a.String()); err == nil {
		return port
	}
	return "unknown"
}
