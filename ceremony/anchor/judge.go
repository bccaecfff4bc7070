package anchor

import (
	"fmt"
	"slices"
)

// Verdict is what a state is to an anchor.
type Verdict string

// The verdicts.
const (
	Same    Verdict = "same"    // what the last ceremony left
	Next    Verdict = "next"    // what a commit left of which the record was cut off
	Older   Verdict = "older"   // an older one that was put back
	Unknown Verdict = "unknown" // changed outside Conclave
)

// Judge tells what the state now is, and why in a sentence where it is not the
// one that is meant. A later term with the same keys is the same state: servers
// rotate by themselves.
func (a Anchor) Judge(now State) (Verdict, string) {
	switch next := a.Next; {
	case next != nil && next.Key == now.Key && next.sameKeys(now) && next.Term <= now.Term &&
		(a.Now.Key != now.Key || !a.Now.sameKeys(now) || next.Term > a.Now.Term):
		return Next, ""
	case a.Now.Key != now.Key:
		return Older, fmt.Sprintf("the vault was moved to the HSM key %s in %s, and this state is wrapped with %s", a.Now.Key, a.Now.Ceremony, now.Key)
	case a.Now.sameKeys(now) && a.Now.Term <= now.Term:
		return Same, ""
	case a.Now.sameKeys(now):
		return Older, fmt.Sprintf("its encryption key is of term %d, and %s left term %d", now.Term, a.Now.Ceremony, a.Now.Term)
	case a.knew(now.RecoveryKey):
		return Older, "its recovery key is one that was replaced before " + a.Now.Ceremony + " ended"
	case a.knew(now.RootKey):
		return Older, "its root key is one that was replaced before " + a.Now.Ceremony + " ended"
	}
	return Unknown, "its keys are not those that " + a.Now.Ceremony + " left"
}

func (a Anchor) knew(digest string) bool {
	return len(digest) >= shortly && slices.Contains(a.Old, digest[:shortly])
}

// Begin is the anchor before a commit: the present state stays, the one to come
// is named. Nothing of it says that the commit was made.
func (a Anchor) Begin(next State) Anchor {
	a.Revision, a.Next = a.Revision+1, &next
	return a
}

// Settle is the anchor with a state that is so: keys that it does not have any
// more are old ones.
func (a Anchor) Settle(now State) Anchor {
	old := slices.Clone(a.Old)
	for _, k := range [][2]string{{a.Now.RecoveryKey, now.RecoveryKey}, {a.Now.RootKey, now.RootKey}} {
		if k[0] != "" && k[0] != k[1] && !slices.Contains(old, k[0][:shortly]) {
			old = append(old, k[0][:shortly])
		}
	}
	old = slices.DeleteFunc(old, func(o string) bool {
		return len(now.RecoveryKey) >= shortly && o == now.RecoveryKey[:shortly] || len(now.RootKey) >= shortly && o == now.RootKey[:shortly]
	})
	return Anchor{Revision: a.Revision + 1, Now: now, Old: old}
}
