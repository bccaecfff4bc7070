package courier

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"conclave/hsm/secret"
)

const (
	frameSize = 4096
	headSize  = 16
	magic     = "CHC1"
)

type kind uint32

const (
	kindReady   kind = 1
	kindRequest kind = 2
	kindAnswer  kind = 3
)

var (
	errFrame = errors.New("a message of the process that sends requests cannot be read")
	// errTooLong is a request that is longer than any that a server takes.
	errTooLong = errors.New("the request is too long: nothing of it was sent")
)

// writer fills one frame in locked memory and writes it when it is full.
type writer struct {
	w     io.Writer
	frame secret.Bytes
	n     int
}

// write writes a message, whose fields may be secret.
func write(to io.Writer, k kind, fields ...[]byte) error {
	length := 0
	for _, f := range fields {
		length += 4 + len(f)
	}
	w := &writer{w: to, frame: secret.New(frameSize)}
	defer func() { w.frame.Wipe() }()
	head := append(make([]byte, 0, headSize), magic...)
	head = binary.BigEndian.AppendUint32(head, uint32(k))
	head = binary.BigEndian.AppendUint32(head, uint32(length)) // the limits of the fields are megabytes
	head = binary.BigEndian.AppendUint32(head, 0)
	if err := w.add(head); err != nil {
		return err
	}
	for _, f := range fields {
		if err := w.add(binary.BigEndian.AppendUint32(nil, uint32(len(f)))); err != nil { //nolint:gosec // as above
			return err
		}
		if err := w.add(f); err != nil {
			return err
		}
	}
	return w.add(make([]byte, (frameSize-w.n)%frameSize))
}

func (w *writer) add(b []byte) error {
	for len(b) > 0 {
		n := secret.Copy(w.frame.Expose()[w.n:], b)
		b = b[n:]
		if w.n += n; w.n < frameSize {
			continue
		}
		w.n = 0
		if _, err := w.w.Write(w.frame.Expose()); err != nil {
			return fmt.Errorf("writing a message: %w", err)
		}
	}
	return nil
}

// slot is where a field is read to: to locked memory if secret is set.
type slot struct {
	min, max int
	public   *[]byte
	secret   *secret.Bytes
}

// reader reads frame by frame. left is what is to come of the fields.
type reader struct {
	r     io.Reader
	frame secret.Bytes
	at    int
	left  int
}

// read reads a message of one kind. After an error nothing secret is left in the
// slots.
func read(from io.Reader, k kind, slots ...slot) (err error) {
	r := &reader{r: from, frame: secret.New(frameSize), at: frameSize, left: headSize}
	defer func() { r.frame.Wipe() }()
	var head [headSize]byte
	if err := r.take(head[:]); err != nil {
		return err
	}
	longest := 0
	for _, s := range slots {
		longest += 4 + s.max
	}
	length := binary.BigEndian.Uint32(head[8:])
	if string(head[:4]) != magic || kind(binary.BigEndian.Uint32(head[4:])) != k || int64(length) > int64(longest) || binary.BigEndian.Uint32(head[12:]) != 0 {
		return errFrame
	}
	r.left = int(length)
	defer func() {
		for _, s := range slots {
			if err != nil && s.secret != nil {
				s.secret.Wipe()
			}
		}
	}()
	for _, s := range slots {
		if err := r.field(s); err != nil {
			return err
		}
	}
	if r.left != 0 {
		return errFrame
	}
	for _, b := range r.frame.Expose()[r.at:] {
		if b != 0 {
			return errFrame
		}
	}
	return nil
}

func (r *reader) field(s slot) error {
	var size [4]byte
	if err := r.take(size[:]); err != nil {
		return err
	}
	n := int64(binary.BigEndian.Uint32(size[:]))
	if n < int64(s.min) || n > int64(s.max) || n > int64(r.left) {
		return errFrame
	}
	if s.secret != nil {
		*s.secret = secret.New(int(n))
		return r.take(s.secret.Expose())
	}
	*s.public = make([]byte, n)
	return r.take(*s.public)
}

// take fills b from the frames.
func (r *reader) take(b []byte) error {
	if len(b) > r.left {
		return errFrame
	}
	r.left -= len(b)
	for len(b) > 0 {
		if r.at == frameSize {
			if _, err := io.ReadFull(r.r, r.frame.Expose()); err != nil {
				return fmt.Errorf("%w: %w", errFrame, err)
			}
			r.at = 0
		}
		n := secret.Copy(b, r.frame.Expose()[r.at:])
		b = b[n:]
		r.at += n
	}
	return nil
}
