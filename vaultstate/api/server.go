package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"conclave/assets/clean"
	"conclave/hsm/secret"
	"conclave/vaultstate"
)

// Vault is a local vault, as far as the API needs one.
type Vault interface {
	vaultstate.Vault
	vaultstate.Revoker
	// CheckToken is the accessor of a root token that counts, ErrToken for any
	// other.
	CheckToken(ctx context.Context, token secret.Bytes) (accessor string, err error)
	// SubmitToken authorises a rotation.
	SubmitToken(ctx context.Context, id vaultstate.ID, token secret.Bytes) (vaultstate.Progress, error)
	ActiveTerm(ctx context.Context) (vaultstate.TermInfo, error)
}

// Record keeps what happens. What it is given is on disk when it returns.
type Record interface {
	Note(kind string, facts map[string]any) error
	Keep(name string, data []byte) (sha256 string, err error)
}

// Options say what is served, and to whom.
type Options struct {
	Vault   Vault
	Record  Record
	ID      string            // of the session: its operations are ID-1, ID-2, …
	Allow   []vaultstate.Kind // what may be done, besides asking for the status
	Once    bool              // a name in Allow is one operation, as often as it stands there; it holds for the session if not
	Plain   bool              // shares may be returned that no PGP key protects
	Holders []string          // of an init's shares, by number, as its plan names them; nil: nobody does
	Version string            // what the status says
	// Check refuses what is allowed, and yet not this; its error is the answer. nil:
	// nothing.
	Check func(vaultstate.Operation) error

	// Of a session on loopback; of one on a unix socket both are empty.
	Host  string       // what a request must name as its host
	Token secret.Bytes // what a request must carry. The caller wipes it

	Now func() time.Time // nil: time.Now
}

// Server is a session. It answers one request after the other.
type Server struct {
	o Options

	mu      sync.Mutex
	pending *pending // nil: nothing is
	begun   int      // operations, for their ids
	digest  vaultstate.Digest
	over    error // why nothing can be changed any more

	used                    []vaultstate.Kind // operations that count
	calls, changes, refused int
	last                    time.Time // of the last request that passed the gate
}

// New looks at the vault and begins a session.
func New(ctx context.Context, o Options) (*Server, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	st, err := o.Vault.Status(ctx)
	if err != nil {
		return nil, err
	}
	return &Server{o: o, digest: st.Storage, last: o.Now()}, nil
}

// Close cancels what is pending.
func (s *Server) Close(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pending == nil {
		return nil
	}
	return s.cancel(ctx, "the session ended before it was done")
}

// Idle is for how long nobody asked for anything; 0 while a request is answered.
func (s *Server) Idle() time.Duration {
	if !s.mu.TryLock() {
		return 0
	}
	defer s.mu.Unlock()
	return s.o.Now().Sub(s.last)
}

// Counts are the requests that passed the gate, the changes that count, and the
// requests that did not pass.
func (s *Server) Counts() (calls, changes, refused int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls, s.changes, s.refused
}

// call is one request.
type call struct {
	*http.Request
	ctx   context.Context // goes on when the caller is gone
	path  string          // below /v1/
	body  secret.Bytes
	token secret.Bytes // the vault's
}

// endpoint answers a call, or refuses it with a *refusal.
type endpoint func(s *Server, c *call) (*answer, error)

// route is what can be done at a path.
type route struct {
	kind           vaultstate.Kind // what Allow must name; "": the status, for everybody
	get, put, drop endpoint
	large          bool // its body has PGP keys
}

// method is the endpoint for a method. PUT and POST are the same.
func (r route) method(name string) endpoint {
	switch name {
	case http.MethodGet, http.MethodHead:
		return r.get
	case http.MethodPut, http.MethodPost:
		return r.put
	case http.MethodDelete:
		return r.drop
	}
	return nil
}

