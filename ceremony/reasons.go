package ceremony

import (
	"context"
	"slices"

	"conclave/ceremony/plan"
)

// Some overrides are found, and not chosen: nobody gave a reason for them. It is
// asked for before what they weaken begins, and they are recorded with it.

// waits tells whether an override of the plan is recorded later, with a reason.
func (r *Run) waits(o plan.Override) bool {
	switch {
	case o.Why != "":
		return false
	case o.ID == plainShares:
		return slices.ContainsFunc(r.c.Steps, func(s Step) bool { return s.ID == "issue" })
	}
	return slices.Contains(plan.OfTheMachine, o.ID)
}

// unreasoned are the overrides of these ids that still wait for their reason.
func (r *Run) unreasoned(ids ...string) []plan.Override {
	var list []plan.Override
	for _, o := range r.plan.Overrides {
		if slices.Contains(ids, o.ID) && r.waits(o) && !slices.ContainsFunc(r.overrides, func(x plan.Override) bool { return x.ID == o.ID }) {
			list = append(list, o)
		}
	}
	return list
}

// askWhyHere asks why the ceremony is held on a machine, or at a terminal, that
// is not as it should be.
func (r *Run) askWhyHere(list []plan.Override) *page {
	who := r.person(Operator)
	var text []string
	for _, o := range list {
		text = append(text, o.Sentence)
	}
	text = append(text, "Nothing was made yet: stop here if it can be put right.")
	return &page{
		Prompt: Prompt{Kind: Ask, By: who, Heading: who.Name + ": why is the ceremony held here all the same?", Field: "reason", Text: text,
			Recorded: "an override for each, the reason, by whom. It is on the record's first page."},
		do: func(_ context.Context, in Input) error {
			why, err := r.typed("why here: reason", in.Text, mostText, reasonNeeded("Nothing was made yet."))
			if err != nil {
				return err
			}
			for _, o := range list {
				if err := r.override(o.ID, o.Sentence, who.Name, why); err != nil {
					return err
				}
			}
			return nil
		},
	}
}
