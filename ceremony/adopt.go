package ceremony

import (
	"context"
	"fmt"
	"strings"

	"conclave/vaultstate"
)

// A state that is not the one that the last record left, or the HSM's anchor
// names, stops the ceremony. Where the plan says that people answer for it, two
// of them adopt it instead, by name and with the plan's reason: a deviation. From
// then on it is the vault's known state.

// adoption is what is adopted.
type adoption struct {
	found []string // what does not fit, in sentences
	going going
	done  bool
}

// mismatch refuses, or keeps what was found for the people to adopt.
func (r *Run) mismatch(what string) error {
	if r.plan.AdoptState == "" {
		return fmt.Errorf("%w: %s", vaultstate.ErrChanged, what)
	}
	r.adoption.found = append(r.adoption.found, capital(sentence(what)))
	return nil
}

// adoptState has operator and witness answer for what was found.
func (r *Run) adoptState() *page {
	a := &r.adoption
	if len(a.found) == 0 || a.done {
		return nil
	}
	p := r.confirmTwice(&a.going, Prompt{Badge: "NOT WHAT WAS LEFT", Action: "Adopt a state that Conclave did not leave", Word: "ADOPT", Text: a.found,
		Changes: "from now on this is the vault's known state, and the shares of the set before are not known to fit",
		Stays:   "the vault as it was found; who changed it, and how, is not known",
		Undo:    "an older state is put back by those who answer for it, in another ceremony"}, "adopt the state that was found: "+strings.Join(a.found, " "))
	if p != nil {
		return p
	}
	return r.work("adopt the state that was found", Prompt{IfPowerFails: "nothing has been changed."}, r.adoptFound)
}

func (r *Run) adoptFound(context.Context) ([]string, error) {
	a := &r.adoption
	by := r.person(Operator).Name
	if w := r.person(Witness); w.Role == Witness {
		by += " and " + w.Name
	}
	d := Deviation{Expected: "the state that the last ceremony left", Happened: strings.Join(a.found, " "),
		Decided: "to adopt it: " + r.plan.AdoptState, By: by, Effect: GoOn}
	if err := r.deviate(d); err != nil {
		return nil, err
	}
	if err := r.override("adopted-state", "A state was adopted that the last ceremony did not leave: who changed it is not known.", by, r.plan.AdoptState); err != nil {
		return nil, err
	}
	facts := stateFacts(r.before)
	facts["found"], facts["by"], facts["reason"] = a.found, by, r.plan.AdoptState
	if err := r.record("adopted", Program, "", facts); err != nil {
		return nil, err
	}
	if o := r.env.Roster; o != nil && r.status.Initialized {
		r.env.Roster = o.Adopted(r.before.RecoveryKey.String(), r.before.RootKey.String(), r.plan.ID)
	}
	a.done = true
	return []string{"the state that was found is the known one"}, nil
}
