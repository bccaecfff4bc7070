package api

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"conclave/hsm/secret"
	"conclave/vaultstate"
	"conclave/vaultstate/share"
)

// newShares hands the new recovery shares out. They count once a threshold of
// them came back.
func (s *Server) newShares(c *call, p *pending) (*answer, error) {
	fail := func(err error) (*answer, error) {
		return nil, errors.Join(said(err), s.cancel(c.ctx, plain(err)))
	}
	issue, err := s.issued(c.ctx)
	if err != nil {
		return fail(err)
	}
	defer issue.Wipe()
	proof := &proof{nonce: uuid()}
	if proof.set, err = share.ParseSet(issue.Set); err != nil {
		return fail(err)
	}
	for _, is := range issue.Shares {
		proof.prints = append(proof.prints, is.Fingerprint)
	}
	now, err := s.o.Vault.Progress(c.ctx, p.op.ID)
	if err == nil && now.Staged == nil {
		err = vaultstate.ErrNotReady
	}
	if err != nil {
		return fail(err)
	}
	proof.key = now.Staged.RecoveryKey
	p.proof = proof
	out := &texts{}
	defer out.wipe()
	a := object(public("nonce", p.nonce), public("complete", true), out.hex("keys", issue), out.base64("keys_base64", issue),
		public("pgp_fingerprints", p.pgp), public("backup", false), public("verification_required", true), public("verification_nonce", proof.nonce))
	a.issued = true
	return a, nil
}

// proving is the pending proof.
func (s *Server) proving(c *call, none string) (*pending, error) {
	if err := s.initialised(c); err != nil {
		return nil, err
	}
	p := s.current(c)
	switch {
	case p == nil:
		return nil, refuse(http.StatusBadRequest, none)
	case p.proof == nil:
		return nil, refuse(http.StatusBadRequest, "no rekey verification in progress")
	}
	return p, nil
}

func verifyStatus(s *Server, c *call) (*answer, error) {
	p, err := s.proving(c, "no rekey configuration found")
	if err != nil {
		return nil, err
	}
	return p.verification(), nil
}

func (p *pending) verification() *answer {
	return object(public("nonce", p.proof.nonce), public("started", true), public("t", p.op.Threshold), public("n", p.op.Shares),
		public("progress", len(p.proof.given)))
}

// restartVerify forgets the shares that came back.
func restartVerify(s *Server, c *call) (*answer, error) {
	p, err := s.proving(c, "no rekey configuration found")
	if err != nil {
		return nil, err
	}
	p.proof.restart()
	return noContent(), nil
}

func (p *proof) restart() {
	secret.WipeAll(p.given)
	p.given, p.nonce = nil, uuid()
}

// verify takes one of the new shares. The last of a threshold decides.
func verify(s *Server, c *call) (*answer, error) {
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
	if r := shareLength(one); r != nil {
		return nil, r
	}
	p, err := s.proving(c, "no rekey in progress")
	if err != nil {
		return nil, err
	}
	if nonce != p.proof.nonce {
		return nil, refuse(http.StatusBadRequest, fmt.Sprintf("incorrect nonce supplied; nonce for this verify operation is %q", p.proof.nonce))
	}
	for _, was := range p.proof.given {
		if was.Equal(one) {
			return nil, refuse(http.StatusBadRequest, "given key has already been provided during this verify operation")
		}
	}
	p.proof.given, kept = append(p.proof.given, one), true
	if len(p.proof.given) < p.op.Threshold {
		return p.verification(), nil
	}
	return s.prove(c, p)
}

// prove compares what came back with what went out, share by share, and together
// with the staged key. Then the new shares count.
func (s *Server) prove(c *call, p *pending) (*answer, error) {
	nonce := p.proof.nonce
	numbers, ok := p.proof.numbers()
	if ok {
		for i, n := range numbers {
			if _, err := s.o.Vault.Verify(c.ctx, p.op.ID, n, p.proof.given[i]); err != nil {
				return nil, errors.Join(said(err), s.cancel(c.ctx, plain(err)))
			}
		}
		ok = p.proof.makeKey()
	}
	if err := s.note("combined", map[string]any{"set": p.proof.set.String(), "given": len(p.proof.given), "needed": p.op.Threshold, "same": ok}); err != nil {
		return nil, errors.Join(err, s.cancel(c.ctx, "the record failed"))
	}
	if !ok {
		p.proof.restart()
		return nil, refuse(http.StatusBadRequest, "rekey verification failed; incorrect key shares supplied")
	}
	if err := s.commit(c.ctx); err != nil {
		return nil, err
	}
	s.done()
	return object(public("nonce", nonce), public("complete", true)), nil
}

// numbers are the numbers of the shares that came back, by their fingerprints.
func (p *proof) numbers() (list []int, ok bool) {
	for _, one := range p.given {
		n := slices.Index(p.prints, vaultstate.Digest(p.set.Fingerprint(one)))
		if n < 0 {
			return nil, false
		}
		list = append(list, n+1)
	}
	return list, true
}

// makeKey tells whether what came back makes the staged key.
func (p *proof) makeKey() bool {
	key := p.given[0].Clone()
	if len(p.given) > 1 {
		key.Wipe()
		var err error
		if key, err = share.Combine(p.given); err != nil {
			return false
		}
	}
	defer func() { key.Wipe() }()
	return vaultstate.KeyDigest("recovery-key", key) == p.key
}
