package vaultstate

import "context"

// Resumer goes on with an operation that an earlier run of the program staged.
// What was proven then stays proven. An operation whose shares never left the
// program cannot be resumed (ErrNotReady): it is retired.
type Resumer interface {
	Resume(ctx context.Context, id ID) (Progress, error)
}

// Watcher says how far a Commit is that takes long, to somebody who waits.
type Watcher interface {
	// Watch has progress called from inside Commit. nil: nobody is called.
	Watch(progress func(what string, done, total int))
}

// Settler looks once more at both sides of a commit, a while after it: a change
// that is not ours is ErrChanged. It is no part of the commit.
type Settler interface {
	Settle(ctx context.Context, id ID) (Check, error)
}
