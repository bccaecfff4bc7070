package server_test

import (
	"encoding/hex"
	"errors"
	"testing"
	"time"

	"conclave/hsm/secret"
	"conclave/vaultstate"
	"conclave/vaultstate/pgp"
	"conclave/vaultstate/server"
	"conclave/vaultstate/server/servertest"
)

// holder is a custodian with a PGP key.
type holder struct {
	private *pgp.Private
	key     pgp.Key
}

// holders are n of the same people each time; strangers are others.
func holders(t *testing.T, n int) (list []holder, keys [][]byte) {
	t.Helper()
	return people(t, 0, n)
}

func strangers(t *testing.T, n int) (list []holder, keys [][]byte) {
	t.Helper()
	return people(t, 4, n)
}

var everybody []holder

func people(t *testing.T, from, n int) (list []holder, keys [][]byte) {
	t.Helper()
	for len(everybody) < from+n {
		p, k, err := pgp.GenerateKey("Holder", time.Now().Add(-time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		everybody = append(everybody, holder{p, k})
	}
	for _, h := range everybody[from : from+n] {
		list, keys = append(list, h), append(keys, h.key.Binary)
	}
	return list, keys
}

// received are the shares of an issue, as their holders have them.
func received(t *testing.T, issue *vaultstate.Issue, list []holder) []secret.Bytes {
	t.Helper()
	var out []secret.Bytes
	for i, s := range issue.Shares {
		if list == nil {
			out = append(out, s.Plain)
			continue
		}
		if s.PGP != list[i].key.Fingerprint {
			t.Fatalf("share %d is for %s", i+1, s.PGP)
		}
		text, err := list[i].private.Decrypt(s.Encrypted)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := hex.DecodeString(string(text.Expose()))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, secret.Take(raw))
	}
	return out
}

// room is a fake server, its driver, and the people.
type room struct {
	*testing.T
	f    *servertest.Server
	v    *server.Vault
	held []secret.Bytes
}

// newRoom initialises a server 3 of 5 and gives the driver the root token.
func newRoom(t *testing.T, d servertest.Dialect) *room {
	t.Helper()
	f := servertest.New(t, d)
	r := &room{T: t, f: f, v: open(t, f, "")}
	r.held = r.finish(vaultstate.Operation{ID: "init", Kind: vaultstate.Init, Shares: 5, Threshold: 3, RootToken: true}, nil)
	f.Sealed = false
	r.v = open(t, f, f.Root)
	return r
}

// finish plays an operation from Begin to Commit and returns the new shares.
func (r *room) finish(op vaultstate.Operation, list []holder) []secret.Bytes {
	r.Helper()
	p, err := r.v.Begin(r.Context(), op)
	if err != nil {
		r.Fatalf("Begin of %s: %v", op.ID, err)
	}
	return r.goOn(op, p, list)
}

func (r *room) goOn(op vaultstate.Operation, p vaultstate.Progress, list []holder) []secret.Bytes {
	r.Helper()
	var err error
	if p.Phase == vaultstate.PhaseAuthority {
		if p, err = r.v.Submit(r.Context(), op.ID, r.held[:p.Needed]); err != nil {
			r.Fatalf("Submit of %s: %v", op.ID, err)
		}
	}
	return r.end(op, p, list)
}

// end plays an authorised operation to its end.
func (r *room) end(op vaultstate.Operation, p vaultstate.Progress, list []holder) (out []secret.Bytes) {
	r.Helper()
	if p.Phase == vaultstate.PhaseIssue {
		issue, err := r.v.Take(r.Context(), op.ID)
		if err != nil {
			r.Fatalf("Take of %s: %v", op.ID, err)
		}
		if _, err := r.v.Take(r.Context(), op.ID); !errors.Is(err, vaultstate.ErrTaken) {
			r.Errorf("a second Take of %s: %v", op.ID, err)
		}
		out = received(r.T, issue, list)
		for i, s := range out {
			if p, err = r.v.Verify(r.Context(), op.ID, i+1, s); err != nil {
				r.Fatalf("Verify of %s: %v", op.ID, err)
			}
		}
	}
	result, err := r.v.Commit(r.Context(), op.ID)
	if err != nil {
		r.Fatalf("Commit of %s at %s: %v", op.ID, p.Phase, err)
	}
	for _, c := range result.Checks {
		if !c.OK {
			r.Errorf("%s: a check: %s", op.ID, c.Text)
		}
	}
	if err := r.v.Cancel(r.Context(), op.ID); !errors.Is(err, vaultstate.ErrCommitted) {
		r.Errorf("Cancel after Commit of %s: %v", op.ID, err)
	}
	if p, err := r.v.Progress(r.Context(), op.ID); err != nil || p.Phase != vaultstate.PhaseCommitted {
		r.Errorf("the progress after Commit of %s: %+v, %v", op.ID, p, err)
	}
	return out
}

// offers tells whether a dialect has an operation.
func offers(d servertest.Dialect, kind vaultstate.Kind) bool {
	switch kind { //nolint:exhaustive // the others are offered by all
	case vaultstate.GenerateRoot:
		return d.Old || d.RootToken
	case vaultstate.RecoveryRekey:
		return !d.Shamir
	}
	return true
}

func (r *room) operation(kind vaultstate.Kind, keys [][]byte) vaultstate.Operation {
	op := vaultstate.Operation{ID: vaultstate.ID("our-" + string(kind)), Kind: kind}
	switch kind { //nolint:exhaustive // the others have nothing more
	case vaultstate.Rekey:
		if r.f.Dialect.Shamir {
			op.Shares, op.Threshold, op.PGPKeys = 4, 2, keys
		}
	case vaultstate.RecoveryRekey:
		op.Shares, op.Threshold, op.PGPKeys = 4, 2, keys
	}
	return op
}

var withQuorum = []vaultstate.Kind{vaultstate.Rekey, vaultstate.RecoveryRekey, vaultstate.GenerateRoot}
