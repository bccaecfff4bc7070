package server

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"time"

	"conclave/hsm/secret"
	"conclave/vaultstate"
)

// gapWait is how long a server may take to unseal itself after its init.
const gapWait = time.Minute

// beginInit initialises the server: the request is the act.
func (v *Vault) beginInit(ctx context.Context, op *operation) error {
	s, err := v.sealStatus(ctx, v.self)
	if err != nil {
		return err
	}
	is, err := v.isInitialized(ctx)
	if err != nil {
		return err
	}
	if is || s.Initialized {
		return vaultstate.ErrInitialized
	}
	op.found(s)
	if !op.auto && !op.RootToken {
		return fmt.Errorf("%w: the server makes a root token, which nobody can revoke while it is sealed: say who gets it", vaultstate.ErrUnsupported)
	}
	// Without anybody who gets the root token, the server would be nobody's if this
	// process ended between its init and the proofs: then the shares come at once.
	if op.auto && !op.SkipProof && op.RootToken {
		switch done, err := v.initInTwo(ctx, op); {
		case err != nil:
			return err
		case done:
			return nil
		}
	}
	var a initAnswer
	defer a.wipe()
	if _, err := v.initialize(ctx, op.initRequest(), &a); err != nil {
		return err
	}
	op.early = true
	keys := a.Keys
	if op.auto {
		keys = a.RecoveryKeys
	}
	shares, err := op.issueOf(keys)
	if err != nil {
		return lost(err, "the server is initialised, and its shares cannot be read: clear its storage and begin again")
	}
	op.issue = &vaultstate.Issue{Set: op.set.String(), Shares: shares}
	if err := op.initToken(a.RootToken); err != nil {
		return err
	}
	if t := op.issue.Token; t != nil && op.auto && op.token.Len() > 0 {
		t.Accessor = v.accessor(ctx, op.token)
	}
	op.phase = vaultstate.PhaseIssue
	return nil
}

// initRequest has recovery_* alone under an HSM seal: servers refuse the others.
func (op *operation) initRequest() secret.Bytes {
	prefix := "secret_"
	pgpName := "pgp_keys"
	if op.auto {
		prefix, pgpName = "recovery_", "recovery_pgp_keys"
	}
	fields := []field{{name: prefix + "shares", public: op.Shares}, {name: prefix + "threshold", public: op.Threshold}}
	if op.holders != nil {
		fields = append(fields, field{name: pgpName, public: op.pgpTexts()})
	}
	if op.tokenKey != nil {
		fields = append(fields, field{name: "root_token_pgp_key", public: base64.StdEncoding.EncodeToString(op.RootTokenPGPKey)})
	}
	return object(fields...)
}

// initialize sends an init, and asks the server what became of it if its answer
// is not a good one. asIs tells that the server refused and nothing changed.
func (v *Vault) initialize(ctx context.Context, body secret.Bytes, to *initAnswer) (asIs bool, err error) {
	defer body.Wipe()
	err = v.ask(ctx, v.self, call{method: http.MethodPut, path: "init", body: body, slow: true}, false, to)
	if err == nil || errors.Is(err, ErrPinned) {
		return false, err
	}
	is, asked := v.isInitialized(context.WithoutCancel(ctx))
	switch {
	case asked != nil:
		return false, lost(err, "whether the server is initialised is not known (%v): ask it before anything else", asked)
	case is && errors.Is(err, errAnswer):
		return false, lost(err, "the server is initialised, and its answer with the shares and the root token cannot be read. They come no second time: clear its storage and begin again")
	case is && answered(err):
		return false, lost(err, "the server refused, and is initialised all the same. Shares and root token are lost, and nobody can use it: clear its storage and begin again")
	case is:
		return false, lost(err, "the server is initialised. Shares and root token were in the answer and come no second time: clear its storage and begin again")
	case answered(err):
		return true, fmt.Errorf("initialising: the server is not initialised, nothing was changed: %w", err)
	}
	return false, lost(err, "the server says that it is not initialised. If its HSM is slow, it may still be at it: ask again before anything else")
}

