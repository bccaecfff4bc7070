// Package courier sends one request to a server from a process of its own: a
// server.Sender for what carries a share or a token, or is answered with one.
//
// The program starts itself again (/proc/self/exe, marked in argv[0]); Child,
// called in main, turns that process into the courier. It hardens itself, says
// so, reads one request, sends it once with server.Send, writes the answer back
// and ends. What the HTTP library copied ends with it.
//
// It promises:
//   - the request is not written before the child said that it is hardened: not
//     dumpable, no core, no new privileges. Another process of the same user can
//     neither read nor trace it (TestHidden);
//   - the child gets no variable but those by which TLS finds certificates, no
//     descriptor but its socket and /dev/null, and a session of its own;
//   - it is killed when the request's time is up, or the context ends, and ends by
//     itself when its parent is gone (TestOrphan);
//   - secrets are in no argument, no variable and no log; on our side they lie in
//     secret.Bytes, and nothing of them is left elsewhere (TestLeavesNothing).
//
// It does not promise that the kernel's socket buffers are wiped, nor that root
// cannot look. A child that ends without an answer is an error that does not say
// whether the request arrived: the driver asks the server.
//
// The frames: the child's first byte is hello. Then each side writes one
// message: three fields (a JSON object without secrets; token; body, or in the
// answer nothing and the body), each a length of four bytes, big endian, and as
// many bytes, at most maxField.
package courier

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"conclave/hsm/secret"
	"conclave/vaultstate"
	"conclave/vaultstate/server"
)

const (
	marker   = "conclave-courier" // argv[0] of the child
	hello    = 'C'
	maxField = 8 << 20 // an answer is at most half of that
)

var errFrame = errors.New("a message of the process that sends requests cannot be read")

// request is the public part of a server.Request.
type request struct {
	Target  server.Target
	Pin     string // hex; "" for none
	Timeout time.Duration
	Method  string
	Path    string
}

// answer is the public part of a server.Answer, or an error.
type answer struct {
	Status   int
	Location string
	Pin      string
	Error    string
	Kind     string // of the error: "", "pinned", "unsafe"
}

func (a answer) err() error {
	switch {
	case a.Error == "":
		return nil
	case a.Kind == "pinned":
		return told{a.Error, server.ErrPinned}
	case a.Kind == "unsafe":
		return told{a.Error, server.ErrUnsafe}
	}
	return errors.New(a.Error)
}

func kindOf(err error) string {
	switch {
	case errors.Is(err, server.ErrPinned):
		return "pinned"
	case errors.Is(err, server.ErrUnsafe):
		return "unsafe"
	}
	return ""
}

// told is an error in the child's words.
type told struct {
	text string
	is   error
}

func (t told) Error() string { return t.text }
func (t told) Unwrap() error { return t.is }

func pinText(d vaultstate.Digest) string { return d.String() }

func parsePin(s string) (d vaultstate.Digest, err error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(d) && s != "" {
		return d, errFrame
	}
	copy(d[:], b)
	return d, nil
}

// write writes a message. Secrets go from locked memory into the socket.
func write(w io.Writer, public any, token, body secret.Bytes) error {
	head, err := json.Marshal(public)
	if err != nil {
		return fmt.Errorf("writing a message: %w", err)
	}
	for _, field := range [][]byte{head, token.Expose(), body.Expose()} {
		if len(field) > maxField {
			return fmt.Errorf("%w: %d bytes", errFrame, len(field))
		}
		var length [4]byte
		binary.BigEndian.PutUint32(length[:], uint32(len(field))) //nolint:gosec // at most maxField
		if _, err := w.Write(length[:]); err != nil {
			return fmt.Errorf("writing a message: %w", err)
		}
		if len(field) == 0 {
			continue
		}
		if _, err := w.Write(field); err != nil {
			return fmt.Errorf("writing a message: %w", err)
		}
	}
	return nil
}

// read reads a message; the caller wipes token and body.
func read(r io.Reader, public any) (token, body secret.Bytes, err error) {
	head, err := readField(r)
	if err != nil {
		return token, body, err
	}
	err = json.Unmarshal(head.Expose(), public)
	head.Wipe()
	if err != nil {
		return token, body, fmt.Errorf("%w: %w", errFrame, err)
	}
	if token, err = readField(r); err != nil {
		return secret.Bytes{}, body, err
	}
	if body, err = readField(r); err != nil {
		token.Wipe()
		return secret.Bytes{}, secret.Bytes{}, err
	}
	return token, body, nil
}

func readField(r io.Reader) (secret.Bytes, error) {
	var length [4]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return secret.Bytes{}, fmt.Errorf("%w: %w", errFrame, err)
	}
	n := binary.BigEndian.Uint32(length[:])
	if n > maxField {
		return secret.Bytes{}, fmt.Errorf("%w: %d bytes", errFrame, n)
	}
	if n == 0 {
		return secret.Bytes{}, nil
	}
	field := secret.New(int(n))
	if _, err := io.ReadFull(r, field.Expose()); err != nil {
		field.Wipe()
		return secret.Bytes{}, fmt.Errorf("%w: %w", errFrame, err)
	}
	return field, nil
}
