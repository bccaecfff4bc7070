package server

import (
	"context"
	"fmt"

	"conclave/assets/clean"
	"conclave/hsm/secret"
	"conclave/vaultstate"
)

var _ vaultstate.Remote = (*Vault)(nil)

// About is what the server says of itself. Further nodes are met with it, too.
func (v *Vault) About(ctx context.Context) (vaultstate.About, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	s, err := v.meet(ctx)
	return vaultstate.About{Version: clean.Clean(s.Version), Cluster: clean.Clean(s.ClusterName), ClusterID: clean.Clean(s.ClusterID), Clock: v.clock}, err
}

// Doors are the Ways for people.
func (v *Vault) Doors(ctx context.Context) ([]vaultstate.Door, error) {
	ways, err := v.Ways(ctx)
	var list []vaultstate.Door
	for _, w := range ways {
		list = append(list, vaultstate.Door{Kind: w.Kind, Path: "sys/" + w.Path, Open: w.usable(), Never: w.Access == AccessNotASeal, Text: w.Text,
			NeedsToken: w.Access == AccessToken || w.Access == AccessNoToken || w.Access == AccessRefused})
	}
	return list, err
}

// UseToken copies a token for the requests that need one.
func (v *Vault) UseToken(token secret.Bytes) error {
	if err := checkToken(token); err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.token.Wipe()
	v.token = secret.Bytes{}
	if token.Len() > 0 {
		v.token = token.Clone()
	}
	v.c.Token = v.token
	return nil
}

// Requests are the Exchanges since it was asked last.
func (v *Vault) Requests() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	var list []string
	for _, x := range v.log[v.told:] {
		list = append(list, x.text(v.self.target.Address))
	}
	v.told = len(v.log)
	return list
}

// text is an exchange in a line.
func (x Exchange) text(self string) string {
	s := fmt.Sprintf("%s %s", x.Method, x.Path)
	if x.Address != self {
		s += " at " + clean.Clean(x.Address)
	}
	switch {
	case x.Share:
		s += ", with a share"
	case x.Token:
		s += ", with the token"
	}
	if x.Status == 0 {
		return s + ": no answer"
	}
	s += fmt.Sprintf(": %d", x.Status)
	if x.RequestID != "" {
		s += " " + x.RequestID
	}
	return s
}

// Nonce is the server's name of what is pending.
func (v *Vault) Nonce() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.op == nil {
		return ""
	}
	return clean.Clean(v.op.nonce)
}

// RevokeIssued revokes the root token that the operation made.
func (v *Vault) RevokeIssued(ctx context.Context, id vaultstate.ID) (vaultstate.Check, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.op == nil || v.op.ID != id || v.issued.Len() == 0 {
		return vaultstate.Check{}, fmt.Errorf("%s: %w: the root token is not known here, so it cannot be revoked from here", id, vaultstate.ErrNoOperation)
	}
	check, err := v.revoke(ctx, v.issued)
	if err == nil {
		v.issued.Wipe()
	}
	return check, err
}
