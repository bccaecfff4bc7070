package api

import (
	"net/http"

	"conclave/vaultstate"
)

type rekeyRequest struct {
	SecretShares        int      `json:"secret_shares"`
	SecretThreshold     int      `json:"secret_threshold"`
	StoredShares        int      `json:"stored_shares"`
	PGPKeys             []string `json:"pgp_keys"`
	Backup              bool     `json:"backup"`
	RequireVerification bool     `json:"require_verification"`
}

// current is the pending operation if it is of the call's kind.
func (s *Server) current(c *call) *pending {
	if s.pending == nil || s.pending.op.Kind != c.kind() {
		return nil
	}
	return s.pending
}

func rekeyStatus(s *Server, c *call) (*answer, error) {
	if err := s.initialised(c); err != nil {
		return nil, err
	}
	p := s.current(c)
	if p == nil {
		st, err := s.o.Vault.Status(c.ctx)
		if err != nil {
			return nil, err
		}
		return object(public("nonce", ""), public("started", false), public("t", 0), public("n", 0), public("progress", 0),
			public("required", st.Threshold), public("pgp_fingerprints", nil), public("backup", false), public("verification_required", false)), nil
	}
	return p.rekey(), nil
}

// rekey is a pending rekey as the API shows it.
func (p *pending) rekey() *answer {
	n, t := p.op.Shares, p.op.Threshold
	if p.op.Kind == vaultstate.Rekey {
		n, t = 1, 1
	}
	list := []member{public("nonce", p.nonce), public("started", true), public("t", t), public("n", n), public("progress", len(p.given)),
		public("required", p.needed), public("pgp_fingerprints", p.pgp), public("backup", false),
		public("verification_required", p.op.Kind == vaultstate.RecoveryRekey)}
	if p.proof != nil {
		list = append(list, public("verification_nonce", p.proof.nonce))
	}
	return object(list...)
}

func beginRekey(s *Server, c *call) (*answer, error) {
	var r rekeyRequest
	if err := c.decode(&r); err != nil {
		return nil, err
	}
	op := vaultstate.Operation{Kind: c.kind(), SkipProof: c.kind() == vaultstate.RecoveryRekey}
	switch {
	case r.Backup && len(r.PGPKeys) == 0:
		return nil, refuse(http.StatusBadRequest, "cannot request a backup of the new keys without providing PGP keys for encryption")
	case len(r.PGPKeys) > 0 && len(r.PGPKeys) != r.SecretShares:
		return nil, refuse(http.StatusBadRequest, "incorrect number of PGP keys for rekey")
	}
	check := r.ofRootKey
	if op.Kind == vaultstate.RecoveryRekey {
		check = func() error { return s.ofRecoveryKey(r, &op) }
	}
	if err := check(); err != nil {
		return nil, err
	}
	if err := s.initialised(c); err != nil {
		return nil, err
	}
	if err := s.idle(op.Kind); err != nil {
		return nil, err
	}
	if op.Kind == vaultstate.RecoveryRekey {
		if err := s.plainShares(op.PGPKeys, "pgp_keys"); err != nil {
			return nil, err
		}
	}
	p, err := s.begin(c, op)
	if err != nil {
		return nil, err
	}
	return p.rekey(), nil
}

// ofRootKey refuses what a rekey of the root key cannot have (S2, S6).
func (r rekeyRequest) ofRootKey() error {
	switch {
	case len(r.PGPKeys) > 0:
		return refuse(http.StatusBadRequest, "PGP key encryption not supported when using stored keys")
	case r.Backup:
		return refuse(http.StatusBadRequest, "key backup not supported when using stored keys")
	case r.RequireVerification:
		return refuse(http.StatusBadRequest, "requiring verification not supported when rekeying the barrier key with recovery keys")
	}
	for _, n := range []int{r.SecretShares, r.SecretThreshold, r.StoredShares} {
		if n != 0 && n != 1 {
			return refuse(http.StatusBadRequest, "invalid rekey seal configuration: "+errSingle)
		}
	}
	return nil
}

// ofRecoveryKey takes over what a rekey of the recovery key asks for.
func (s *Server) ofRecoveryKey(r rekeyRequest, op *vaultstate.Operation) (err error) {
	if r.StoredShares != 0 {
		return refuse(http.StatusBadRequest, "stored shares not supported by recovery key")
	}
	op.Shares, op.Threshold = r.SecretShares, r.SecretThreshold
	if op.PGPKeys, err = counts(op.Kind, r.SecretShares, r.SecretThreshold, r.PGPKeys, s.o.Now()); err != nil {
		return refuse(http.StatusInternalServerError, "invalid recovery configuration: "+plain(err))
	}
	switch {
	case !r.RequireVerification:
		return refuse(http.StatusBadRequest, "require_verification is needed: new recovery keys count here when a threshold of them came back, and a lost answer would leave nobody with a key that does")
	case r.Backup:
		return refuse(http.StatusBadRequest, "no backup is kept: with PGP keys, the new shares are in the record")
	}
	return nil
}

// cancelRekey cancels what is pending; a server says the same if nothing is.
func cancelRekey(s *Server, c *call) (*answer, error) {
	if err := s.initialised(c); err != nil {
		return nil, err
	}
	if s.current(c) == nil {
		return noContent(), nil
	}
	if err := s.cancel(c.ctx, "a caller cancelled it"); err != nil {
		return nil, err
	}
	return noContent(), nil
}
