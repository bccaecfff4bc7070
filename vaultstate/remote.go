package vaultstate

import (
	"context"
	"time"

	"conclave/hsm/secret"
)

// Remote is a vault that is reached over a network.
type Remote interface {
	Vault
	// About is what the server says of itself: version and cluster.
	About(ctx context.Context) (About, error)
	// Doors asks where and how the server does what. It changes nothing.
	Doors(ctx context.Context) ([]Door, error)
	// Certificates are the digests of the certificates' public keys (SPKI) by
	// address. They stay what they were first, or a connection is refused. About
	// alone may add one, of a further node that was not reached before.
	Certificates() map[string]Digest
	// UseToken has requests that need one carry this token, which the vault
	// copies; an empty one is none.
	UseToken(token secret.Bytes) error
	// Requests are the requests since it was asked last, each in a line without
	// anything secret.
	Requests() []string
	// Nonce is the server's own name of what is pending, "" if nothing is.
	Nonce() string
	// Discard cancels at the server what Status lists as pending, whoever began
	// it. It is refused if something else is pending by now.
	Discard(ctx context.Context, pending Leftover) error
	// Adopt goes on with what Status lists as pending and an earlier run began: ask
	// is what was agreed then, and whatever differs is ErrChanged. What was proven
	// is proven again.
	Adopt(ctx context.Context, ask Operation, pending Leftover) (Progress, error)
	// RevokeIssued revokes the root token that the operation made, and asks
	// whether it is gone.
	RevokeIssued(ctx context.Context, id ID) (Check, error)
}

// About is what a server says of itself. A dishonest one can say anything.
type About struct {
	Version, Cluster, ClusterID string
	Clock                       time.Time // of its Date header, to the second; zero without one
}

// Door is where and how a server does one kind of operation.
type Door struct {
	Kind       Kind
	Path       string // of the API
	Open       bool   // it can be begun now
	NeedsToken bool   // and a token is what it lacks, or is used
	Never      bool   // the server's seal knows no such thing: nobody can open it
	Text       string // a sentence: what is so, and what the operator can do
}
