package server

import (
	"conclave/hsm/secret"
	"conclave/vaultstate"
	"conclave/vaultstate/share"
)

// maxTrials is how many choices of shares are tried to find those that fit.
const maxTrials = 2000

// checkQuorum refuses, before anything is sent, what cannot be a quorum. With
// more shares than are needed it sees whether they fit together, and with two
// more it can name one that does not: the server is no oracle for it, since a
// good quorum has an effect there.
func (op *operation) checkQuorum(quorum []secret.Bytes) error {
	needed := op.needed
	bad := &vaultstate.QuorumError{Given: len(quorum), Needed: needed, Unseal: !op.auto}
	if len(quorum) < needed {
		return bad
	}
	for i, s := range quorum {
		if s.Len() == 0 || i > 0 && s.Len() != quorum[0].Len() {
			return bad
		}
		for _, o := range quorum[:i] {
			if s.Equal(o) {
				return bad
			}
		}
	}
	if needed < 2 || len(quorum) == needed {
		return nil
	}
	wrong, fit := misfits(quorum, needed)
	if fit {
		return nil
	}
	bad.Wrong = wrong
	return bad
}

// misfits names the shares that do not lie on the polynomial of the others. fit
// is that there are none. Nobody is named unless the others are more than can
// lie on one polynomial by chance.
func misfits(shares []secret.Bytes, threshold int) (wrong []int, fit bool) {
	trials := 0
	choice := make([]int, threshold)
	for i := range choice {
		choice[i] = i
	}
	for choice != nil && trials < maxTrials {
		trials++
		order, at := arrange(shares, choice)
		bad, err := share.SamePolynomial(order, threshold)
		if err != nil { // two with one x, or none: some are of another set
			return nil, false
		}
		if len(bad) == 0 {
			return nil, true
		}
		if len(shares)-len(bad) > threshold {
			for _, b := range bad {
				wrong = append(wrong, at[b])
			}
			return wrong, false
		}
		choice = following(choice, len(shares))
	}
	return nil, false
}

// arrange puts the chosen shares first. at is where each was; those after the
// chosen stay in order.
func arrange(shares []secret.Bytes, choice []int) (order []secret.Bytes, at []int) {
	chosen := map[int]bool{}
	for _, i := range choice {
		chosen[i] = true
		at = append(at, i)
	}
	for i := range shares {
		if !chosen[i] {
			at = append(at, i)
		}
	}
	for _, i := range at {
		order = append(order, shares[i])
	}
	return order, at
}

// following is the next choice in lexicographic order, nil after the last.
func following(choice []int, n int) []int {
	t := len(choice)
	for i := t - 1; i >= 0; i-- {
		if choice[i] == n-t+i {
			continue
		}
		choice[i]++
		for j := i + 1; j < t; j++ {
			choice[j] = choice[j-1] + 1
		}
		return choice
	}
	return nil
}
