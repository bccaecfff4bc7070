package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"conclave/assets/clean"
	"conclave/vaultstate"
)

// takeShorter makes the issue of a generate-root whose receiver gets a token that
// ends by itself: the root token makes it, and is revoked before anybody has
// either. The new one has no parent, so it outlives the root token, and cannot be
// renewed past its end.
func (v *Vault) takeShorter(ctx context.Context, op *operation, p *pending) error {
	root, err := decodeToken(p.EncodedToken.Bytes, op.otp)
	if err != nil {
		return op.lose(err, unreadable)
	}
	defer root.Wipe()
	op.otp.Wipe()
	var made createAnswer
	defer made.Auth.Token.Wipe()
	body := object(field{name: "policies", public: []string{"root"}}, field{name: "ttl", public: seconds(op.RootTokenTTL)},
		field{name: "explicit_max_ttl", public: seconds(op.RootTokenTTL)}, field{name: "renewable", public: false}, field{name: "display_name", public: "conclave"})
	defer body.Wipe()
	err = v.ask(ctx, v.self, call{method: http.MethodPost, path: "auth/token/create-orphan", token: root, body: body}, false, &made)
	if err == nil && (made.Auth.Token.Len() == 0 || made.Auth.Accessor == "" || made.Auth.Lease <= 0 || time.Duration(made.Auth.Lease)*time.Second > op.RootTokenTTL) {
		err = fmt.Errorf("auth/token/create-orphan: %w", errAnswer)
	}
	gone, revoked := v.revoke(context.WithoutCancel(ctx), root)
	if err != nil {
		so := "a root token was made and revoked again, and there is no other"
		if revoked != nil {
			so = "a root token was made and could not be revoked: whoever finds its accessor in the server's audit log revokes it"
		}
		if !answered(err) || errors.Is(err, errAnswer) {
			so += ". A token that nobody has may count until it ends, " + op.RootTokenTTL.String() + " from now"
		}
		return op.lose(err, "%s", so)
	}
	gone.Text = "Of the root token: " + gone.Text
	op.outcome.Checks = append(op.outcome.Checks, gone)
	op.token = made.Auth.Token.Clone()
	op.issue = &vaultstate.Issue{Token: op.tokenHere(clean.Clean(made.Auth.Accessor))}
	op.phase = vaultstate.PhaseIssue
	return nil
}

func seconds(d time.Duration) string { return fmt.Sprintf("%ds", int64(d/time.Second)) }

// createAnswer is a new token's.
type createAnswer struct {
	Auth struct {
		Token    text   `json:"client_token"`
		Accessor string `json:"accessor"`
		Lease    int64  `json:"lease_duration"` // seconds
	} `json:"auth"`
}
