package local

import (
	"context"
	"errors"
	"fmt"

	"conclave/hsm/secret"
	"conclave/vaultstate"
	"conclave/vaultstate/pgp"
	"conclave/vaultstate/share"
	"conclave/vaultstate/storage"
)

// stage makes the new state, puts it on disk beside the live one, opens it from
// there through the HSM and compares. Only then is there an issue. o is the
// live state, nil at init.
func (v *Vault) stage(ctx context.Context, op *operation, o *opened) (err error) {
	d, err := v.draft(ctx, op, o)
	if err != nil {
		return err
	}
	defer d.wipe()
	issue, err := v.makeIssue(op, d)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			issue.Wipe()
			op.set, op.facts.Fingerprints, op.facts.Accessor = "", nil, ""
		}
	}()
	b, err := op.facts.encode()
	if err != nil {
		return err
	}
	staged, err := v.store.Stage(storage.Meta{
		ID: op.ID, Kind: op.Kind, Set: op.set, Made: v.o.Now().UTC(), Facts: b,
	}, d.changes)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			staged.Scrap()
		}
	}()
	if staged.Base != op.base.String() {
		return fmt.Errorf("staging %s: %w", op.ID, vaultstate.ErrChanged)
	}
	after, err := v.reopen(ctx, op, staged, d, o)
	if err != nil {
		return fmt.Errorf("opening what was staged: %w", err)
	}
	if o != nil {
		op.before = o.facts
	}
	op.staged, op.after = staged, after
	op.phase = vaultstate.PhaseReady
	if issue != nil {
		op.issue, op.phase = issue, vaultstate.PhaseIssue
	}
	return nil
}

// makeIssue splits the new recovery key and encrypts what is to be encrypted.
// nil if nothing is issued.
func (v *Vault) makeIssue(op *operation, d *draft) (_ *vaultstate.Issue, err error) {
	issue := &vaultstate.Issue{}
	defer func() {
		if err != nil {
			issue.Wipe()
		}
	}()
	if d.recovery.Len() > 0 {
		if err := op.issueShares(issue, d.recovery); err != nil {
			return nil, fmt.Errorf("issuing the shares: %w", err)
		}
	}
	if d.token != nil {
		t := &vaultstate.IssuedToken{Accessor: d.token.Accessor}
		issue.Token = t
		op.facts.Accessor = t.Accessor
		if op.tokenKey == nil {
			t.Plain = d.token.ID.Clone()
		} else {
			t.PGP = op.tokenKey.Fingerprint
			if t.Encrypted, err = op.tokenKey.Encrypt(d.token.ID); err != nil {
				return nil, fmt.Errorf("encrypting the root token: %w", err)
			}
		}
	}
	if issue.Shares == nil && issue.Token == nil {
		return nil, nil
	}
	return issue, nil
}

func (op *operation) issueShares(issue *vaultstate.Issue, key secret.Bytes) error {
	set := share.NewSet()
	shares, err := share.Split(key, op.Shares, op.Threshold)
	if err != nil {
		return err
	}
	op.set, issue.Set = set.String(), set.String()
	op.facts.Fingerprints = nil
	for i, s := range shares {
		is := vaultstate.IssuedShare{Number: i + 1, Plain: s, Fingerprint: set.Fingerprint(s)}
		issue.Shares = append(issue.Shares, is)
		op.facts.Fingerprints = append(op.facts.Fingerprints, is.Fingerprint.String())
	}
	if err := proveShares(shares, op.Threshold, key); err != nil {
		return err
	}
	for i := range op.holders {
		if err := encryptShare(&issue.Shares[i], op.holders[i]); err != nil {
			return err
		}
	}
	return nil
}

// encryptShare puts the share's hex text in a PGP message and wipes the share.
func encryptShare(is *vaultstate.IssuedShare, k pgp.Key) error {
	text := share.Hex(is.Plain)
	defer text.Wipe()
	msg, err := k.Encrypt(text)
	if err != nil {
		return fmt.Errorf("encrypting share %d: %w", is.Number, err)
	}
	is.Plain.Wipe()
	is.Plain, is.Encrypted, is.PGP = secret.Bytes{}, msg, k.Fingerprint
	return nil
}

// reopen opens what is staged as a server would, and compares it with what was
// meant. before is the live state, nil at init.
func (v *Vault) reopen(ctx context.Context, op *operation, staged *storage.Staged, d *draft, before *opened) (vaultstate.State, error) {
	view, recovery := staged.View(), d.recovery
	if recovery.Len() == 0 && before != nil {
		recovery = before.recovery
	}
	o, err := v.open(ctx, view, v.made(op))
	if err != nil {
		return vaultstate.State{}, err
	}
	defer o.wipe()
	switch {
	case !o.keyring.Root().Equal(d.keyring.Root()):
		return vaultstate.State{}, errors.New("it holds another root key")
	case !o.recovery.Equal(recovery):
		return vaultstate.State{}, errors.New("it holds another recovery key")
	case op.Kind == vaultstate.Rewrap && o.recoverySealKeyID != o.facts.SealKeyID:
		return vaultstate.State{}, fmt.Errorf("its root key is wrapped with %q, its recovery key with %q", o.facts.SealKeyID, o.recoverySealKeyID)
	case !sameTerms(o.facts.Terms, d.keyring.Terms()):
		return vaultstate.State{}, errors.New("it holds other keys")
	}
	if d.rewrite {
		if path, err := rootCopy(view, o.keyring); err != nil {
			return vaultstate.State{}, fmt.Errorf("the copy of the root key in %s: %w", path, err)
		} else if path == "" {
			return vaultstate.State{}, errors.New("it has no copy of the root key")
		}
	}
	if _, err := v.count(ctx, view, o, "core/", nil); err != nil {
		return vaultstate.State{}, err
	}
	return o.facts, nil
}

func sameTerms(a, b []vaultstate.TermInfo) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Term != b[i].Term || a[i].Digest != b[i].Digest {
			return false
		}
	}
	return true
}
