package server

import (
	"context"
	"errors"
	"fmt"

	"conclave/assets/clean"
	"conclave/vaultstate"
)

// Status says what the server says of itself. A node that is sealed, standby or
// not initialised has a status, too.
func (v *Vault) Status(ctx context.Context) (vaultstate.Status, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	st := vaultstate.Status{Kind: "server", Name: v.self.target.Address, Can: vaultstate.Capabilities{InitToken: true}}
	s, err := v.sealStatus(ctx, v.self)
	if err != nil {
		return st, err
	}
	st.Initialized, st.SealType, st.Sealed = s.Initialized, clean.Clean(s.Type), "no"
	st.Shares, st.Threshold = s.N, s.T
	if s.Sealed {
		st.Sealed = "yes"
	}
	if s.RecoverySeal && s.Type == "shamir" { // older servers name the seal of the recovery key
		st.SealType = "auto-unseal"
	}
	st.Can.ProveAll = true
	if !s.Initialized {
		return st, nil
	}
	if s.N == 0 && s.RecoverySeal {
		st.Warnings = append(st.Warnings, "There are no recovery keys: whoever has a root token is the only authority.")
	}
	switch _, err := v.active(ctx); {
	case errors.Is(err, ErrSealed), errors.Is(err, ErrStandby):
		st.Warnings = append(st.Warnings, "Nothing can be done at this node now: "+err.Error()+".")
		return st, nil
	case err != nil:
		return st, err
	}
	ways, err := v.askWays(ctx)
	if err != nil {
		return st, err
	}
	for _, w := range ways {
		if !w.usable() {
			if w.Access != AccessNotASeal {
				st.Warnings = append(st.Warnings, w.Text)
			}
			continue
		}
		if w.start == "" {
			continue
		}
		p, err := v.read(ctx, &operation{way: w})
		if err != nil {
			return st, err
		}
		if p.Started {
			st.Pending = append(st.Pending, vaultstate.Leftover{
				Kind: w.Kind, State: "pending", Path: "sys/" + w.Path,
				Text: fmt.Sprintf("The server says that a %s is pending: %s. Whoever began it can finish or cancel it.", w.Kind, describe(w.Kind, p)),
			})
		}
	}
	return st, nil
}
