package secret

import (
	"sync"
)

// The arena hands out runs of 64-byte cells from regions of locked pages. It
// keeps regions for ever: a program holds a few hundred secrets at most.
const (
	cell       = 64
	regionSize = 64 << 10
)

// span names cells of one region.
type span struct {
	region      *region
	first, last int // cells first..last-1
}

type region struct {
	mem  []byte
	used []bool // one a cell
}

type arena struct {
	mu      sync.Mutex
	regions []*region
}

var pool arena

func (a *arena) take(n int) ([]byte, span) {
	a.mu.Lock()
	defer a.mu.Unlock()
	cells := (n + cell - 1) / cell
	for _, r := range a.regions {
		if first, ok := r.find(cells); ok {
			return r.cut(first, cells, n)
		}
	}
	r := newRegion(max(regionSize, cells*cell))
	a.regions = append(a.regions, r)
	return r.cut(0, cells, n)
}

func (a *arena) give(s span) {
	a.mu.Lock()
	defer a.mu.Unlock()
	clear(s.region.mem[s.first*cell : s.last*cell])
	for i := s.first; i < s.last; i++ {
		s.region.used[i] = false
	}
}

// Held is how many cells of 64 bytes are in use: a test sees by it that a secret
// was wiped when it should have been.
func Held() int {
	pool.mu.Lock()
	defer pool.mu.Unlock()
	n := 0
	for _, r := range pool.regions {
		for _, u := range r.used {
			if u {
				n++
			}
		}
	}
	return n
}

func newRegion(size int) *region {
	return &region{mem: pages(size), used: make([]bool, size/cell)}
}

func (r *region) find(cells int) (int, bool) {
	run := 0
	for i, u := range r.used {
		if u {
			run = 0
			continue
		}
		if run++; run == cells {
			return i - cells + 1, true
		}
	}
	return 0, false
}

func (r *region) cut(first, cells, n int) ([]byte, span) {
	for i := first; i < first+cells; i++ {
		r.used[i] = true
	}
	at := first * cell
	return r.mem[at : at+n : at+n], span{r, first, first + cells}
}