// changes tells whether a call may change something.
func changes(method string) bool { return method != http.MethodGet && method != http.MethodHead }

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if why := s.gate(r); why != nil {
		s.shut(w, r, why)
		return
	}
	s.last = s.o.Now()
	s.calls++
	c := &call{Request: r, ctx: context.WithoutCancel(r.Context()), path: path(r)}
	defer func() {
		c.body.Wipe()
		c.token.Wipe()
		s.last = s.o.Now()
	}()
	a, err := s.answer(c)
	if err != nil {
		a = refused(err)
	}
	defer a.wipe()
	if err := s.noteAnswer(c, a); err != nil {
		a.wipe()
		a = refused(err)
	}
	a.write(w, r.Method)
}

// answer finds the endpoint and asks it.
func (s *Server) answer(c *call) (*answer, error) {
	rt, ok := routes[c.path]
	if !ok {
		return nil, refuse(http.StatusNotFound, "unsupported path")
	}
	do := rt.method(c.Method)
	if do == nil {
		return nil, refuse(http.StatusMethodNotAllowed)
	}
	if rt.kind != "" && !slices.Contains(s.o.Allow, rt.kind) {
		return nil, closed(c.path, rt.kind, notAllowed(rt.kind))
	}
	if rt.kind != "" && changes(c.Method) && s.spent(rt.kind) {
		return nil, closed(c.path, rt.kind, fmt.Sprintf("this session of conclave serve allowed %s, and that was done", rt.kind))
	}
	var err error
	if c.body, err = readBody(c.Request, rt.large); err != nil {
		return nil, err
	}
	c.token = tokenOf(c.Request)
	if !changes(c.Method) {
		return do(s, c)
	}
	if err := s.unchanged(c.ctx); err != nil {
		return nil, err
	}
	if err := s.noteReceived(c); err != nil {
		return nil, err
	}
	return do(s, c)
}

// unchanged compares the digest of core/ with what the session left or found.
func (s *Server) unchanged(ctx context.Context) error {
	if s.over != nil {
		return s.over
	}
	st, err := s.o.Vault.Status(ctx)
	if err != nil {
		return err
	}
	if st.Storage != s.digest {
		s.over = fmt.Errorf("%w: nothing is changed in this session any more", vaultstate.ErrChanged)
	}
	return s.over
}

// closed is how a server answers whose endpoint is closed, and why this one is.
func closed(path string, kind vaultstate.Kind, why string) *refusal {
	switch kind { //nolint:exhaustive // the others want a token at a server
	case vaultstate.Rekey, vaultstate.GenerateRoot:
		return refuse(http.StatusMethodNotAllowed, "unsupported operation", why)
	case vaultstate.RecoveryRekey:
		return refuse(http.StatusNotFound, "unsupported path", why)
	}
	return refuse(http.StatusForbidden, "permission denied", why)
}

func notAllowed(kind vaultstate.Kind) string {
	return fmt.Sprintf("this session of conclave serve allows no %s: see its -allow and -plan", kind)
}

// spent tells whether no operation of a kind is allowed any more.
func (s *Server) spent(kind vaultstate.Kind) bool {
	if !s.o.Once || s.pending != nil && s.pending.op.Kind == kind {
		return false
	}
	return count(s.used, kind) >= count(s.o.Allow, kind)
}

func count(list []vaultstate.Kind, kind vaultstate.Kind) (n int) {
	for _, k := range list {
		if k == kind {
			n++
		}
	}
	return n
}

// Spent tells whether all that was allowed is done. A session that allows nothing
// never is.
func (s *Server) Spent() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.o.Allow) > 0 && s.pending == nil && !slices.ContainsFunc(s.o.Allow, func(k vaultstate.Kind) bool { return !s.spent(k) })
}

// refused makes an answer of an error.
func refused(err error) *answer {
	var r *refusal
	if !errors.As(err, &r) {
		r = refuse(http.StatusInternalServerError, clean.Cut(err.Error(), 1000))
	}
	return r.answer()
}

// Over is why nothing can be changed in this session any more; nil if it can.
func (s *Server) Over() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.over
}
