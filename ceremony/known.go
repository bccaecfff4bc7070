package ceremony

import (
	"fmt"
	"slices"

	"conclave/vaultstate"
)

// known compares the keys with those that the last record left: an older state
// was put back, or it was changed outside Conclave. Nobody was asked for a share
// yet.
func (r *Run) known(now vaultstate.State) error {
	ro := r.env.Roster
	if ro == nil || r.hello.adopted != "" {
		return nil
	}
	r.adoption.found = nil // of a try that failed later
	for _, k := range []struct {
		what, now, left string
		old             []string
	}{
		{"recovery key", now.RecoveryKey.String(), ro.RecoveryKey, ro.OldRecoveryKeys},
		{"root key", now.RootKey.String(), ro.RootKey, ro.OldRootKeys},
	} {
		var err error
		switch {
		case k.left == "" || k.now == k.left:
		case slices.Contains(k.old, k.now):
			err = r.mismatch(fmt.Sprintf("an older state was put back: its %s is one that was replaced before %s ended", k.what, ro.Ceremony))
		default:
			err = r.mismatch(fmt.Sprintf("this %s is not the one that %s left: it was changed outside Conclave", k.what, ro.Ceremony))
		}
		if err != nil {
			return err
		}
	}
	return r.knownTerms(now)
}

// knownTerms compares the encryption keys. Servers rotate by themselves, so later
// terms than those that were left may be there; but no server takes a key out of
// its keyring, nor puts another in its place.
func (r *Run) knownTerms(now vaultstate.State) error {
	ro := r.env.Roster
	if left := ro.Term(); activeTerm(now) < left {
		if err := r.mismatch(fmt.Sprintf("an older state was put back: its encryption key is of term %d, and %s left term %d", activeTerm(now), ro.Ceremony, left)); err != nil {
			return err
		}
	}
	for _, left := range ro.TermKeys() {
		key, there := termKey(now, left.Term)
		var err error
		switch {
		case left.Term > activeTerm(now): // said
		case !there:
			err = r.mismatch(fmt.Sprintf("its encryption key of term %d, which %s left, is missing: it was changed outside Conclave", left.Term, ro.Ceremony))
		case left.Digest != "" && key != left.Digest:
			err = r.mismatch(fmt.Sprintf("its encryption key of term %d is not the one that %s left: it was changed outside Conclave", left.Term, ro.Ceremony))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// termKey is the digest of a term's key.
func termKey(st vaultstate.State, term uint32) (digest string, there bool) {
	i := slices.IndexFunc(st.Terms, func(t vaultstate.TermInfo) bool { return t.Term == term })
	if i < 0 {
		return "", false
	}
	return st.Terms[i].Digest.String(), true
}

// dropped tells whether the older terms are gone that the last record, of a
// re-encrypt, was about to drop.
func (r *Run) dropped(now vaultstate.State) bool {
	left := r.env.Roster.TermKeys()
	if r.env.Roster.Kind != string(vaultstate.ReEncrypt) || len(left) < 2 {
		return false
	}
	newest := left[len(left)-1]
	key, _ := termKey(now, newest.Term)
	_, older := termKey(now, left[0].Term)
	return key == newest.Digest && !older
}
