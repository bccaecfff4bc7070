package api

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"conclave/vaultstate"
)

type initRequest struct {
	SecretShares      int      `json:"secret_shares"`
	SecretThreshold   int      `json:"secret_threshold"`
	StoredShares      int      `json:"stored_shares"`
	PGPKeys           []string `json:"pgp_keys"`
	RecoveryShares    int      `json:"recovery_shares"`
	RecoveryThreshold int      `json:"recovery_threshold"`
	RecoveryPGPKeys   []string `json:"recovery_pgp_keys"`
	RootTokenPGPKey   string   `json:"root_token_pgp_key"`
}

// notApplicable names the parameters that an HSM seal has no use for (S2).
func (r initRequest) notApplicable(seal string) error {
	var bad []string
	for _, p := range []struct {
		name  string
		value int
	}{{"secret_shares", r.SecretShares}, {"secret_threshold", r.SecretThreshold}, {"stored_shares", r.StoredShares}} {
		if p.value != 0 && p.value != 1 {
			bad = append(bad, p.name)
		}
	}
	single := len(bad) > 0
	if len(r.PGPKeys) > 0 {
		bad = append(bad, "pgp_keys")
	}
	if bad == nil {
		return nil
	}
	says := []string{"parameters " + strings.Join(bad, ",") + " not applicable to seal type " + seal}
	if single {
		says = append(says, errSingle)
	}
	return refuse(http.StatusBadRequest, says...)
}

// initialize makes the vault. Its shares are on disk, if they go to PGP keys,
// before it counts; of plain ones, and of the root token, the answer is all there
// is.
func initialize(s *Server, c *call) (*answer, error) {
	if !slices.Contains(s.o.Allow, vaultstate.Init) {
		return nil, closed(c.path, vaultstate.Init, notAllowed(vaultstate.Init))
	}
	var r initRequest
	if err := c.decode(&r); err != nil {
		return nil, err
	}
	op, err := s.initOperation(c, r)
	if err != nil {
		return nil, err
	}
	if r := s.free(); r != nil {
		return nil, r
	}
	if _, err := s.begin(c, op); err != nil {
		return nil, err
	}
	issue, err := s.issued(c.ctx)
	if err != nil {
		return nil, errors.Join(said(err), s.cancel(c.ctx, plain(err)))
	}
	defer issue.Wipe()
	out := &texts{}
	defer out.wipe()
	a := object(public("keys", []string{}), public("keys_base64", []string{}),
		out.hex("recovery_keys", issue), out.base64("recovery_keys_base64", issue), out.token(issue))
	a.issued = true
	if err := s.commit(c.ctx); err != nil {
		a.wipe()
		return nil, err
	}
	s.done()
	return a, nil
}

// initOperation holds a request against the rules, in a server's order.
func (s *Server) initOperation(c *call, r initRequest) (vaultstate.Operation, error) {
	op := vaultstate.Operation{Kind: vaultstate.Init, Shares: r.RecoveryShares, Threshold: r.RecoveryThreshold, RootToken: true, SkipProof: true}
	st, err := s.o.Vault.Status(c.ctx)
	if err != nil {
		return op, err
	}
	if err := r.notApplicable(sealType(st)); err != nil {
		return op, err
	}
	if r.RecoveryShares == 0 && len(r.RecoveryPGPKeys) == 0 {
		return op, refuse(http.StatusBadRequest, "recovery configuration must specify a positive number of shares")
	}
	if op.PGPKeys, err = counts(op.Kind, r.RecoveryShares, r.RecoveryThreshold, r.RecoveryPGPKeys, s.o.Now()); err != nil {
		return op, refuse(http.StatusBadRequest, "invalid recovery configuration: "+plain(err))
	}
	if st.Initialized {
		return op, refuse(http.StatusBadRequest, "Vault is already initialized")
	}
	if r.RootTokenPGPKey != "" {
		if op.RootTokenPGPKey, err = tokenKey(r.RootTokenPGPKey, s.o.Now()); err != nil {
			return op, err
		}
	}
	return op, s.plainShares(op.PGPKeys, "recovery_pgp_keys")
}
