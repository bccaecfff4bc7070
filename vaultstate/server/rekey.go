package server

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"

	"conclave/hsm/secret"
	"conclave/vaultstate"
	"conclave/vaultstate/share"
)

func (v *Vault) beginRekey(ctx context.Context, op *operation) error {
	if err := v.prepareRekey(ctx, op); err != nil {
		return err
	}
	if _, err := v.idle(ctx, op); err != nil {
		return err
	}
	return v.start(ctx, op)
}

// prepareRekey holds what is asked against the seal, and finds the endpoint.
func (v *Vault) prepareRekey(ctx context.Context, op *operation) error {
	s, err := v.active(ctx)
	if err != nil {
		return err
	}
	op.found(s)
	switch {
	case op.Kind == vaultstate.RecoveryRekey && !op.auto:
		return fmt.Errorf("%w: the server has a Shamir seal and no recovery keys; new unseal keys are another target: -target=unseal", vaultstate.ErrUnsupported)
	case op.Kind == vaultstate.Rekey && op.auto:
		if err := op.singleValue(); err != nil {
			return err
		}
	case op.Kind == vaultstate.Rekey && op.Shares == 0:
		return fmt.Errorf("%w: the server has a Shamir seal, and makes a new root key with new unseal keys only: -target=unseal", vaultstate.ErrUnsupported)
	case op.Kind == vaultstate.Rekey:
		if err := share.CheckCounts(op.Shares, op.Threshold); err != nil {
			return fmt.Errorf("beginning rekey: %w", err)
		}
	}
	op.verification = op.Shares > 0 && !op.SkipProof
	switch {
	case op.auto && s.N == 0 && op.Kind == vaultstate.RecoveryRekey:
		op.way, err = v.firstKeysWay(ctx)
	default:
		op.way, err = v.way(ctx, op.Kind)
	}
	return err
}

// singleValue is rule S2: a server would force other values to 1 without a word.
func (op *operation) singleValue() error {
	for _, n := range []int{op.Shares, op.Threshold} {
		if n != 0 && n != 1 {
			return fmt.Errorf("%w: key shares and key threshold are 1, not %d", vaultstate.ErrSingleValue, n)
		}
	}
	if op.PGPKeys != nil {
		return errors.New("beginning rekey: it makes no shares under an HSM seal, and there are PGP keys for them")
	}
	op.Shares, op.Threshold = 0, 0
	return nil
}

// idle refuses where something is pending, whoever began it, and learns how
// many shares are needed.
func (v *Vault) idle(ctx context.Context, op *operation) (pending, error) {
	p, err := v.read(ctx, op)
	if err != nil {
		return p, fmt.Errorf("reading what is pending: %w", err)
	}
	if p.Started {
		return p, fmt.Errorf("%w: the server says that somebody began it: %s", vaultstate.ErrPending, describe(op.Kind, p))
	}
	switch {
	case p.Required < 0 || p.Required > 255:
		return p, fmt.Errorf("how many shares are needed: %w", errAnswer)
	case p.Required == 0 && op.Kind != vaultstate.RecoveryRekey:
		return p, fmt.Errorf("%w: the server has no recovery keys, so nothing can be authorised with them; with a root token, a recovery rekey makes them", vaultstate.ErrUnsupported)
	}
	op.needed = p.Required
	return p, nil
}

// firstKeysWay is how recovery keys are made where there are none: the older
// endpoint would wait for shares for ever.
func (v *Vault) firstKeysWay(ctx context.Context) (Way, error) {
	c := firstKeys
	access, err := v.probe(ctx, c)
	if err != nil {
		return Way{}, fmt.Errorf("asking whether recovery keys can be made: %w", err)
	}
	w := Way{Kind: vaultstate.RecoveryRekey, Path: c.path, Access: access, start: c.start, inData: c.inData}
	w.Text = say(w)
	return w.checked()
}

