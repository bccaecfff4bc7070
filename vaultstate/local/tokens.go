package local

import (
	"context"
	"errors"
	"fmt"

	"conclave/hsm/secret"
	"conclave/vaultstate"
	"conclave/vaultstate/barrier"
)

// maxToken is longer than any token that a server gives out.
const maxToken = 512

// CheckToken looks a token up in the storage as a server does, and returns its
// accessor. Only a root token without an end counts: what the policies of
// another would allow is for a server to say. It is ErrToken otherwise, which
// does not tell why.
func (v *Vault) CheckToken(ctx context.Context, token secret.Bytes) (accessor string, err error) {
	defer v.busy()()
	o, err := v.open(ctx, v.store, v.live())
	if err != nil {
		return "", err
	}
	defer o.wipe()
	return v.lookUp(o, token)
}

// SubmitToken authorises a rotation with a root token, in place of a quorum, as
// at a server. It is Submit in all else.
func (v *Vault) SubmitToken(ctx context.Context, id vaultstate.ID, token secret.Bytes) (vaultstate.Progress, error) {
	defer v.busy()()
	op, err := v.pending(id, vaultstate.PhaseAuthority)
	if err != nil {
		return vaultstate.Progress{}, err
	}
	if op.Kind != vaultstate.Rotate {
		return op.progress(), fmt.Errorf("%w: a token authorises a rotation, no %s", vaultstate.ErrUnsupported, op.Kind)
	}
	return v.authorised(ctx, op, func(o *opened) error {
		_, err := v.lookUp(o, token)
		return err
	})
}

// ActiveTerm is the newest key of the keyring.
func (v *Vault) ActiveTerm(ctx context.Context) (vaultstate.TermInfo, error) {
	defer v.busy()()
	o, err := v.open(ctx, v.store, v.live())
	if err != nil {
		return vaultstate.TermInfo{}, err
	}
	defer o.wipe()
	return o.facts.Terms[len(o.facts.Terms)-1], nil
}

// lookUp finds a token's entry, and compares.
func (v *Vault) lookUp(o *opened, token secret.Bytes) (string, error) {
	if token.Len() == 0 || token.Len() > maxToken {
		return "", vaultstate.ErrToken
	}
	salt, err := v.entry(o, barrier.SaltPath)
	if err != nil {
		return "", noToken(err)
	}
	defer salt.Wipe()
	plain, err := v.entry(o, barrier.TokenPath(salt, token))
	if err != nil {
		return "", noToken(err)
	}
	defer plain.Wipe()
	t, err := barrier.ParseToken(plain)
	if err != nil {
		return "", vaultstate.ErrToken // of another kind, or none that can be read
	}
	defer t.Wipe()
	if !t.ID.Equal(token) {
		return "", vaultstate.ErrToken
	}
	return t.Accessor, nil
}

// noToken makes ErrToken of an entry that is not there. What else can be wrong
// is no answer to whether the token counts.
func noToken(err error) error {
	if errors.Is(err, errAbsent) {
		return vaultstate.ErrToken
	}
	return err
}

// entry opens one barrier record; errAbsent if there is none.
func (v *Vault) entry(o *opened, path string) (secret.Bytes, error) {
	record, err := v.store.Get(path)
	if err != nil {
		return secret.Bytes{}, err
	}
	if record == nil {
		return secret.Bytes{}, fmt.Errorf("reading an entry: %w", errAbsent)
	}
	return barrier.Open(record, path, o.keyring.Key)
}
