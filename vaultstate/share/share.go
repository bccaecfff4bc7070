// Package share splits keys into shares, puts them together, finds the wrong
// ones, and writes and reads the texts in which people keep them.
//
// A share has Vault's and OpenBao's form: the bytes of the key's polynomials at
// x, then x itself (1 to 255). A 32-byte key gives shares of 33 bytes. A key
// that goes to one person is not split: the "share" is the key.
//
// The package promises:
//   - keys, shares and their texts are secret.Bytes; what it takes stays the
//     caller's, what it returns is the caller's to wipe;
//   - the work on them runs in secret.Do;
//   - no error holds a byte of a share.
//
// It does not promise that Split is reproducible, nor that a share is right:
// shares carry no checksum of their own, only the grouped text does (Scheme).
//
// # Texts
//
// Three forms are read. Blanks, line ends, dashes and the signs . : ) are passed
// over.
//
//	hex      2 characters a byte, upper or lower case
//	base64   the standard alphabet, padded or not
//	groups   upper-case hex in groups of six, each with a check character;
//	         33 bytes are 11 groups and 77 characters, 32 bytes are ten
//	         groups of six and one of four and 75 characters. Lower case is
//	         read too, and so are the numbers of the groups as on the sheet
//
// The check character of group i (from 1) with the value v is
// "0123456789ABCDEFGHJKMNPQRTVWXYZ"[(v + 7·i) mod 31]; practice shares add 16.
// All single errors, swaps of neighbours and groups on another's line are found
// and located: TestEverySlip tries each of them.
package share

import (
	"errors"
	"fmt"

	"github.com/hashicorp/vault/shamir"

	"conclave/hsm/secret"
)

// Split makes n shares of the key, any t of which give it back. With n = 1 the
// one share is a copy of the key.
func Split(key secret.Bytes, n, t int) ([]secret.Bytes, error) {
	if err := CheckCounts(n, t); err != nil {
		return nil, err
	}
	if key.Len() == 0 {
		return nil, errors.New("splitting a key: it is empty")
	}
	if n == 1 {
		return []secret.Bytes{key.Clone()}, nil
	}
	var shares []secret.Bytes
	var err error
	secret.Do(func() {
		var parts [][]byte
		if parts, err = shamir.Split(key.Expose(), n, t); err != nil {
			return
		}
		for _, p := range parts {
			shares = append(shares, secret.Take(p))
		}
	})
	if err != nil {
		return nil, fmt.Errorf("splitting a key: %w", err)
	}
	return shares, nil
}

// CheckCounts says whether n shares with threshold t can be made.
func CheckCounts(n, t int) error {
	switch {
	case n < 1:
		return errors.New("there must be at least one share")
	case n > 255:
		return errors.New("there cannot be more than 255 shares")
	case t < 1:
		return errors.New("the threshold must be at least one")
	case t > n:
		return errors.New("the threshold cannot be larger than the number of shares")
	case n > 1 && t < 2:
		return errors.New("the threshold must be at least two when there is more than one share")
	}
	return nil
}

// Combine puts shares together. Of wrong or too few shares it makes a wrong
// key: the caller compares it with what is known of the right one.
func Combine(shares []secret.Bytes) (secret.Bytes, error) {
	if len(shares) < 2 {
		return secret.Bytes{}, errors.New("combining shares: at least two are needed")
	}
	if err := check(shares); err != nil {
		return secret.Bytes{}, fmt.Errorf("combining shares: %w", err)
	}
	var key secret.Bytes
	var err error
	secret.Do(func() { key, err = combine(shares) })
	if err != nil {
		return secret.Bytes{}, fmt.Errorf("combining shares: %w", err)
	}
	return key, nil
}

// combine is Combine of checked shares, without a Do of its own.
func combine(shares []secret.Bytes) (secret.Bytes, error) {
	parts := make([][]byte, len(shares))
	for i, s := range shares {
		parts[i] = s.Expose() // shamir.Combine only reads them
	}
	key, err := shamir.Combine(parts)
	if err != nil {
		return secret.Bytes{}, err
	}
	return secret.Take(key), nil
}

// check refuses what shamir.Combine would take for shares: x = 0 makes the key
// equal to that share's bytes.
func check(shares []secret.Bytes) error {
	at := map[byte]int{}
	for i, s := range shares {
		if s.Len() < 2 {
			return fmt.Errorf("share %d is too short", i+1)
		}
		if s.Len() != shares[0].Len() {
			return fmt.Errorf("shares 1 and %d differ in length", i+1)
		}
		x := X(s)
		if x == 0 {
			return fmt.Errorf("share %d has the x-coordinate 0", i+1)
		}
		if first, ok := at[x]; ok {
			return fmt.Errorf("shares %d and %d have the same x-coordinate", first+1, i+1)
		}
		at[x] = i
	}
	return nil
}

// X returns a share's x-coordinate, its last byte. It means nothing for a key
// that is not split.
func X(share secret.Bytes) byte {
	b := share.Expose()
	if len(b) == 0 {
		return 0
	}
	return b[len(b)-1]
}

// DuplicateX returns the index of the share that has the x-coordinate of s, or
// -1. If the two are equal as well, the share was given twice; if not, one of
// them is wrong or of another set.
func DuplicateX(shares []secret.Bytes, s secret.Bytes) int {
	for i, o := range shares {
		if X(o) == X(s) {
			return i
		}
	}
	return -1
}
