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
	if s.Sealed && s.Progress > 0 {
		st.Pending = append(st.Pending, vaultstate.Leftover{
			ID: vaultstate.ID(clean.Clean(s.Nonce)), Kind: Unseal, State: "pending", Path: "sys/unseal",
			Text: fmt.Sprintf("The server says that somebody unseals it: nonce %s, %d of %d shares given.", quoted(s.Nonce), s.Progress, s.T),
		})
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
		if !w.usable() || w.start == "" {
			continue // Doors says why
		}
		p, err := v.read(ctx, &operation{way: w})
		if err != nil {
			return st, err
		}
		if p.Started {
			st.Pending = append(st.Pending, vaultstate.Leftover{
				ID: vaultstate.ID(clean.Clean(p.Nonce)), Kind: w.Kind, State: "pending", Path: "sys/" + w.Path,
				Text: fmt.Sprintf("The server says that a %s is pending: %s. Whoever began it can finish or cancel it.", w.Kind, describe(w.Kind, p)),
			})
		}
	}
	return st, nil
}

// Discard cancels at the server what Status lists as pending, whoever began it:
// what an earlier run left, or an operation whose beginning was lost. It is
// refused if the server says that something else is pending by now.
func (v *Vault) Discard(ctx context.Context, pending vaultstate.Leftover) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if pending.Kind == Unseal {
		s, err := v.sealStatus(ctx, v.self)
		if err != nil {
			return err
		}
		if !s.Sealed || s.Progress == 0 || vaultstate.ID(s.Nonce) != pending.ID {
			return fmt.Errorf("cancelling the unseal at the server: %w", vaultstate.ErrChangedThere)
		}
		_, err = v.reset(ctx, v.self)
		return err
	}
	w, err := v.way(ctx, pending.Kind)
	if err != nil {
		return err
	}
	op := &operation{way: w, nonce: string(pending.ID)}
	op.Kind = pending.Kind
	p, err := v.read(ctx, op)
	if err != nil {
		return fmt.Errorf("reading what is pending: %w", err)
	}
	if !p.Started || p.Nonce != op.nonce || v.op != nil && v.op.nonce == op.nonce && v.op.phase != vaultstate.PhaseCommitted {
		return fmt.Errorf("cancelling %s at the server: %w: it is another one, or ours", op.Kind, vaultstate.ErrChangedThere)
	}
	return v.stop(ctx, op)
}
