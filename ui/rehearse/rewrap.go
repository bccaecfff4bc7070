package rehearse

import (
	"fmt"
	"strconv"
	"strings"

	"conclave/ceremony/plan"
	"conclave/hsm"
	"conclave/vaultstate"
)

// A rehearsed rewrap moves the practice vault to another key in the practice
// token: practice, practice-2, practice-3, each with its number as the id.

// sealedWith takes the key that the records say the vault is wrapped with.
func (w *World) sealedWith() {
	if w.Roster == nil {
		return
	}
	if at := strings.LastIndexByte(w.Roster.SealKey, ':'); at > 0 {
		w.HSM.KeyLabel, w.HSM.KeyID = w.Roster.SealKey[:at], w.Roster.SealKey[at+1:]
	}
}

// OtherHSM is the key that a rewrap moves to, or that a retire destroys: the
// last one that the vault was moved away from. nil for another ceremony, or if
// there is none.
func (w *World) OtherHSM(kind vaultstate.Kind) *hsm.Config {
	if kind == plan.Retire {
		return w.oldKey()
	}
	if kind != vaultstate.Rewrap {
		return nil
	}
	n, _ := strconv.Atoi(strings.TrimPrefix(w.HSM.KeyLabel, keyLabel+"-")) // 0 of the first
	c := w.HSM
	c.KeyLabel, c.KeyID = fmt.Sprintf("%s-%d", keyLabel, max(n, 1)+1), fmt.Sprintf("%02d", max(n, 1)+1)
	return &c
}

func (w *World) oldKey() *hsm.Config {
	if w.Roster == nil || len(w.Roster.OldSealKeys) == 0 {
		return nil
	}
	c := w.HSM
	last := w.Roster.OldSealKeys[len(w.Roster.OldSealKeys)-1]
	c.KeyLabel, c.KeyID, _ = strings.Cut(last, ":")
	return &c
}

// otherKey completes the request for a rewrap or a retire.
func (w *World) otherKey(q *plan.Request) {
	to := w.OtherHSM(q.Kind)
	if to == nil {
		return
	}
	const source = "rehearsal"
	if q.Kind == plan.Retire {
		q.Retire = plan.RetireRequest{KeyRef: to.KeyLabel + ":" + to.KeyID}
		q.Values = append(q.Values, plan.Value{Name: plan.OldHSM + "key-label", Text: to.KeyLabel, Source: source},
			plan.Value{Name: plan.OldHSM + "key-id", Text: to.KeyID, Source: source})
		return
	}
	q.Rewrap = plan.RewrapRequest{Reason: w.Reason, KeyRef: to.KeyLabel + ":" + to.KeyID, Generate: true}
	q.Values = append(q.Values, plan.Value{Name: plan.NewHSM + "key-label", Text: to.KeyLabel, Source: source},
		plan.Value{Name: plan.NewHSM + "key-id", Text: to.KeyID, Source: source})
}
