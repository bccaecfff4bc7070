package worker

import (
	"encoding/binary"
	"errors"
	"fmt"

	"conclave/hsm/secret"
)

// A frame is always frameSize bytes: a head, a body, zeros.
//
//	0  magic   "CHW1"
//	4  op      uint16   what is asked; the answer repeats it
//	6  status  uint16   0 in a request
//	8  id      uint64   the answer repeats it
//	16 length  uint32   of the body
//	20 zero    uint32
//	24 body
const (
	frameSize = 2048
	headSize  = 24
	maxBody   = frameSize - headSize
	magic     = "CHW1"
)

type head struct {
	op     op
	status status
	id     uint64
	length int
}

var errFrame = errors.New("malformed frame")

func putHead(frame []byte, h head) {
	copy(frame, magic)
	binary.BigEndian.PutUint16(frame[4:], uint16(h.op))
	binary.BigEndian.PutUint16(frame[6:], uint16(h.status))
	binary.BigEndian.PutUint64(frame[8:], h.id)
	binary.BigEndian.PutUint32(frame[16:], uint32(h.length)) //nolint:gosec // at most maxBody
	binary.BigEndian.PutUint32(frame[20:], 0)
}

// parseFrame returns the head and the body, which lies in frame.
func parseFrame(frame []byte) (head, []byte, error) {
	if len(frame) != frameSize || string(frame[:4]) != magic || binary.BigEndian.Uint32(frame[20:]) != 0 {
		return head{}, nil, errFrame
	}
	n := binary.BigEndian.Uint32(frame[16:])
	if n > maxBody {
		return head{}, nil, fmt.Errorf("%w: a body of %d bytes", errFrame, n)
	}
	h := head{
		op:     op(binary.BigEndian.Uint16(frame[4:])),
		status: status(binary.BigEndian.Uint16(frame[6:])),
		id:     binary.BigEndian.Uint64(frame[8:]),
		length: int(n),
	}
	return h, frame[headSize : headSize+int(n)], nil
}

// packer writes the fields of a body into a frame: numbers as eight bytes,
// strings of bytes with their length before them.
type packer struct {
	body []byte // the frame after its head
	n    int
	over bool // something did not fit
}

func newPacker(frame []byte) *packer { return &packer{body: frame[headSize:frameSize]} }

func (p *packer) num(v uint64) {
	if p.over || len(p.body)-p.n < 8 {
		p.over = true
		return
	}
	binary.BigEndian.PutUint64(p.body[p.n:], v)
	p.n += 8
}

func (p *packer) bytes(b []byte) {
	if p.over || len(p.body)-p.n < 4+len(b) {
		p.over = true
		return
	}
	binary.BigEndian.PutUint32(p.body[p.n:], uint32(len(b))) //nolint:gosec // it fits the frame
	p.n += 4 + secret.Copy(p.body[p.n+4:], b)                // it may be a PIN or a key
}

func (p *packer) str(s string) { p.bytes([]byte(s)) }

func (p *packer) flag(b bool) {
	if b {
		p.num(1)
	} else {
		p.num(0)
	}
}

// reset drops what was written, as an answer turns into a refusal.
func (p *packer) reset() {
	clear(p.body)
	p.n, p.over = 0, false
}

// unpacker reads what a packer wrote. After a short or overlong field bad is
// set and everything read is zero.
type unpacker struct {
	body []byte
	bad  bool
}

func (u *unpacker) num() uint64 {
	if u.bad || len(u.body) < 8 {
		u.bad = true
		return 0
	}
	v := binary.BigEndian.Uint64(u.body)
	u.body = u.body[8:]
	return v
}

// bytes returns a field that lies in the frame: whoever keeps it copies it.
func (u *unpacker) bytes() []byte {
	if u.bad || len(u.body) < 4 {
		u.bad = true
		return nil
	}
	n := int(binary.BigEndian.Uint32(u.body))
	if n < 0 || n > len(u.body)-4 {
		u.bad = true
		return nil
	}
	b := u.body[4 : 4+n : 4+n]
	u.body = u.body[4+n:]
	return b
}

func (u *unpacker) str() string { return string(u.bytes()) }
func (u *unpacker) flag() bool  { return u.num() == 1 }

// done tells whether everything was there and nothing is left.
func (u *unpacker) done() error {
	if u.bad || len(u.body) != 0 {
		return errFrame
	}
	return nil
}
