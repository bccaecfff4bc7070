//go:build cgo

package worker

import (
	"errors"
	"io"
	"os"
	"sync"
	"time"

	"github.com/miekg/pkcs11"

	"conclave/hsm/secret"
)

// Available tells whether this build can load a PKCS#11 library.
const Available = true

var errBad = errors.New("the request cannot be served")

// server is the child's side: it answers each request on a goroutine of its
// own, as the library allows several sessions at once.
type server struct {
	conn  io.ReadWriter
	write sync.Mutex
	m     *module
}

// serve answers until the parent goes away or says so. Whatever the library is
// doing then, the process ends within two seconds.
func serve(conn *os.File) int {
	s := &server{conn: conn, m: &module{}}
	code := s.loop()
	done := make(chan struct{})
	go func() {
		s.m.close()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(2 * time.Second):
	}
	return code
}

// loop returns 0 when the parent closed, 2 when it does not speak our frames.
func (s *server) loop() int {
	for {
		frame := secret.New(frameSize)
		if _, err := io.ReadFull(s.conn, frame.Expose()); err != nil {
			return 0
		}
		h, body, err := parseFrame(frame.Expose())
		if err != nil {
			return 2
		}
		if h.op == opClose {
			return 0
		}
		go s.answer(h, body, frame)
	}
}

// answer does what the frame asks and sends the result. frame is wiped.
func (s *server) answer(h head, body []byte, frame secret.Bytes) {
	defer frame.Wipe()
	out := secret.New(frameSize)
	defer out.Wipe()
	p := newPacker(out.Expose())
	h.status = statusOK
	if err := quietly(h.op, func() error { return s.do(h.op, &unpacker{body: body}, p) }); err != nil {
		p.reset()
		h.status = refuse(err, p)
	}
	if p.over {
		p.reset()
		h.status = statusBad
	}
	h.length = p.n
	putHead(out.Expose(), h)
	s.write.Lock()
	defer s.write.Unlock()
	_, _ = s.conn.Write(out.Expose()) // an error means that the parent is gone: loop sees it
}

// refuse writes an error into the answer.
func refuse(err error, p *packer) status {
	var f *Fault
	var l *LoadError
	switch {
	case errors.As(err, &f):
		p.str(f.Call)
		p.num(uint64(f.Code))
		return statusFault
	case errors.As(err, &l):
		p.str(l.Reason)
		return statusNoLibrary
	case errors.Is(err, ErrNotLoggedIn):
		return statusNotLoggedIn
	case errors.Is(err, ErrNoPIN):
		return statusNoPIN
	case errors.Is(err, ErrStale):
		return statusStale
	}
	return statusBad
}

// fault names the call of an error that PKCS#11 returned.
func fault(call string, err error) error {
	var e pkcs11.Error
	if errors.As(err, &e) {
		return &Fault{Call: call, Code: uint(e)}
	}
	return err
}

// do reads the request and packs the answer.
func (s *server) do(o op, u *unpacker, p *packer) error {
	switch o {
	case opLoad:
		return s.load(u, p)
	case opSlots:
		return s.slots(u, p)
	case opToken:
		return s.token(u, p)
	case opLogin:
		return s.login(u)
	case opRelogin:
		return s.relogin(u, p)
	case opLogout:
		return s.logout(u)
	case opFind:
		return s.find(u, p)
	case opAttributes:
		return s.attributes(u, p)
	case opEncrypt:
		return s.encrypt(u, p)
	case opDecrypt:
		return s.decrypt(u, p)
	case opMAC:
		return s.mac(u, p)
	case opGenerate:
		return s.generate(u)
	case opList:
		return s.list(u, p)
	case opInitToken:
		return s.initToken(u)
	case opRandom:
		return s.random(u, p)
	case opSign:
		return s.sign(u, p)
	case opGeneratePair:
		return s.generatePair(u)
	case opDestroy:
		return s.destroy(u)
	case opCreateData:
		return s.createData(u)
	case opClose:
	}
	return errBad
}
