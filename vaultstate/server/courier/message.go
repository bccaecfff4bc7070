package courier

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"time"

	"conclave/assets/clean"
	"conclave/hsm/secret"
	"conclave/vaultstate/server"
)

// The greatest lengths of fields. A body is as long as 255 PGP keys can make it,
// an answer as server.Send lets it be.
const (
	maxText = 4 << 10 // an address, a path, a file's name, a token
	maxCA   = 2 << 20
	// maxClientKey is more than a key of RSA with 16384 bits takes.
	maxClientKey = 64 << 10
	maxBody      = 4 << 20
	maxReason    = 1000 // characters of an error
)

func number(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// writeReady says what of the hardening could not be had.
func writeReady(to io.Writer, lacks uint64) error { return write(to, kindReady, number(lacks)) }

func readReady(from io.Reader) (lacks uint64, err error) {
	var n []byte
	if err := read(from, kindReady, slot{min: 8, max: 8, public: &n}); err != nil {
		return 0, err
	}
	return binary.BigEndian.Uint64(n), nil
}

// writeRequest writes a request: the CA, what has a fixed length, the texts, the
// client's certificate, and at last its key, token and body. Of one that is too long it writes nothing.
func writeRequest(to io.Writer, r server.Request) error {
	t := r.Target
	skip := uint64(0)
	if t.SkipVerify {
		skip = 1
	}
	fields := [][]byte{t.CA, t.Pin[:], number(skip), number(uint64(max(t.Timeout, 0)))}
	for _, s := range []string{t.Address, t.ServerName, t.Namespace, t.Proxy, r.Method, r.Path} {
		if len(s) > maxText {
			return errTooLong
		}
		fields = append(fields, []byte(s))
	}
	if len(t.CA) > maxCA || len(t.ClientCert) > maxCA || t.ClientKey.Len() > maxClientKey || r.Token.Len() > maxText || r.Body.Len() > maxBody {
		return errTooLong
	}
	return write(to, kindRequest, append(fields, t.ClientCert, t.ClientKey.Expose(), r.Token.Expose(), r.Body.Expose())...)
}

// readRequest returns a request whose client key, token and body the caller wipes.
func readRequest(from io.Reader) (server.Request, error) {
	var r server.Request
	var ca, mine, pin, skip, timeout []byte
	var texts [6][]byte
	slots := []slot{
		{max: maxCA, public: &ca},
		{min: len(r.Target.Pin), max: len(r.Target.Pin), public: &pin},
		{min: 8, max: 8, public: &skip},
		{min: 8, max: 8, public: &timeout},
	}
	for i := range texts {
		slots = append(slots, slot{max: maxText, public: &texts[i]})
	}
	slots = append(slots, slot{max: maxCA, public: &mine}, slot{max: maxClientKey, secret: &r.Target.ClientKey}, slot{max: maxText, secret: &r.Token}, slot{max: maxBody, secret: &r.Body})
	if err := read(from, kindRequest, slots...); err != nil {
		return server.Request{}, err
	}
	t := &r.Target
	skips, limit := binary.BigEndian.Uint64(skip), binary.BigEndian.Uint64(timeout)
	if skips > 1 || limit > 1<<63-1 {
		wipe(r)
		return server.Request{}, errFrame
	}
	t.CA, t.ClientCert, t.SkipVerify, t.Timeout = ca, mine, skips == 1, time.Duration(limit)
	copy(t.Pin[:], pin)
	for i, to := range []*string{&t.Address, &t.ServerName, &t.Namespace, &t.Proxy, &r.Method, &r.Path} {
		*to = string(texts[i])
	}
	return r, nil
}

func wipe(r server.Request) { secret.WipeAll([]secret.Bytes{r.Target.ClientKey, r.Token, r.Body}) }

// An answer's first field: whether there is one, and else why not.
const (
	isAnswer uint64 = iota
	isPinned
	isUnsafe
	isLate
	isCanceled
	isFailure
)

// branches are the errors that somebody branches on, by that field.
var branches = [...]error{isPinned: server.ErrPinned, isUnsafe: server.ErrUnsafe, isLate: context.DeadlineExceeded, isCanceled: context.Canceled, isFailure: nil}

// told is an error in the child's words.
type told struct {
	text string
	is   error // nil: nobody branches on it
}

func (t told) Error() string { return t.text }
func (t told) Unwrap() error { return t.is }

// writeAnswer writes an answer, or the error in its place.
func writeAnswer(to io.Writer, a server.Answer, err error) error {
	code, text := isAnswer, ""
	if err != nil {
		code, text = isFailure, clean.Cut(err.Error(), maxReason)
		for c, is := range branches {
			if is != nil && errors.Is(err, is) {
				code = uint64(c)
				break
			}
		}
		a.Status, a.Location, a.Body = 0, "", secret.Bytes{}
	}
	return write(to, kindAnswer, number(code), number(uint64(a.Status)), a.Pin[:], //nolint:gosec // three digits
		[]byte(clean.Clean(a.Location)), []byte(text), a.Body.Expose())
}

// readAnswer returns an answer whose body the caller wipes, or told. A server can
// have taken over the process that it comes from: texts are cleaned here, too.
func readAnswer(from io.Reader) (server.Answer, error) {
	var a server.Answer
	var code, status, pin, location, text []byte
	err := read(from, kindAnswer,
		slot{min: 8, max: 8, public: &code}, slot{min: 8, max: 8, public: &status}, slot{min: len(a.Pin), max: len(a.Pin), public: &pin},
		slot{max: maxText, public: &location}, slot{max: maxText, public: &text}, slot{max: maxBody, secret: &a.Body})
	if err != nil {
		return server.Answer{}, err
	}
	c, s := binary.BigEndian.Uint64(code), binary.BigEndian.Uint64(status)
	switch {
	case c > isFailure,
		c == isAnswer && (s < 100 || s > 999 || len(text) > 0),
		c != isAnswer && (s != 0 || len(location) > 0 || a.Body.Len() > 0):
		a.Body.Wipe()
		return server.Answer{}, errFrame
	}
	copy(a.Pin[:], pin)
	if c != isAnswer {
		return a, told{clean.Cut(string(text), maxReason), branches[c]}
	}
	a.Status, a.Location = int(s), clean.Clean(string(location)) //nolint:gosec // at most 999
	return a, nil
}
