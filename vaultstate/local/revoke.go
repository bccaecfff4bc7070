package local

import (
	"context"
	"fmt"
	"strings"
	"time"

	"conclave/hsm/secret"
	"conclave/vaultstate"
	"conclave/vaultstate/barrier"
)

// A root token is two entries: the accessor's, which names the token, and the
// token's own. It is the second that makes it work, so that one goes first; then
// a cut leaves an accessor of nothing, which a second try removes. core/ is not
// touched.

var _ vaultstate.Revoker = (*Vault)(nil)

// rootToken is a token as the storage has it.
type rootToken struct {
	accessorPath, tokenPath string
	made                    time.Time
	there                   bool // else only its accessor is: an earlier try was cut off
}

// RootToken opens the vault and looks for the token.
func (v *Vault) RootToken(ctx context.Context, accessor string) (time.Time, error) {
	defer v.busy()()
	t, err := v.findToken(ctx, accessor)
	return t.made, err
}

// RevokeRoot removes a root token with the server stopped.
func (v *Vault) RevokeRoot(ctx context.Context, accessor string) (_ []vaultstate.Check, err error) {
	defer v.busy()()
	if v.op != nil && v.op.phase != vaultstate.PhaseCommitted {
		return nil, vaultstate.ErrPending
	}
	if err := v.takeLock(); err != nil {
		return nil, err
	}
	defer func() {
		if e := v.unlock(); err == nil {
			err = e
		}
	}()
	if err := v.noServer(ctx); err != nil {
		return nil, err
	}
	t, err := v.findToken(ctx, accessor)
	if err != nil {
		return nil, err
	}
	for _, key := range []string{t.tokenPath, t.accessorPath} {
		if err := v.store.Delete(key); err != nil {
			return nil, err
		}
		if b, err := v.store.Get(key); err != nil || b != nil {
			return nil, fmt.Errorf("removing %q: it is still there: %w", key, errorOr(err, vaultstate.ErrChanged))
		}
	}
	checks := []vaultstate.Check{{Text: "The root token's entries are not in the storage any more.", OK: true}}
	n, err := v.childrenOf(ctx, t.tokenPath)
	if err != nil {
		return nil, err
	}
	if n > 0 {
		checks = append(checks, vaultstate.Check{Text: fmt.Sprintf("%d tokens that were made with it are still there: the server revokes them.", n)})
	}
	return checks, nil
}

func errorOr(err, other error) error {
	if err != nil {
		return err
	}
	return other
}

// findToken opens the accessor's entry and the token's, which is to be a root
// token's with that accessor.
func (v *Vault) findToken(ctx context.Context, accessor string) (t rootToken, err error) {
	o, err := v.open(ctx, v.store, v.live())
	if err != nil {
		return t, err
	}
	defer o.wipe()
	salt, err := v.plain(o, barrier.SaltPath)
	if err != nil {
		return t, err
	}
	defer salt.Wipe()
	t.accessorPath = barrier.AccessorPath(salt, accessor)
	if salt.Len() == 0 {
		return t, fmt.Errorf("%w: no token was ever made in this vault", vaultstate.ErrNoToken)
	}
	entry, err := v.plain(o, t.accessorPath)
	if err != nil {
		return t, err
	}
	defer entry.Wipe()
	if entry.Len() == 0 {
		return t, fmt.Errorf("%w: the vault knows no token with the accessor %q", vaultstate.ErrNoToken, accessor)
	}
	id, err := barrier.ParseAccessor(entry)
	if err != nil {
		return t, err
	}
	defer id.Wipe()
	t.tokenPath = barrier.TokenPath(salt, id)
	own, err := v.plain(o, t.tokenPath)
	if err != nil || own.Len() == 0 {
		return t, err
	}
	defer own.Wipe()
	token, err := barrier.ParseToken(own)
	if err != nil {
		return t, err
	}
	defer token.Wipe()
	if token.Accessor != accessor || !token.ID.Equal(id) {
		return t, fmt.Errorf("%w: the token's entry has another accessor than %q", vaultstate.ErrCorrupt, accessor)
	}
	t.made, t.there = token.Created, true
	return t, nil
}

// plain opens one entry; it is empty if there is none.
func (v *Vault) plain(o *opened, key string) (secret.Bytes, error) {
	record, err := v.store.Get(key)
	if err != nil || record == nil {
		return secret.Bytes{}, err
	}
	return barrier.Open(record, key, o.keyring.Key)
}

// childrenOf counts the tokens that a token has made.
func (v *Vault) childrenOf(ctx context.Context, tokenPath string) (int, error) {
	prefix := "sys/token/parent/" + strings.TrimPrefix(tokenPath, "sys/token/id/") + "/"
	n := 0
	err := v.store.Walk(func(key string) error {
		if strings.HasPrefix(key, prefix) {
			n++
		}
		return ctx.Err()
	})
	return n, err
}
