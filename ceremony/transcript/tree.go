package transcript

import (
	"crypto/sha256"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// Tree is the RFC 6962 tree over the lines so far, each a leaf with its
// newline. It keeps one hash for each complete subtree, so it stays small.
type Tree struct {
	n    uint64
	full []tlog.Hash // the largest subtree first
}

// Add puts a line at the end.
func (t *Tree) Add(line []byte) {
	h := tlog.RecordHash(line)
	for n := t.n; n&1 == 1; n >>= 1 {
		top := len(t.full) - 1
		h = tlog.NodeHash(t.full[top], h)
		t.full = t.full[:top]
	}
	t.full = append(t.full, h)
	t.n++
}

// Root is the hash of the whole tree.
func (t *Tree) Root() tlog.Hash {
	if t.n == 0 {
		return sha256.Sum256(nil)
	}
	h := t.full[len(t.full)-1]
	for i := len(t.full) - 2; i >= 0; i-- {
		h = tlog.NodeHash(t.full[i], h)
	}
	return h
}

// Prover keeps the hashes of all lines, to prove single ones.
type Prover struct {
	n      int64
	hashes []tlog.Hash
}

// Add puts a line at the end.
func (p *Prover) Add(line []byte) error {
	h, err := tlog.StoredHashes(p.n, line, tlog.HashReaderFunc(p.read))
	if err != nil {
		return fmt.Errorf("adding a line to the tree: %w", err)
	}
	p.hashes = append(p.hashes, h...)
	p.n++
	return nil
}

// Prove gives the proof that event seq is in the tree.
func (p *Prover) Prove(seq uint64) (tlog.RecordProof, error) {
	if seq == 0 || seq > uint64(p.n) { // #nosec G115 -- a count
		return nil, fmt.Errorf("proving an event: there is no event %d among %d", seq, p.n)
	}
	proof, err := tlog.ProveRecord(p.n, int64(seq-1), tlog.HashReaderFunc(p.read)) // #nosec G115 -- at most n
	if err != nil {
		return nil, fmt.Errorf("proving an event: %w", err)
	}
	return proof, nil
}

func (p *Prover) read(at []int64) ([]tlog.Hash, error) {
	list := make([]tlog.Hash, len(at))
	for i, n := range at {
		list[i] = p.hashes[n]
	}
	return list, nil
}
