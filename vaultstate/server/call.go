package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"conclave/assets/clean"
	"conclave/hsm/secret"
	"conclave/vaultstate"
)

// node is one server, as it is reached.
type node struct{ target Target }

// call is one request to a node.
type call struct {
	method, path string // path: below /v1/sys/, or auth/...
	token, body  secret.Bytes
	share        secret.Bytes // the share's text that is in the body
	slow         bool         // an init
	any          bool         // any status is an answer (sys/health)
}

// carries tells whether the request or its answer may hold a secret: a token, a
// share, a one-time pad; or what an init or the last share brings. A look without
// a token has none.
func (c call) carries() bool { return c.method != http.MethodGet || c.token.Len() > 0 }

// do sends one request, once. What is not a success is a *Refusal.
func (v *Vault) do(ctx context.Context, n *node, c call) (Answer, error) {
	t := n.target
	if strings.HasPrefix(strings.ToLower(t.Address), "https:") && t.Pin == (vaultstate.Digest{}) && !v.meeting {
		return Answer{}, fmt.Errorf("%w: %s: its certificate was not seen before people compared them. Nothing was sent there; begin again, so that it is compared, too", ErrUnsafe, clean.Clean(t.Address))
	}
	if c.slow {
		t.Timeout = v.c.InitTimeout
	}
	path := "sys/" + c.path
	if strings.HasPrefix(c.path, "auth/") {
		path = c.path
	}
	send := Sender(Send)
	if c.carries() || t.ClientKey.Len() > 0 {
		send = v.c.Sender
	}
	x := Exchange{At: v.now(), Address: t.Address, Method: c.method, Path: c.path, Token: c.token.Len() > 0, Share: c.share.Len() > 0}
	a, err := send(ctx, Request{Target: t, Method: c.method, Path: path, Token: c.token, Body: c.body})
	x.Status, x.RequestID = a.Status, clean.Clean(requestID(a))
	v.log = append(v.log, x)
	if n == v.self && !a.Date.IsZero() {
		v.clock = a.Date
	}
	if err != nil {
		return Answer{}, err
	}
	if n.target.Pin == (vaultstate.Digest{}) {
		n.target.Pin = a.Pin
	}
	if c.any || a.Status >= 200 && a.Status < 300 {
		return a, nil
	}
	defer a.Body.Wipe()
	r := refusal(a, c.share, c.token)
	if r.reason() == isStandby && c.path != leaderPath {
		return Answer{}, v.standby(ctx, n, fmt.Errorf("%s: %w", c.path, r))
	}
	return Answer{}, fmt.Errorf("%s: %w", c.path, r)
}

// ask is do with an answer that is read into a struct. The caller wipes what is
// secret in it, also after an error.
func (v *Vault) ask(ctx context.Context, n *node, c call, inData bool, to any) error {
	a, err := v.do(ctx, n, c)
	if err != nil {
		return err
	}
	defer a.Body.Wipe()
	if err := decode(a, inData, to); err != nil {
		return fmt.Errorf("%s: %w", c.path, err)
	}
	return nil
}

// tell is do without an answer to read.
func (v *Vault) tell(ctx context.Context, n *node, c call) error {
	a, err := v.do(ctx, n, c)
	a.Body.Wipe()
	return err
}

// reasonOf is why the server refused; isOther if it did not.
func reasonOf(err error) reason {
	var r *Refusal
	if errors.As(err, &r) {
		return r.reason()
	}
	return isOther
}

// answered tells whether there was an answer at all. If not, nobody knows from
// this alone whether the request arrived.
func answered(err error) bool {
	var r *Refusal
	return err == nil || errors.As(err, &r) || errors.Is(err, ErrPinned) || errors.Is(err, ErrUnsafe)
}

const leaderPath = "leader"

func (v *Vault) sealStatus(ctx context.Context, n *node) (sealStatus, error) {
	var s sealStatus
	err := v.ask(ctx, n, call{method: http.MethodGet, path: "seal-status"}, false, &s)
	if err == nil && (s.N < 0 || s.T < 0 || s.N > 255 || s.T > 255 || s.Progress < 0) {
		err = fmt.Errorf("seal-status: %w", errAnswer)
	}
	return s, err
}

func (v *Vault) isInitialized(ctx context.Context) (bool, error) {
	var i initialized
	err := v.ask(ctx, v.self, call{method: http.MethodGet, path: "init"}, false, &i)
	if err == nil && i.Initialized == nil {
		err = fmt.Errorf("init: %w", errAnswer)
	}
	return i.Initialized != nil && *i.Initialized, err
}

// isStandbyNode asks for the health, whose status codes are answers.
func (v *Vault) isStandbyNode(ctx context.Context, n *node) (bool, error) {
	a, err := v.do(ctx, n, call{method: http.MethodGet, path: "health", any: true})
	if err != nil {
		return false, err
	}
	defer a.Body.Wipe()
	switch a.Status {
	case http.StatusOK, http.StatusNotImplemented, http.StatusServiceUnavailable: // active, uninitialised, sealed
		return false, nil
	case http.StatusTooManyRequests, 472, 473: // standby, or of a secondary cluster
		return true, nil
	}
	return false, fmt.Errorf("health: %w", refusal(a))
}

// standby says of a node that is not active which one is, if it knows.
func (v *Vault) standby(ctx context.Context, n *node, err error) error {
	var l leader
	if v.ask(ctx, n, call{method: http.MethodGet, path: leaderPath}, false, &l) == nil && l.HAEnabled && !l.IsSelf && l.Address != "" {
		return fmt.Errorf("%w (the active one says that it is at %s: give that address)", err, clean.Clean(l.Address))
	}
	return err
}

// active refuses a node that is sealed, standby or not initialised.
func (v *Vault) active(ctx context.Context) (sealStatus, error) {
	s, err := v.sealStatus(ctx, v.self)
	switch {
	case err != nil:
		return s, err
	case !s.Initialized:
		return s, vaultstate.ErrNotInitialized
	case s.Sealed:
		return s, fmt.Errorf("%s: %w", v.self.target.Address, ErrSealed)
	}
	standby, err := v.isStandbyNode(ctx, v.self)
	if err != nil {
		return s, err
	}
	if standby {
		return s, v.standby(ctx, v.self, fmt.Errorf("%s: %w", v.self.target.Address, ErrStandby))
	}
	return s, nil
}
