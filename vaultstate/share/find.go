package share

import (
	"errors"
	"fmt"

	"conclave/hsm/secret"
	"conclave/vaultstate"
)

// ErrNoKey says that no combination of the shares makes the key.
var ErrNoKey = errors.New("no combination of these shares makes the key")

// Find looks for threshold shares that make the key, as told by good, and names
// every other share that does not lie on their polynomial. tried counts the
// combinations that were made. good must not keep its argument, and should be
// quick: it is asked inside secret.Do.
//
// Where every combination was tried in vain the error is ErrNoKey; after limit
// of them it wraps vaultstate.ErrTooManySubsets. bad is by index, ascending.
//
// Two custodians who conspire can make two wrong shares whose errors cancel out
// and so have others blamed; they cannot make a wrong key pass.
func Find(shares []secret.Bytes, threshold, limit int, good func(secret.Bytes) bool) (key secret.Bytes, bad []int, tried int, err error) {
	if threshold < 1 || threshold > len(shares) {
		return secret.Bytes{}, nil, 0, fmt.Errorf("finding the key: %d shares given, %d needed", len(shares), threshold)
	}
	if threshold > 1 {
		if err := check(shares); err != nil {
			return secret.Bytes{}, nil, 0, fmt.Errorf("finding the key: %w", err)
		}
	}
	secret.Do(func() { key, bad, tried, err = find(shares, threshold, limit, good) })
	return key, bad, tried, err
}

func find(shares []secret.Bytes, threshold, limit int, good func(secret.Bytes) bool) (key secret.Bytes, bad []int, tried int, err error) {
	for subset := range subsets(len(shares), threshold, limit) {
		key, err = makeKey(pick(shares, subset))
		if err != nil {
			return secret.Bytes{}, nil, tried, fmt.Errorf("finding the key: %w", err)
		}
		tried++
		if good(key) {
			bad, err = offPolynomial(shares, subset)
			if err != nil {
				key.Wipe()
				return secret.Bytes{}, nil, tried, fmt.Errorf("finding the wrong shares: %w", err)
			}
			return key, bad, tried, nil
		}
		key.Wipe()
	}
	if !allFit(len(shares), threshold, limit) {
		return secret.Bytes{}, nil, tried, fmt.Errorf("finding the key among %d shares: %w", len(shares), vaultstate.ErrTooManySubsets)
	}
	return secret.Bytes{}, nil, tried, ErrNoKey
}

// makeKey combines; one share alone is a key that was not split.
func makeKey(shares []secret.Bytes) (secret.Bytes, error) {
	if len(shares) == 1 {
		return shares[0].Clone(), nil
	}
	return combine(shares)
}

// SamePolynomial takes the first threshold shares as right, because the caller
// has seen them make the key, and names those of the others that do not lie on
// the same polynomial.
func SamePolynomial(shares []secret.Bytes, threshold int) (bad []int, err error) {
	if threshold < 2 || threshold > len(shares) {
		return nil, fmt.Errorf("comparing shares: %d given, %d needed", len(shares), threshold)
	}
	if err := check(shares); err != nil {
		return nil, fmt.Errorf("comparing shares: %w", err)
	}
	secret.Do(func() { bad, err = offPolynomial(shares, window(len(shares), threshold, 0)) })
	return bad, err
}

// offPolynomial names the shares that are not on the polynomial of the base.
func offPolynomial(shares []secret.Bytes, base []int) (bad []int, err error) {
	in := make([]bool, len(shares))
	for _, i := range base {
		in[i] = true
	}
	for i, s := range shares {
		if in[i] {
			continue
		}
		on, err := onPolynomial(pick(shares, base), s)
		if err != nil {
			return nil, err
		}
		if !on {
			bad = append(bad, i)
		}
	}
	return bad, nil
}

// onPolynomial evaluates the base's polynomial at the share's x. In GF(2^8)
// addition is exclusive or, so moving every x of the base by that x makes
// Combine, which evaluates at 0, evaluate there.
func onPolynomial(base []secret.Bytes, s secret.Bytes) (bool, error) {
	if len(base) == 1 { // not split: the polynomial is the key itself
		return base[0].Equal(s), nil
	}
	moved := make([]secret.Bytes, len(base))
	defer secret.WipeAll(moved)
	for i, b := range base {
		moved[i] = b.Clone()
		moved[i].Expose()[b.Len()-1] ^= X(s)
	}
	y, err := combine(moved)
	if err != nil {
		return false, err
	}
	defer y.Wipe()
	want := s.Slice(0, s.Len()-1)
	defer want.Wipe()
	return y.Equal(want), nil
}

func pick(shares []secret.Bytes, which []int) []secret.Bytes {
	out := make([]secret.Bytes, len(which))
	for i, w := range which {
		out[i] = shares[w]
	}
	return out
}
