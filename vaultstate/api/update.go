package api

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"

	"conclave/hsm/secret"
	"conclave/vaultstate"
	"conclave/vaultstate/share"
)

type updateRequest struct {
	Key   text   `json:"key"`
	Nonce string `json:"nonce"`
}

// words are what servers call an operation in their refusals.
var words = map[vaultstate.Kind]struct{ none, nonce, twice string }{
	vaultstate.Rekey:         {"no barrier rekey in progress", "rekey", "generation"},
	vaultstate.RecoveryRekey: {"no recovery rekey in progress", "rekey", "rekey"},
	vaultstate.GenerateRoot:  {"no root generation in progress", "root generation", "generation"},
}

// share is the share of a request, which the caller owns, and the nonce beside it.
func (c *call) share() (secret.Bytes, string, error) {
	var r updateRequest
	defer func() { r.Key.Wipe() }()
	if err := c.decode(&r); err != nil {
		return secret.Bytes{}, "", err
	}
	one, err := r.Key.share()
	return one, r.Nonce, err
}

// giveShare takes one share of the quorum. The last one decides.
func giveShare(s *Server, c *call) (*answer, error) {
	one, nonce, err := c.share()
	if err != nil {
		return nil, err
	}
	kept := false
	defer func() {
		if !kept {
			one.Wipe()
		}
	}()
	p := s.current(c)
	if err := s.takes(c, p, nonce, one); err != nil {
		return nil, err
	}
	p.given, kept = append(p.given, one), true
	if len(p.given) < p.needed {
		if p.op.Kind == vaultstate.GenerateRoot {
			return p.root(false, secret.Bytes{}), nil
		}
		return p.rekey(), nil
	}
	return s.decide(c, p)
}

// takes tells whether a share can be taken now, in a server's order.
func (s *Server) takes(c *call, p *pending, nonce string, one secret.Bytes) error {
	w := words[c.kind()]
	if err := s.initialised(c); err != nil {
		return err
	}
	if r := shareLength(one); r != nil {
		if c.kind() == vaultstate.GenerateRoot {
			r.messages[0] = "invalid key: " + r.messages[0]
		}
		return r
	}
	switch {
	case p == nil:
		return refuse(http.StatusBadRequest, w.none)
	case p.proof != nil:
		return refuse(http.StatusBadRequest, fmt.Sprintf("rekey operation already finished; verification must be performed; nonce for the verification operation is %q", p.proof.nonce))
	case nonce != p.nonce:
		return refuse(http.StatusBadRequest, fmt.Sprintf("incorrect nonce supplied; nonce for this %s operation is %q", w.nonce, p.nonce))
	}
	for _, was := range p.given {
		if was.Equal(one) {
			return refuse(http.StatusBadRequest, fmt.Sprintf("given key has already been provided during this %s operation", w.twice))
		}
	}
	return nil
}

// decide hands the quorum to the vault. One that does not do is forgotten.
func (s *Server) decide(c *call, p *pending) (*answer, error) {
	defer p.forget()
	if r := p.combinable(); r != nil {
		return nil, r
	}
	_, err := s.o.Vault.Submit(c.ctx, p.op.ID, p.given)
	var q *vaultstate.QuorumError
	wrong := errors.As(err, &q)
	result := "the shares make the recovery key"
	if wrong {
		result = "the shares do not make the recovery key"
	} else if err != nil {
		result = plain(err)
	}
	if e := s.note("quorum", map[string]any{"given": len(p.given), "needed": p.needed, "result": result}); e != nil {
		return nil, errors.Join(e, s.cancel(c.ctx, "the record failed"))
	}
	switch {
	case wrong:
		says := "recovery key verification failed: recovery key does not match submitted values"
		if p.op.Kind == vaultstate.GenerateRoot {
			says = "root generation aborted: unable to authenticate: " + says
		}
		return nil, refuse(http.StatusBadRequest, says)
	case err != nil:
		return nil, said(err)
	}
	switch p.op.Kind { //nolint:exhaustive // the others take no shares
	case vaultstate.Rekey:
		if err := s.commit(c.ctx); err != nil {
			return nil, err
		}
		s.done()
		return object(public("nonce", p.nonce), public("complete", true), public("keys", []string{}), public("keys_base64", []string{}),
			public("pgp_fingerprints", nil), public("backup", false), public("verification_required", false)), nil
	case vaultstate.GenerateRoot:
		return s.rootToken(c, p)
	}
	return s.newShares(c, p)
}

// combinable refuses what cannot be put together.
func (p *pending) combinable() *refusal {
	what, status := "recovery", http.StatusInternalServerError
	switch p.op.Kind { //nolint:exhaustive // the others take no shares
	case vaultstate.Rekey:
		what = "root"
	case vaultstate.GenerateRoot:
		what, status = "root", http.StatusBadRequest
	}
	for i, one := range p.given {
		switch {
		case p.needed == 1: // it is the key
		case one.Len() != p.given[0].Len():
			return refuse(status, "failed to compute "+what+" key: all parts must be the same length")
		case share.DuplicateX(p.given[:i], one) >= 0:
			return refuse(status, "failed to compute "+what+" key: duplicate part detected")
		}
	}
	return nil
}

// rootToken makes the token count, and hides it from whoever does not have the
// one-time password.
func (s *Server) rootToken(c *call, p *pending) (*answer, error) {
	issue, err := s.issued(c.ctx)
	if err != nil {
		return nil, errors.Join(said(err), s.cancel(c.ctx, plain(err)))
	}
	defer issue.Wipe()
	var encoded secret.Bytes
	if m := issue.Token.Encrypted; m != nil {
		encoded = secret.Take([]byte(base64.StdEncoding.EncodeToString(m)))
	} else if encoded, err = pad(issue.Token.Plain, p.otp); err != nil {
		return nil, errors.Join(said(err), s.cancel(c.ctx, plain(err)))
	}
	defer encoded.Wipe()
	if err := s.commit(c.ctx); err != nil {
		return nil, err
	}
	a := p.root(true, encoded)
	a.issued = true
	s.done()
	return a, nil
}

// pad is the token under the one-time password, as base64.
func pad(token, otp secret.Bytes) (secret.Bytes, error) {
	if token.Len() != otp.Len() {
		return secret.Bytes{}, errors.New("the token and its one-time password differ in length")
	}
	x := token.Clone()
	defer x.Wipe()
	for i, b := range otp.Expose() {
		x.Expose()[i] ^= b
	}
	out := secret.New(base64.RawStdEncoding.EncodedLen(x.Len()))
	base64.RawStdEncoding.Encode(out.Expose(), x.Expose())
	return out, nil
}
