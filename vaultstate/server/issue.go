package server

import (
	"fmt"

	"conclave/hsm/secret"
	"conclave/vaultstate"
	"conclave/vaultstate/pgp"
	"conclave/vaultstate/share"
)

// addressed holds what a server encrypted to the PGP key that was agreed. Where it
// counts already it is handed out all the same: there will be no other.
func (op *operation) addressed(what string, to pgp.Key, message []byte) error {
	err := to.Addressed(message)
	switch {
	case err == nil:
		return nil
	case !op.early:
		return fmt.Errorf("%w: %s was to be encrypted to the PGP key %s, and %w", vaultstate.ErrChangedThere, what, to.Fingerprint, err)
	}
	op.outcome.Checks = append(op.outcome.Checks, vaultstate.Check{
		Text: fmt.Sprintf("What the server sent as %s is not encrypted to the PGP key that was agreed (%s): %v.", what, to.Fingerprint, err)})
	return nil
}

// issueOf makes the issue of the keys of an answer, in share order. Keys to PGP
// keys come as hex of a message, plain ones as hex of the share.
func (op *operation) issueOf(keys []text) (list []vaultstate.IssuedShare, err error) {
	if len(keys) != op.Shares {
		return nil, fmt.Errorf("%w: it has %d shares, not %d", errAnswer, len(keys), op.Shares)
	}
	defer func() {
		if err != nil {
			(&vaultstate.Issue{Shares: list}).Wipe()
		}
	}()
	var plain []secret.Bytes
	for i, k := range keys {
		b, err := k.unhex()
		if err != nil {
			return list, err
		}
		s := vaultstate.IssuedShare{Number: i + 1}
		if op.holders != nil {
			s.Encrypted = append([]byte(nil), b.Expose()...)
			s.PGP = op.holders[i].Fingerprint
			b.Wipe()
			if err := op.addressed(fmt.Sprintf("share %d", i+1), op.holders[i], s.Encrypted); err != nil {
				return list, err
			}
		} else {
			s.Plain, s.Fingerprint = b, op.set.Fingerprint(b)
			plain = append(plain, b)
		}
		list = append(list, s)
	}
	op.prints = nil
	for _, s := range list {
		op.prints = append(op.prints, s.Fingerprint)
	}
	if len(plain) > 1 && op.Threshold > 1 {
		if bad, err := share.SamePolynomial(plain, op.Threshold); err != nil || len(bad) > 0 {
			// They may be the only ones there will ever be: they are handed out.
			op.outcome.Checks = append(op.outcome.Checks, vaultstate.Check{Text: "The new shares do not fit together: what the server made can never be put together."})
		}
	}
	return list, nil
}
