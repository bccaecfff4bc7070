package ceremony

import (
	"fmt"
	"slices"
	"strings"

	"conclave/ceremony/plan"
	"conclave/hsm"
	"conclave/vaultstate"
)

// One HSM key, one vault: a blob says nothing of the storage that it is of. With
// one key for two vaults the two files of one, copied into the other, make its
// custodians the quorum of both.

// ownKey refuses to seal a vault with a key by which the records of another one
// are sealed, unless the plan accepts it with a reason.
func (r *Run) ownKey(key hsm.Key) error {
	seals := r.plan.Kind == vaultstate.Init || r.device.second && r.plan.Kind == vaultstate.Rewrap
	if r.plan.Practice || r.env.Sealed == nil || !seals {
		return nil
	}
	others, err := r.env.Sealed(r.token.Serial)
	at := slices.IndexFunc(others, func(o SealedBy) bool { return refersTo(o.Ref, key) })
	if err != nil || at < 0 {
		return err
	}
	sentence := "The HSM key " + key.Ref + " seals another vault, too: " + others[at].Whose + "."
	if why := r.plan.WhyAccepted(plan.SharedKey); why != "" {
		return r.override(plan.SharedKey, sentence+" The files of one, copied, make its custodians the quorum of the other.", r.person(Operator).Name, why)
	}
	return &toldError{Problem{Happened: sentence,
		State: "Nothing is changed. With one key for both, two files copied from one storage to the other would make its custodians the quorum there.",
		Do:    "Take another key (hsm-key-label), or have one made (hsm-generate-key). If it has to be this one, a plan accepts it with a reason: " + plan.SharedKey + "."},
		fmt.Errorf("%s seals another vault", key.Ref)}
}

// refersTo tells whether a reference, "label:id" of which one may be empty, is one
// to a key.
func refersTo(ref string, k hsm.Key) bool {
	at := strings.LastIndex(ref, ":")
	if at < 0 {
		return false
	}
	label, id := ref[:at], strings.TrimPrefix(strings.ToLower(ref[at+1:]), "0x")
	return ref == k.Ref || label+id != "" && (label == "" || label == k.Label) && (id == "" || id == k.ID)
}
