package local

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"conclave/hsm/secret"
	"conclave/vaultstate"
	"conclave/vaultstate/share"
	"conclave/vaultstate/storage"
)

var errNotTheKey = errors.New("the shares do not make the recovery key")

// Verify proves one share. What was typed is compared with the share's
// fingerprint at once; the last one proves all that were typed in this run
// together against the staged recovery key, as the HSM opens it. Shares proven
// in an earlier run stand by their fingerprints.
func (v *Vault) Verify(ctx context.Context, id vaultstate.ID, number int, typed secret.Bytes) (vaultstate.Progress, error) {
	defer v.busy()()
	op, err := v.pending(id, vaultstate.PhaseProof)
	if err != nil {
		return vaultstate.Progress{}, err
	}
	if p, err := v.guard(); err != nil {
		return p, err
	}
	if number < 1 || number > op.facts.Shares {
		return op.progress(), fmt.Errorf("proving share %d: there are %d", number, op.facts.Shares)
	}
	set, err := share.ParseSet(op.set)
	if err != nil {
		return op.progress(), err
	}
	if vaultstate.Digest(set.Fingerprint(typed)).String() != op.facts.Fingerprints[number-1] {
		return op.progress(), &vaultstate.QuorumError{Given: 1, Needed: op.facts.Threshold, Wrong: []int{number}}
	}
	if err := op.prove(number, typed); err != nil {
		return op.progress(), err
	}
	if len(op.facts.Proven) < op.facts.Shares {
		return op.progress(), nil
	}
	if err := v.proveTogether(ctx, op); err != nil {
		return op.progress(), err
	}
	op.phase = vaultstate.PhaseReady
	op.wipeTyped()
	return op.progress(), nil
}

// prove keeps a copy of a share, and the fact on disk.
func (op *operation) prove(number int, typed secret.Bytes) error {
	if !slices.Contains(op.facts.Proven, number) {
		op.facts.Proven = append(op.facts.Proven, number)
		if err := op.note(storage.PhaseIssued); err != nil {
			op.facts.Proven = op.facts.Proven[:len(op.facts.Proven)-1]
			return err
		}
	}
	if op.typed == nil {
		op.typed = map[int]secret.Bytes{}
	}
	op.typed[number].Wipe()
	op.typed[number] = typed.Clone()
	return nil
}

// proveTogether combines what was typed. Fewer than the threshold, after a
// restart, cannot be combined.
func (v *Vault) proveTogether(ctx context.Context, op *operation) error {
	if len(op.typed) < op.facts.Threshold {
		return nil
	}
	o, err := v.open(ctx, op.staged.View(), v.made(op))
	if err != nil {
		return fmt.Errorf("opening what was staged: %w", err)
	}
	defer o.wipe()
	numbers := slices.Sorted(maps.Keys(op.typed))
	typed := make([]secret.Bytes, len(numbers))
	for i, n := range numbers {
		typed[i] = op.typed[n]
	}
	key, bad, _, err := share.Find(typed, op.facts.Threshold, maxSubsets, o.recovery.Equal)
	key.Wipe()
	if err == nil && len(bad) == 0 {
		return proveShares(typed, op.facts.Threshold, o.recovery)
	}
	q := &vaultstate.QuorumError{Given: len(typed), Needed: op.facts.Threshold}
	for _, i := range bad {
		q.Wrong = append(q.Wrong, numbers[i])
	}
	if err != nil && !errors.Is(err, share.ErrNoKey) {
		q.Err = err
	}
	return errors.Join(q, op.unprove(q.Wrong))
}

// unprove takes shares back out: those named, or all.
func (op *operation) unprove(wrong []int) error {
	out := func(n int) bool { return len(wrong) == 0 || slices.Contains(wrong, n) }
	op.facts.Proven = slices.DeleteFunc(op.facts.Proven, out)
	for n, s := range op.typed {
		if out(n) {
			s.Wipe()
			delete(op.typed, n)
		}
	}
	return op.note(storage.PhaseIssued)
}

// proveShares has every share take part in a combination that gives the key,
// and all of them lie on one polynomial. One share alone is the key.
func proveShares(shares []secret.Bytes, threshold int, key secret.Bytes) error {
	if threshold < 2 {
		for _, s := range shares {
			if !s.Equal(key) {
				return errNotTheKey
			}
		}
		return nil
	}
	n := len(shares)
	for from := 0; from < n; from += threshold {
		// The last window reaches back, so that it is full as well.
		at := min(from, n-threshold)
		if err := combinesTo(shares[at:at+threshold], key); err != nil {
			return err
		}
	}
	bad, err := share.SamePolynomial(shares, threshold)
	if err != nil {
		return err
	}
	if len(bad) > 0 {
		return errNotTheKey
	}
	return nil
}

func combinesTo(shares []secret.Bytes, key secret.Bytes) error {
	got, err := share.Combine(shares)
	if err != nil {
		return err
	}
	defer got.Wipe()
	if !got.Equal(key) {
		return errNotTheKey
	}
	return nil
}
