package server

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"

	"conclave/assets/clean"
	"conclave/hsm/secret"
	"conclave/vaultstate"
)

// maxOTP is more than any server's tokens are long.
const maxOTP = 256

func (v *Vault) beginRoot(ctx context.Context, op *operation) error {
	s, err := v.active(ctx)
	if err != nil {
		return err
	}
	op.found(s)
	if op.way, err = v.way(ctx, op.Kind); err != nil {
		return err
	}
	p, err := v.idle(ctx, op)
	if err != nil {
		return err
	}
	if op.padded() {
		if p.OTPLength < 1 || p.OTPLength > maxOTP {
			return fmt.Errorf("the length of the one-time pad: %w", errAnswer)
		}
		op.otp = secret.New(p.OTPLength)
		op.renewOTP()
	}
	return v.start(ctx, op)
}

// base62 is what the servers' own pads are made of. 248 is the largest multiple
// of 62 in a byte.
const base62 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// renewOTP draws the one-time pad anew, here: the token that comes back is
// known to nobody who did not see both.
func (op *operation) renewOTP() {
	otp := op.otp.Expose()
	draw := secret.New(1)
	defer draw.Wipe()
	for i := range otp {
		for {
			secret.Fill(draw.Expose())
			if draw.Expose()[0] < 248 {
				break
			}
		}
		otp[i] = base62[draw.Expose()[0]%62]
	}
}

// takeToken makes the issue of a finished generate-root.
func (v *Vault) takeToken(ctx context.Context, op *operation, p *pending) error {
	op.early = true // the token counts
	if op.RootTokenTTL > 0 {
		return v.takeShorter(ctx, op, p)
	}
	issued := &vaultstate.IssuedToken{}
	if op.tokenKey != nil {
		message, err := base64.StdEncoding.DecodeString(string(p.EncodedToken.Expose())) // encrypted
		if err != nil || len(message) == 0 {
			return op.lose(errAnswer, unreadable)
		}
		issued.Encrypted, issued.PGP = message, op.tokenKey.Fingerprint
		if err := op.addressed("the root token", *op.tokenKey, message); err != nil {
			return err
		}
	} else {
		token, err := decodeToken(p.EncodedToken.Bytes, op.otp)
		if err != nil {
			return op.lose(err, unreadable)
		}
		op.otp.Wipe()
		op.token = token
		issued.Plain = token.Clone()
		issued.Accessor = v.accessor(ctx, token)
	}
	op.issue = &vaultstate.Issue{Token: issued}
	op.phase = vaultstate.PhaseIssue
	return nil
}

// unreadable is what is so when the server made a root token and nobody can
// have it.
const unreadable = "a root token was made and counts, and cannot be read: whoever finds its accessor in the server's audit log revokes it"

// accessor is a token's; "" if the server does not tell.
func (v *Vault) accessor(ctx context.Context, token secret.Bytes) string {
	info, err := v.lookup(ctx, token)
	if err != nil {
		return ""
	}
	return clean.Clean(info.Accessor)
}

func (v *Vault) lookup(ctx context.Context, token secret.Bytes) (tokenInfo, error) {
	var info tokenInfo
	err := v.ask(ctx, v.self, call{method: http.MethodGet, path: "auth/token/lookup-self", token: token}, true, &info)
	return info, err
}

// Revoke revokes a token with itself, and asks whether it is gone.
func (v *Vault) Revoke(ctx context.Context, token secret.Bytes) (vaultstate.Check, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.revoke(ctx, token)
}

func (v *Vault) revoke(ctx context.Context, token secret.Bytes) (vaultstate.Check, error) {
	began := v.now()
	body := object()
	defer body.Wipe()
	accessor := v.accessor(ctx, token)
	err := v.tell(ctx, v.self, call{method: http.MethodPost, path: "auth/token/revoke-self", token: token, body: body})
	_, still := v.lookup(ctx, token)
	check := vaultstate.Check{
		Text: fmt.Sprintf("The token with the accessor %s is revoked: the server does not know it any more.", quoted(accessor)),
		OK:   reasonOf(still) == isForbidden, Took: v.now().Sub(began),
	}
	if check.OK {
		return check, nil
	}
	check.Text = fmt.Sprintf("The token with the accessor %s was to be revoked, and may still count.", quoted(accessor))
	if err == nil {
		err = still
	}
	if err == nil {
		err = fmt.Errorf("%w: the server still knows the token", vaultstate.ErrNotReady)
	}
	return check, fmt.Errorf("revoking the token with the accessor %s: %w", quoted(accessor), err)
}

func isRoot(info tokenInfo) bool { return slices.Contains(info.Policies, "root") }
