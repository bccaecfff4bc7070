package server

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"conclave/hsm/secret"
	"conclave/vaultstate"
)

// Verify proves one share, as far as that can be done here: a plain one by its
// fingerprint, one that went to a PGP key by fitting to the others once all are
// in. With as many shares as the threshold, nothing shows here that they fit:
// the server's own verification does, in Commit.
func (v *Vault) Verify(ctx context.Context, id vaultstate.ID, number int, typed secret.Bytes) (vaultstate.Progress, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	op, err := v.pendingHere(id, vaultstate.PhaseProof)
	if err != nil {
		return vaultstate.Progress{}, err
	}
	if err := v.guard(ctx, op); err != nil {
		return op.progress(), err
	}
	if number < 1 || number > op.Shares {
		return op.progress(), fmt.Errorf("proving share %d: there are %d", number, op.Shares)
	}
	wrong := &vaultstate.QuorumError{Given: 1, Needed: op.Threshold, Unseal: !op.auto, Wrong: []int{number}}
	if op.holders == nil && op.prints != nil { // those of an earlier run are not known
		if vaultstate.Digest(op.set.Fingerprint(typed)) != op.prints[number-1] {
			return op.progress(), wrong
		}
	}
	for n, s := range op.proven {
		if n != number && (s.Equal(typed) || s.Len() != typed.Len()) {
			return op.progress(), wrong
		}
	}
	if typed.Len() == 0 {
		return op.progress(), wrong
	}
	if op.proven == nil {
		op.proven = map[int]secret.Bytes{}
	}
	op.proven[number].Wipe()
	op.proven[number] = typed.Clone()
	if len(op.proven) < op.Shares {
		return op.progress(), nil
	}
	if err := op.fitTogether(); err != nil {
		return op.progress(), err
	}
	op.phase = vaultstate.PhaseReady
	return op.progress(), nil
}

// fitTogether refuses shares that do not lie on one polynomial.
func (op *operation) fitTogether() error {
	if op.Threshold < 2 || op.Shares == op.Threshold {
		return nil
	}
	numbers, shares := op.provenShares()
	bad, fit := misfits(shares, op.Threshold)
	if fit {
		return nil
	}
	q := &vaultstate.QuorumError{Given: len(shares), Needed: op.Threshold, Unseal: !op.auto}
	for _, i := range bad {
		q.Wrong = append(q.Wrong, numbers[i])
	}
	op.unprove(q.Wrong)
	return q
}

func (op *operation) provenShares() (numbers []int, shares []secret.Bytes) {
	numbers = slices.Sorted(maps.Keys(op.proven))
	for _, n := range numbers {
		shares = append(shares, op.proven[n])
	}
	return numbers, shares
}

// unprove takes shares back out: those named, or all.
func (op *operation) unprove(wrong []int) {
	for n, s := range op.proven {
		if len(wrong) == 0 || slices.Contains(wrong, n) {
			s.Wipe()
			delete(op.proven, n)
		}
	}
	op.phase = vaultstate.PhaseProof
}
