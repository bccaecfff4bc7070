package share

import (
	"iter"
	"math/big"
	"math/rand/v2"
)

// subsets gives at most limit choices of t from n, in an order that finds a
// good one soon when few shares are wrong: first the runs of t neighbours,
// which between them leave out each share; then every other choice if limit
// allows it, else choices at random, since those that stand next to each other
// in a systematic order have the same wrong shares in them.
func subsets(n, t, limit int) iter.Seq[[]int] {
	return func(yield func([]int) bool) {
		given := 0
		give := func(s []int) bool {
			given++
			return given <= limit && yield(s)
		}
		runs := n
		if n == t {
			runs = 1
		}
		for start := range runs {
			if !give(window(n, t, start)) {
				return
			}
		}
		if allFit(n, t, limit) {
			for s := window(n, t, 0); s != nil; s = next(s, n) {
				if !isWindow(s, n) && !give(s) {
					return
				}
			}
			return
		}
		// The order of the trials is no secret, and the same fault should take
		// the same number of them again.
		r := rand.New(rand.NewPCG(uint64(n), uint64(t))) //nolint:gosec // a weak generator is meant: it orders trials
		for give(r.Perm(n)[:t]) {
		}
	}
}

// allFit says whether there are at most limit choices of t from n.
func allFit(n, t, limit int) bool {
	return new(big.Int).Binomial(int64(n), int64(t)).Cmp(big.NewInt(int64(limit))) <= 0
}

// window is the run of t neighbours from start, around the end.
func window(n, t, start int) []int {
	s := make([]int, t)
	for i := range s {
		s[i] = (start + i) % n
	}
	return s
}

// isWindow says whether the ascending choice s is a run of neighbours, maybe
// around the end: then it has at most one gap.
func isWindow(s []int, n int) bool {
	gaps := 0
	for i := range s {
		after := s[(i+1)%len(s)]
		if (s[i]+1)%n != after {
			gaps++
		}
	}
	return gaps <= 1
}

// next is the choice after s in lexicographic order, nil after the last.
func next(s []int, n int) []int {
	t := len(s)
	for i := t - 1; i >= 0; i-- {
		if s[i] == n-t+i {
			continue
		}
		out := append([]int(nil), s...)
		out[i]++
		for j := i + 1; j < t; j++ {
			out[j] = out[j-1] + 1
		}
		return out
	}
	return nil
}
