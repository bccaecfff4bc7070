package ceremony

import (
	"crypto/rand"
	"fmt"
	"math/big"
	"slices"
	"strings"
)

// Fingerprints of PGP keys, as people read and type them.
const (
	groupsOfAll   = 10 // of a fingerprint: 40 digits
	groupsAsked   = 4
	digitsOfGroup = 4
)

// someGroups chooses four of ten.
func someGroups() []int {
	all := make([]int, groupsOfAll)
	for i := range all {
		all[i] = i + 1
	}
	for i := range groupsAsked {
		n, err := rand.Int(rand.Reader, big.NewInt(int64(groupsOfAll-i)))
		if err != nil {
			panic(err) // crypto/rand never fails
		}
		j := i + int(n.Int64())
		all[i], all[j] = all[j], all[i]
	}
	chosen := all[:groupsAsked]
	slices.Sort(chosen)
	return chosen
}

// blanks is half of a fingerprint with the asked groups open.
func blanks(asked []int, row int) string {
	var out []string
	for i := row*groupsOfAll/2 + 1; i <= (row+1)*groupsOfAll/2; i++ {
		if slices.Contains(asked, i) {
			out = append(out, fmt.Sprintf("%d:____", i))
		} else {
			out = append(out, fmt.Sprintf("%d:....", i))
		}
	}
	return strings.Join(out, " ")
}

// digits are the 16 hex digits of a text; ok if there are no more and no less.
func digits(text string) (hex string, ok bool) {
	hex = strings.ToLower(strings.NewReplacer(" ", "", ":", "", "-", "").Replace(text))
	return hex, len(hex) == groupsAsked*digitsOfGroup && strings.Trim(hex, "0123456789abcdef") == ""
}

// numbers is "1, 4, 7 and 8".
func numbers(n []int) string {
	var names []string
	for _, i := range n {
		names = append(names, fmt.Sprint(i))
	}
	return list(names)
}

// spaced is a fingerprint as cards have it.
func spaced(fingerprint string) string { return inFours(strings.ToUpper(fingerprint)) }

// inFours is hex in groups of four, for reading.
func inFours(hex string) string {
	var groups []string
	for g := range slices.Chunk([]byte(hex), digitsOfGroup) {
		groups = append(groups, string(g))
	}
	return strings.Join(groups, " ")
}
