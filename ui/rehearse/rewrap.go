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

// NewHSM is the key that a rewrap moves to; nil for another ceremony.
func (w *World) NewHSM(kind vaultstate.Kind) *hsm.Config {
	if kind != vaultstate.Rewrap {
		return nil
	}
	n, _ := strconv.Atoi(strings.TrimPrefix(w.HSM.KeyLabel, keyLabel+"-")) // 0 of the first
	c := w.HSM
	c.KeyLabel, c.KeyID = fmt.Sprintf("%s-%d", keyLabel, max(n, 1)+1), fmt.Sprintf("%02d", max(n, 1)+1)
	return &c
}

// rewrap completes the request for one.
func (w *World) rewrap(q *plan.Request) {
	to := w.NewHSM(q.Kind)
	if to == nil {
		return
	}
	q.Rewrap = plan.RewrapRequest{Reason: w.Reason, KeyRef: to.KeyLabel + ":" + to.KeyID, Generate: true}
	const source = "rehearsal"
	q.Values = append(q.Values, plan.Value{Name: plan.NewHSM + "key-label", Text: to.KeyLabel, Source: source},
		plan.Value{Name: plan.NewHSM + "key-id", Text: to.KeyID, Source: source})
}
