package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"conclave/assets/clean"
	"conclave/hsm/secret"
	"conclave/vaultstate"
)

func (v *Vault) beginUnseal(ctx context.Context, op *operation) error {
	s, err := v.sealStatus(ctx, v.self)
	if err != nil {
		return err
	}
	if !s.Initialized {
		return vaultstate.ErrNotInitialized
	}
	op.found(s)
	op.needed = s.T
	op.nodes = make([]vaultstate.Node, len(v.nodes))
	op.unsealed = make([]string, len(v.nodes))
	return v.lookAtNodes(ctx, op)
}

// lookAtNodes asks every node whether it is sealed. One that is not reached is
// none of the others' business; one with another certificate is.
func (v *Vault) lookAtNodes(ctx context.Context, op *operation) error {
	for i, n := range v.nodes {
		s, err := v.sealStatus(ctx, n)
		op.nodes[i] = nodeOf(n, s, err)
		if errors.Is(err, ErrPinned) {
			return err
		}
	}
	return nil
}

func nodeOf(n *node, s sealStatus, err error) vaultstate.Node {
	out := vaultstate.Node{Address: n.target.Address, Sealed: s.Sealed}
	if err != nil {
		out.Sealed, out.Err = true, clean.Clean(err.Error())
	}
	return out
}

// submitToNodes gives the same shares to every sealed node. A node that cannot
// be reached or refuses does not keep the others from it; the first wrong quorum
// does, since it is wrong for all.
func (v *Vault) submitToNodes(ctx context.Context, op *operation, quorum []secret.Bytes) error {
	open := 0
	var first error
	for i, n := range v.nodes {
		s, err := v.unsealNode(ctx, op, i, n, quorum)
		op.nodes[i] = nodeOf(n, s, err)
		var q *vaultstate.QuorumError
		if errors.As(err, &q) || errors.Is(err, vaultstate.ErrChanged) || errors.Is(err, ErrPinned) {
			return err
		}
		if err != nil && first == nil {
			first = err
		}
		if err == nil && !s.Sealed {
			open++
		}
	}
	if open == 0 {
		if first == nil {
			first = fmt.Errorf("unsealing: %w", ErrSealed)
		}
		return first
	}
	op.phase = vaultstate.PhaseReady
	return nil
}

func (v *Vault) unsealNode(ctx context.Context, op *operation, i int, n *node, quorum []secret.Bytes) (sealStatus, error) {
	s, err := v.sealStatus(ctx, n)
	if err != nil || !s.Sealed {
		return s, err
	}
	if !s.Initialized {
		return s, vaultstate.ErrNotInitialized
	}
	if s.Progress > 0 && s.Nonce == op.unsealed[i] && s.Nonce != "" { // ours, from a Submit that got half of the way
		if s, err = v.reset(ctx, n); err != nil {
			return s, err
		}
	}
	op.unsealed[i] = ""
	for sent := 0; sent < op.needed; sent++ {
		if sent > 0 {
			if s, err = v.sealStatus(ctx, n); err != nil || !s.Sealed {
				return s, err
			}
		}
		if err := changed(unlike(op, i, s, sent)); err != nil {
			return s, err
		}
		next, err := v.unsealWith(ctx, n, quorum[sent])
		switch {
		case err == nil:
		case reasonOf(err) == isQuorum:
			return s, fmt.Errorf("%w (%w)", &vaultstate.QuorumError{Given: op.needed, Needed: op.needed, Unseal: !op.auto}, err)
		case !answered(err):
			return s, lost(err, "whether share %d arrived at %s is not known. Unsealing makes nothing that could be lost", sent+1, clean.Clean(n.target.Address))
		default:
			return s, err
		}
		s, op.unsealed[i] = next, next.Nonce
		if !s.Sealed {
			return s, nil
		}
	}
	return s, fmt.Errorf("%w: the server has all shares and says that it is sealed", vaultstate.ErrChangedThere)
}

// unlike compares a sealed node with what was agreed and sent.
func unlike(op *operation, i int, s sealStatus, sent int) (found []string) {
	if s.T != op.needed {
		found = append(found, fmt.Sprintf("%d shares are needed, and it were %d", s.T, op.needed))
	}
	if s.Progress != sent {
		found = append(found, fmt.Sprintf("it has %d shares, and %d were sent from here: somebody else unseals it", s.Progress, sent))
	}
	if sent > 0 && s.Nonce != op.unsealed[i] {
		found = append(found, "somebody began the unsealing anew")
	}
	return found
}

func (v *Vault) unsealWith(ctx context.Context, n *node, s secret.Bytes) (sealStatus, error) {
	key := base64Text(s)
	defer key.Wipe()
	body := object(field{name: "key", secret: key})
	defer body.Wipe()
	var next sealStatus
	err := v.ask(ctx, n, call{method: http.MethodPut, path: "unseal", body: body, share: key}, false, &next)
	return next, err
}

// reset has a node forget the shares that it was given.
func (v *Vault) reset(ctx context.Context, n *node) (sealStatus, error) {
	body := object(field{name: "reset", public: true})
	defer body.Wipe()
	var s sealStatus
	err := v.ask(ctx, n, call{method: http.MethodPut, path: "unseal", body: body}, false, &s)
	return s, err
}

// forgetNodes resets the nodes that hold some of our shares.
func (v *Vault) forgetNodes(ctx context.Context, op *operation) error {
	var all []error
	for i, n := range v.nodes {
		s, err := v.sealStatus(ctx, n)
		if err == nil && s.Sealed && s.Progress > 0 && s.Nonce == op.unsealed[i] {
			_, err = v.reset(ctx, n)
		}
		if err != nil {
			all = append(all, err)
		}
	}
	return errors.Join(all...)
}

func (v *Vault) commitUnseal(ctx context.Context, op *operation, out *vaultstate.Outcome) error {
	if err := v.lookAtNodes(ctx, op); err != nil {
		return err
	}
	for _, n := range op.nodes {
		text := fmt.Sprintf("%s says that it is unsealed.", clean.Clean(n.Address))
		if n.Sealed {
			text = fmt.Sprintf("%s is sealed (%s).", clean.Clean(n.Address), n.Err)
		}
		out.Checks = append(out.Checks, vaultstate.Check{Text: text, OK: !n.Sealed})
	}
	return nil
}
