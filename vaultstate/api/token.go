package api

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"conclave/vaultstate"
)

var errDenied = refuse(http.StatusForbidden, "permission denied")

// holder is the accessor of the root token that the call carries.
func (s *Server) holder(c *call) (string, error) {
	if err := s.initialised(c); err != nil {
		return "", err
	}
	accessor, err := s.o.Vault.CheckToken(c.ctx, c.token)
	if errors.Is(err, vaultstate.ErrToken) {
		return "", errDenied
	}
	return accessor, err
}

// initialised is what every operation but init needs. A server without it is
// sealed.
func (s *Server) initialised(c *call) error {
	st, err := s.o.Vault.Status(c.ctx)
	if err == nil && !st.Initialized {
		err = refuse(http.StatusServiceUnavailable, "Vault is sealed")
	}
	return err
}

// rotate makes a new data encryption key. Its authority is the token.
func rotate(s *Server, c *call) (*answer, error) {
	accessor, err := s.holder(c)
	if err != nil {
		return nil, err
	}
	if err := s.free(); err != nil {
		return nil, err
	}
	p, err := s.begin(c, vaultstate.Operation{Kind: vaultstate.Rotate})
	if err != nil {
		return nil, err
	}
	if _, err := s.o.Vault.SubmitToken(c.ctx, p.op.ID, c.token); err != nil {
		return nil, errors.Join(err, s.cancel(c.ctx, "the token did not authorise it"))
	}
	if err := s.note("authorised", map[string]any{"what": "a rotation, by the root token with the accessor " + accessor}); err != nil {
		return nil, errors.Join(err, s.cancel(c.ctx, "the record failed"))
	}
	if err := s.commit(c.ctx); err != nil {
		return nil, err
	}
	s.done()
	return noContent(), nil
}

func keyStatus(s *Server, c *call) (*answer, error) {
	if _, err := s.holder(c); err != nil {
		return nil, err
	}
	t, err := s.o.Vault.ActiveTerm(c.ctx)
	if err != nil {
		return nil, err
	}
	return wrapped(map[string]any{"term": t.Term, "install_time": t.Installed.UTC().Format(time.RFC3339Nano), "encryptions": 0}, true), nil
}

// lookupSelf says that a token is a root token of this vault. The token itself is
// not in it.
func lookupSelf(s *Server, c *call) (*answer, error) {
	accessor, err := s.holder(c)
	if err != nil {
		return nil, err
	}
	return wrapped(map[string]any{"accessor": accessor, "policies": []string{"root"}, "path": "auth/token/root", "type": "service",
		"display_name": "root", "ttl": 0, "creation_ttl": 0, "explicit_max_ttl": 0, "num_uses": 0, "orphan": true, "expire_time": nil, "meta": nil, "entity_id": ""}, false), nil
}

// revokeSelf takes the token that the call carries out of the vault. A session
// that may make one may do it.
func revokeSelf(s *Server, c *call) (*answer, error) {
	if !slices.Contains(s.o.Allow, vaultstate.GenerateRoot) && !slices.Contains(s.o.Allow, vaultstate.Init) {
		return nil, refuse(http.StatusForbidden, "permission denied", "this session of conclave serve allows neither generate-root nor init")
	}
	accessor, err := s.holder(c)
	if err != nil {
		return nil, err
	}
	if p := s.free(); p != nil {
		return nil, p
	}
	checks, err := s.o.Vault.RevokeRoot(c.ctx, accessor)
	if err != nil {
		return nil, err
	}
	s.changes++
	text := ""
	for _, one := range checks {
		text += " " + one.Text
	}
	if err := s.note("token", map[string]any{"accessor": accessor, "fate": "revoked", "receiver": strings.TrimSpace(text)}); err != nil {
		return nil, err
	}
	return noContent(), nil
}