// initInTwo initialises without recovery keys, which only some servers do, and
// then has them made by a rotation that counts when it is verified. Until then
// the root token is the only authority: it goes into the issue with the shares.
// done is false if the server does not do it.
func (v *Vault) initInTwo(ctx context.Context, op *operation) (done bool, err error) {
	body := object(field{name: "recovery_shares", public: 0}, field{name: "recovery_threshold", public: 0})
	var a initAnswer
	defer a.wipe()
	asIs, err := v.initialize(ctx, body, &a)
	var r *Refusal
	if asIs && errors.As(err, &r) && r.Status == http.StatusBadRequest {
		return false, nil // it does not do this
	}
	if err != nil {
		return false, err
	}
	if a.RootToken.Len() == 0 || checkToken(a.RootToken.Bytes) != nil {
		return false, lost(nil, "the server is initialised without recovery keys, and its root token cannot be read: clear its storage and begin again")
	}
	op.gap, op.verification = true, true
	op.token = a.RootToken.Clone()
	op.way = Way{Kind: vaultstate.RecoveryRekey, Path: firstKeys.path, Access: AccessToken, start: firstKeys.start, inData: firstKeys.inData}
	op.issue = &vaultstate.Issue{}
	err = v.waitActive(ctx)
	if err == nil {
		err = v.start(ctx, op)
	}
	if err == nil && len(op.issue.Shares) == 0 {
		err = fmt.Errorf("%w: the rotation wants a quorum, and there are no recovery keys", vaultstate.ErrChangedThere)
	}
	op.issue.Token = op.tokenHere(v.accessor(ctx, op.token))
	if err != nil {
		op.onlyToken()
		return false, fmt.Errorf("the server is initialised without recovery keys, and making them failed: its root token is the only authority. Take hands it out: %w", err)
	}
	return true, nil
}

// tokenHere is the operation's token for the issue: to its PGP key, it is encrypted
// here. Where that fails, plain is better than lost.
func (op *operation) tokenHere(accessor string) *vaultstate.IssuedToken {
	t := &vaultstate.IssuedToken{Accessor: accessor}
	if op.tokenKey != nil {
		var err error
		if t.Encrypted, err = op.tokenKey.Encrypt(op.token); err == nil {
			t.PGP = op.tokenKey.Fingerprint
			return t
		}
		op.outcome.Checks = append(op.outcome.Checks, vaultstate.Check{Text: "The token could not be encrypted to its PGP key, and came in plain."})
	}
	t.Plain = op.token.Clone()
	return t
}

// onlyToken leaves of an init in the gap what counts: the root token.
func (op *operation) onlyToken() {
	if op.issue == nil {
		op.issue = &vaultstate.Issue{}
	}
	(&vaultstate.Issue{Shares: op.issue.Shares}).Wipe()
	op.issue.Shares = nil
	op.wipeProven()
	op.Shares, op.Threshold, op.holders, op.nonce = 0, 0, nil, ""
	op.phase = vaultstate.PhaseIssue
	if op.taken {
		op.phase = vaultstate.PhaseReady
	}
}

// initToken takes the root token of an ordinary init. One that was not asked for
// is revoked in Commit.
func (op *operation) initToken(token text) error {
	switch {
	case token.Len() == 0:
		return nil
	case op.tokenKey != nil:
		message, err := base64.StdEncoding.DecodeString(string(token.Expose())) // encrypted
		if err != nil {
			return lost(err, "the server is initialised, and its root token cannot be read")
		}
		op.issue.Token = &vaultstate.IssuedToken{Encrypted: message, PGP: op.tokenKey.Fingerprint}
		return op.addressed("the root token", *op.tokenKey, message)
	case op.RootToken:
		op.issue.Token = &vaultstate.IssuedToken{Plain: token.Clone()}
		op.token = token.Clone()
	default:
		op.token = token.Clone()
	}
	return nil
}

// waitActive waits until the server has unsealed itself and is active.
func (v *Vault) waitActive(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, gapWait)
	defer cancel()
	for {
		_, err := v.active(ctx)
		if err == nil || !errors.Is(err, ErrSealed) && !errors.Is(err, ErrStandby) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for the server to unseal itself: %w", err)
		case <-time.After(200 * time.Millisecond):
		}
	}
}
