package share

import (
	"strconv"

	"conclave/hsm/secret"
)

const (
	groupHex   = 6 // hex characters of a full group
	checkChars = "0123456789ABCDEFGHJKMNPQRTVWXYZ"
	upperHex   = "0123456789ABCDEF"
	lowerHex   = "0123456789abcdef"

	// practiceCheck is added to the check characters of practice shares. A share
	// whose lines have all moved by d has checks that are off by 7·d; 16 is none
	// of these for any d from -10 to 10, so the two slips are told apart.
	practiceCheck = 16
)

// Scheme is the kind of check characters: those of practice shares differ, so
// that a practice share is known as one.
type Scheme struct{ Practice bool }

// other is the scheme that this one is not.
func (s Scheme) other() Scheme { return Scheme{Practice: !s.Practice} }

// check is the check character's value for the group i (from 1) of value v.
func (s Scheme) check(v uint32, i int) byte {
	c := v + 7*uint32(i) //nolint:gosec // at most 43 groups
	if s.Practice {
		c += practiceCheck
	}
	return byte(c % 31)
}

// Groups writes a share in groups, without blanks; GroupAt says where each of
// them lies.
func (s Scheme) Groups(share secret.Bytes) secret.Bytes {
	n := share.Len()
	out := secret.New(groupedLen(n))
	dst := out.Expose()
	for g := range GroupCount(n) {
		from, to := GroupAt(g, n)
		v := uint32(0)
		for k := range to - from - 1 {
			d := nibble(share.Expose(), g*groupHex+k)
			v = v<<4 | uint32(d)
			dst[from+k] = upperHex[d]
		}
		dst[to-1] = checkChars[s.check(v, g+1)]
	}
	return out
}

// GroupsFit tells whether three of the groups in a row have the checks that they
// have as neighbours in some share, a practice share or a real one: three groups
// of chance do in two of three thousand cases. A group is six hex digits and the
// check, in capitals.
func GroupsFit(groups []string) bool {
	for from := range max(0, len(groups)-2) {
		for _, s := range []Scheme{{}, {Practice: true}} {
			for i := 1; i <= GroupCount(33)-2; i++ {
				if s.groupFits(groups[from], i) && s.groupFits(groups[from+1], i+1) && s.groupFits(groups[from+2], i+2) {
					return true
				}
			}
		}
	}
	return false
}

func (s Scheme) groupFits(group string, i int) bool {
	if len(group) != groupHex+1 {
		return false
	}
	v, err := strconv.ParseUint(group[:groupHex], 16, 32)
	return err == nil && checkChars[s.check(uint32(v), i)] == group[groupHex]
}

// GroupAt returns where group g (from 0) of a share of n bytes begins and ends
// in the text that Groups makes; the last of its characters is the check.
func GroupAt(g, n int) (from, to int) {
	return g * (groupHex + 1), min((g+1)*(groupHex+1), groupedLen(n))
}

// GroupCount is the number of groups of a share of n bytes.
func GroupCount(n int) int { return (2*n + groupHex - 1) / groupHex }

func groupedLen(n int) int { return 2*n + GroupCount(n) }

// Hex writes a share as lower-case hex, the text that is encrypted with PGP.
func Hex(share secret.Bytes) secret.Bytes {
	out := secret.New(2 * share.Len())
	for i := range out.Len() {
		out.Expose()[i] = lowerHex[nibble(share.Expose(), i)]
	}
	return out
}

// nibble is the i-th hex digit of b.
func nibble(b []byte, i int) byte {
	if i%2 == 0 {
		return b[i/2] >> 4
	}
	return b[i/2] & 15
}