func describe(kind vaultstate.Kind, p pending) string {
	text := fmt.Sprintf("nonce %s, %d of %d shares given", quoted(p.Nonce), p.Progress, p.Required)
	if kind == vaultstate.GenerateRoot {
		return text + ", the token for the PGP key " + quoted(p.TokenPGP)
	}
	return text + fmt.Sprintf(", %d new shares with the threshold %d for the PGP keys %s, verification %t", p.N, p.T, list(p.PGP), p.VerificationRequired)
}

// request is the operation as the server is asked for it.
func (op *operation) request() secret.Bytes {
	if op.Kind == vaultstate.GenerateRoot {
		if !op.padded() {
			return object(field{name: "pgp_key", public: base64.StdEncoding.EncodeToString(op.RootTokenPGPKey)})
		}
		return object(field{name: "otp", secret: op.otp})
	}
	n, t := op.counts()
	fields := []field{{name: "secret_shares", public: n}, {name: "secret_threshold", public: t}}
	if op.holders != nil {
		fields = append(fields, field{name: "pgp_keys", public: op.pgpTexts()})
	}
	if op.verification {
		fields = append(fields, field{name: "require_verification", public: true})
	}
	return object(fields...)
}

func (op *operation) pgpTexts() []string {
	var texts []string
	for _, k := range op.holders {
		texts = append(texts, base64.StdEncoding.EncodeToString(k.Binary))
	}
	return texts
}

// start begins the operation at the server, and takes its nonce.
func (v *Vault) start(ctx context.Context, op *operation) error {
	op.nonce, op.verifyNonce, op.sent, op.verifySent = "", "", 0, 0
	body := op.request()
	defer body.Wipe()
	c := v.atWay(op, http.MethodPut, op.way.start)
	c.body = body
	var p pending
	defer p.wipe()
	switch err := v.ask(ctx, v.self, c, op.way.inData, &p); {
	case err == nil:
	case reasonOf(err) == isPending:
		return fmt.Errorf("%w: somebody else began one: %w", vaultstate.ErrPending, err)
	case !answered(err):
		return lost(err, "%s may have begun at the server. No share was sent: look at its status and cancel it there before beginning again", op.Kind)
	default:
		return fmt.Errorf("beginning %s: nothing was changed: %w", op.Kind, err)
	}
	if p.Complete { // no quorum was needed: there are no recovery keys so far
		return v.finish(ctx, op, &p)
	}
	if p.Nonce == "" {
		return fmt.Errorf("beginning %s: %w: it has no nonce", op.Kind, errAnswer)
	}
	// Where it was begun without PGP keys, "rotate" does not mention any.
	if err := changed(op.differences(p)); err != nil {
		op.nonce = p.Nonce
		return errors.Join(fmt.Errorf("beginning %s: %w", op.Kind, err), v.stop(ctx, op))
	}
	op.nonce = p.Nonce
	return nil
}

// stop cancels the operation at the server. Newer ones want the nonce.
func (v *Vault) stop(ctx context.Context, op *operation) error {
	body := nonceBody(op.nonce)
	defer body.Wipe()
	c := v.atWay(op, http.MethodDelete, op.way.start)
	c.body = body
	if err := v.tell(ctx, v.self, c); err != nil {
		return fmt.Errorf("cancelling %s at the server: %w", op.Kind, err)
	}
	return nil
}

// restart begins the operation anew with the same parameters, if what is
// pending is ours. Of a stranger's it is ErrChanged.
func (v *Vault) restart(ctx context.Context, op *operation) error {
	p, err := v.read(ctx, op)
	if err != nil {
		return fmt.Errorf("reading what is pending: %w", err)
	}
	if err := changed(op.differences(p)); err != nil {
		return err
	}
	if p.Progress == 0 && op.verifyNonce == "" {
		op.sent = 0 // the server forgot the shares itself
		return nil
	}
	if err := v.stop(ctx, op); err != nil {
		return err
	}
	if op.Kind == vaultstate.GenerateRoot {
		op.renewOTP()
	}
	return v.start(ctx, op)
}
