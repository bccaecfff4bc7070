package server

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"conclave/hsm/secret"
	"conclave/vaultstate"
)

// Vault is a running server. Its methods may be called from several goroutines,
// one at a time goes in.
type Vault struct {
	c    Config
	now  func() time.Time
	self *node
	// nodes are those that an unseal goes to: self, then Config.Nodes.
	nodes []*node

	mu      sync.Mutex
	meeting bool       // certificates are learned: people look at them before anything secret is sent
	op      *operation // nil: none since the program started
	log     []Exchange

	clock  time.Time    // of the last answer of self that had one
	told   int          // of log: what Requests returned
	token  secret.Bytes // of UseToken
	issued secret.Bytes // a root token that counts, for RevokeIssued
}

var _ vaultstate.Vault = (*Vault)(nil)

// Exchange is one request as the record shows it.
type Exchange struct {
	At        time.Time
	Address   string
	Method    string
	Path      string
	Token     bool // one was sent
	Share     bool // a share was sent
	Status    int  // 0: there was no answer
	RequestID string
}

// Open checks the configuration, and learns or compares the certificate of every
// node that can be reached. It sends no token. About learns those of nodes that
// come later; nothing else does.
func Open(ctx context.Context, c Config) (*Vault, error) {
	c, err := c.checked()
	if err != nil {
		return nil, err
	}
	v := &Vault{c: c, now: time.Now}
	for _, address := range append([]string{c.Address}, c.Nodes...) {
		t, err := c.target(address)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(v.nodes, func(n *node) bool { return n.target.Address == address }) {
			v.nodes = append(v.nodes, &node{target: t})
		}
	}
	v.self = v.nodes[0]
	if _, err := v.meet(ctx); err != nil {
		return nil, err
	}
	return v, nil
}

// meet asks every node for its state, and learns the certificates of those that
// have none yet. One that is not reached may come later.
func (v *Vault) meet(ctx context.Context) (sealStatus, error) {
	v.meeting = true
	defer func() { v.meeting = false }()
	s, err := v.sealStatus(ctx, v.self)
	if err != nil {
		return s, err
	}
	for _, n := range v.nodes[1:] {
		if _, err := v.sealStatus(ctx, n); errors.Is(err, ErrPinned) {
			return s, err
		}
	}
	return s, nil
}

// Certificates are the digests of the certificates' public keys (SPKI), by
// address. Addresses without TLS, or that were not reached yet, are not in it.
func (v *Vault) Certificates() map[string]vaultstate.Digest {
	v.mu.Lock()
	defer v.mu.Unlock()
	pins := map[string]vaultstate.Digest{}
	for _, n := range v.nodes {
		if n.target.Pin != (vaultstate.Digest{}) {
			pins[n.target.Address] = n.target.Pin
		}
	}
	return pins
}

// Exchanges are the requests so far, in order, without anything secret.
func (v *Vault) Exchanges() []Exchange {
	v.mu.Lock()
	defer v.mu.Unlock()
	return append([]Exchange(nil), v.log...)
}

// Close wipes what a pending operation holds. What is pending at the server
// stays pending. The token of Config stays the caller's.
func (v *Vault) Close() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.op.wipe()
	v.op = nil
	v.token.Wipe()
	v.issued.Wipe()
	return nil
}
