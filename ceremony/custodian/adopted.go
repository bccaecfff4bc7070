package custodian

import (
	"fmt"
	"slices"
)

// Adopted is the roster with a state that people adopted, though the ceremony
// before did not leave it. The shares that fitted another recovery key are not
// known to fit this one.
func (r *Roster) Adopted(recoveryKey, rootKey, ceremony string) *Roster {
	c := r.clone()
	if c.RecoveryKey != "" && c.RecoveryKey != recoveryKey {
		for i := range c.Sets {
			if s := &c.Sets[i]; s.State == Valid || s.State == Pending {
				s.State, s.Ended = Replaced, ceremony
			}
		}
	}
	adopt := func(now *string, old *[]string, v string) {
		if *now != v {
			retire(now, old)
		}
		*now = v
		*old = slices.DeleteFunc(*old, func(o string) bool { return o == v })
	}
	adopt(&c.RecoveryKey, &c.OldRecoveryKeys, recoveryKey)
	adopt(&c.RootKey, &c.OldRootKeys, rootKey)
	return c
}

// Term is the encryption key's term that the last ceremony left, 0 if no record
// says so.
func (r *Roster) Term() uint32 {
	if n := len(r.Terms); n > 0 {
		return termKey(r.Terms[n-1]).Term
	}
	return 0
}

// TermKey is one key of the keyring.
type TermKey struct {
	Term   uint32
	Digest string // hex; "" where a server did not let it be known
}

// TermKeys are the encryption keys that the last ceremony left.
func (r *Roster) TermKeys() []TermKey {
	var list []TermKey
	for _, t := range r.Terms {
		list = append(list, termKey(t))
	}
	return list
}

// termKey reads "TERM DIGEST".
func termKey(text string) (k TermKey) {
	_, _ = fmt.Sscanf(text, "%d %s", &k.Term, &k.Digest)
	return k
}
