package server_test

import (
	"crypto/tls"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"conclave/hsm/secret"
	"conclave/vaultstate"
	"conclave/vaultstate/server"
	"conclave/vaultstate/server/servertest"
)

// twoNodes are two sealed nodes of a Shamir seal, each with a certificate of its
// own that changes with what is stored; asked counts the requests to the second.
type twoNodes struct {
	first, second *servertest.Server
	shown         [2]atomic.Pointer[tls.Certificate]
	other         *tls.Certificate // the CA vouches for it, too
	asked         atomic.Int32
	quorum        []secret.Bytes
	config        server.Config
}

func newTwoNodes(t *testing.T) *twoNodes {
	t.Helper()
	n := &twoNodes{first: servertest.NewTLS(t, servertest.Dialects[5]), second: servertest.NewTLS(t, servertest.Dialects[5])}
	a, b := servertest.Certificate(t), servertest.Certificate(t)
	n.other = servertest.Certificate(t)
	n.shown[0].Store(a)
	n.shown[1].Store(b)
	servertest.Shows(n.first.Server, &n.shown[0])
	servertest.Shows(n.second.Server, &n.shown[1])
	n.second.Before = func(string) { n.asked.Add(1) }
	n.config = server.Config{Address: n.first.URL, Nodes: []string{n.second.URL}, CA: servertest.PEM(a, b, n.other), Timeout: 10 * time.Second}
	v := n.open(t)
	if _, err := v.Begin(t.Context(), vaultstate.Operation{ID: "init", Kind: vaultstate.Init, Shares: 3, Threshold: 2, RootToken: true, SkipProof: true}); err != nil {
		t.Fatal(err)
	}
	issue, err := v.Take(t.Context(), "init")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range issue.Shares[:2] {
		n.quorum = append(n.quorum, s.Plain)
	}
	n.second.Initialized, n.second.N, n.second.Threshold, n.second.Key = true, 3, 2, n.first.Key
	n.asked.Store(0)
	return n
}

func (n *twoNodes) open(t *testing.T) *server.Vault {
	t.Helper()
	v, err := server.Open(t.Context(), n.config)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestNodesPinned: each node has a certificate of its own, which is pinned as
// the first one's is. Another one stops the unseal wherever it shows, and is
// asked for nothing.
func TestNodesPinned(t *testing.T) {
	n := newTwoNodes(t)
	v := n.open(t)
	second := n.shown[1].Load()
	if pins := v.Certificates(); pins[n.second.URL] != vaultstate.Digest(servertest.Pin(second)) || pins[n.first.URL] == pins[n.second.URL] {
		t.Fatalf("the certificates %v", pins)
	}
	unseal := vaultstate.Operation{ID: "u", Kind: server.Unseal}
	do := []struct {
		what string
		do   func() error
	}{
		{"Begin", func() error { _, err := v.Begin(t.Context(), unseal); return err }},
		{"Progress", func() error { _, err := v.Progress(t.Context(), "u"); return err }},
		{"Submit", func() error { _, err := v.Submit(t.Context(), "u", n.quorum); return err }},
		{"Commit", func() error { _, err := v.Commit(t.Context(), "u"); return err }},
		{"About", func() error { _, err := v.About(t.Context()); return err }},
	}
	for _, d := range do {
		n.shown[1].Store(n.other)
		before := n.asked.Load()
		if err := d.do(); !errors.Is(err, server.ErrPinned) {
			t.Errorf("%s with another certificate: %v", d.what, err)
		}
		if n.asked.Load() != before {
			t.Errorf("%s: it was asked all the same", d.what)
		}
		n.shown[1].Store(second)
		if err := d.do(); err != nil {
			t.Fatalf("%s: %v", d.what, err)
		}
	}
	if n.first.Sealed || n.second.Sealed {
		t.Errorf("sealed: %t, %t", n.first.Sealed, n.second.Sealed)
	}
	n.config.Pins = map[string]vaultstate.Digest{n.second.URL: {1}}
	if _, err := server.Open(t.Context(), n.config); !errors.Is(err, server.ErrPinned) {
		t.Errorf("a further node that is not the plan's: %v", err)
	}
}

// TestNodeNotMet: a node that comes after the people compared certificates has
// one that nobody compared. Nothing goes to it, and it is not learned by the way.
func TestNodeNotMet(t *testing.T) {
	n := newTwoNodes(t)
	second := n.shown[1].Swap(nil)
	v := n.open(t)
	if _, seen := v.Certificates()[n.second.URL]; seen {
		t.Fatal("it was there")
	}
	n.shown[1].Store(second)
	p, err := v.Begin(t.Context(), vaultstate.Operation{ID: "u", Kind: server.Unseal})
	if err != nil || len(p.Nodes) != 2 || !strings.Contains(p.Nodes[1].Err, "certificate was not seen before") {
		t.Errorf("%+v, %v", p.Nodes, err)
	}
	if p, err = v.Submit(t.Context(), "u", n.quorum); err != nil || p.Nodes[0].Sealed || !p.Nodes[1].Sealed {
		t.Errorf("%+v, %v", p.Nodes, err)
	}
	if _, seen := v.Certificates()[n.second.URL]; seen || n.asked.Load() > 0 {
		t.Errorf("it was learned: %t; asked: %d times", seen, n.asked.Load())
	}
	if _, err := v.About(t.Context()); err != nil { // people look on
		t.Fatal(err)
	}
	if v.Certificates()[n.second.URL] != vaultstate.Digest(servertest.Pin(second)) {
		t.Error("it is not learned where people look on")
	}
}
