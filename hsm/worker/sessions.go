//go:build cgo

package worker

import (
	"sync"

	"github.com/miekg/pkcs11"
)

// mostSessions is how many calls go into the token at once.
const mostSessions = 8

// sessions are the open sessions of a login: one a call, never shared, since
// two calls in one session crash some libraries.
type sessions struct {
	ctx  *pkcs11.Ctx
	slot uint
	mode uint          // flags of C_OpenSession
	free chan struct{} // one a session that may be in use

	mu   sync.Mutex
	idle []pkcs11.SessionHandle
}

// newSessions makes room for as many as the token allows besides the one that
// keeps the login: 0 and the highest number mean that it does not say.
func newSessions(ctx *pkcs11.Ctx, slot, mode, allowed uint) *sessions {
	n := uint(mostSessions)
	if allowed > 0 && allowed <= n {
		n = max(allowed-1, 1)
	}
	return &sessions{ctx: ctx, slot: slot, mode: mode, free: make(chan struct{}, n)}
}

// take waits for a session.
func (s *sessions) take() (pkcs11.SessionHandle, error) {
	s.free <- struct{}{}
	s.mu.Lock()
	if n := len(s.idle); n > 0 {
		sh := s.idle[n-1]
		s.idle = s.idle[:n-1]
		s.mu.Unlock()
		return sh, nil
	}
	s.mu.Unlock()
	sh, err := s.ctx.OpenSession(s.slot, s.mode)
	if err != nil {
		<-s.free
	}
	return sh, err
}

// give returns a session, or closes it.
func (s *sessions) give(sh pkcs11.SessionHandle, good bool) {
	if good {
		s.mu.Lock()
		s.idle = append(s.idle, sh)
		s.mu.Unlock()
	} else {
		_ = s.ctx.CloseSession(sh) // it may be gone already
	}
	<-s.free
}

func (s *sessions) closeAll() {
	for _, sh := range s.idle {
		_ = s.ctx.CloseSession(sh) // it may be gone already
	}
	s.idle = nil
}
