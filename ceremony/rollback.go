package ceremony

import (
	"context"

	"conclave/ceremony/transcript"
	"conclave/vaultstate"
)

// oldState asks what becomes of the copy from before the change, and of those
// that earlier ceremonies left.
func oldState(r *Run) *page {
	a := &r.aftermath
	rb, ok := r.env.Vault.(vaultstate.Rollbacker)
	switch {
	case !ok:
		return nil
	case a.kept != nil:
		return r.askWhyKept()
	case a.removing != nil:
		return r.removeOld(rb)
	case a.left != nil && a.rollback == "":
		return r.askOldState()
	case a.left != nil && a.rollback == "undo":
		return r.putBack(rb)
	case a.rollback == "undone":
		if p := r.anchorPutBack(); p != nil {
			return p
		}
	}
	return r.olderState()
}

func (r *Run) askOldState() *page {
	a, who := &r.aftermath, r.person(Operator)
	choices := []Choice{
		{"remove", "Remove it", "removed from this file system; asked again, and of the witness too"},
		{"keep", "Keep it", "status and doctor show it, and the next ceremony asks again"},
	}
	undo := Choice{"undo", "Put the old state back", "the change is undone; asked again, and of the witness too"}
	heading := "The state from before is kept. What becomes of it?"
	text := "It may be put back only until a server has started on the new state. While it exists, whatever was replaced lives on in it."
	if r.plan.Kind == vaultstate.Init {
		// There was no state before: what is kept says only that.
		choices[0].Consequence = "this init cannot be undone from here then; asked again, and of the witness too"
		undo.Title, undo.Consequence = "Take the vault away again", "the storage is empty as before; asked again, and of the witness too"
		heading = "The way back to no vault is kept. What becomes of it?"
		text = "The storage was empty before. It can be made so again only until a server has started on the new vault."
	}
	if a.left.CanUndo {
		choices = append(choices, undo)
	}
	return &page{
		Prompt: Prompt{Kind: Choose, By: who, Heading: heading,
			Facts: []Fact{{"lies in", a.left.Path}}, Text: []string{text},
			Choices: choices, Recorded: "what you choose, and where it lies."},
		do: func(_ context.Context, in Input) error {
			if !pick(choices, in.Choice) {
				return r.chooseAgain()
			}
			switch in.Choice {
			case "keep":
				a.kept = &keptOld{of: *a.left, then: func() { a.rollback = "keep" }}
				return nil
			case "remove":
				a.removing = r.removal(*a.left)
				return nil
			}
			a.rollback = in.Choice
			return r.record("rollback", Operator, who.Name, transcript.Facts{"choice": in.Choice, "path": a.left.Path})
		},
	}
}

// removingOld is a copy that is to be removed, until both confirmed it.
type removingOld struct {
	of   vaultstate.Leftover
	what string
	gone string // what its removal changes
	then func() // once it is gone

	going going
}

// removal is of what this ceremony left.
func (r *Run) removal(of vaultstate.Leftover) *removingOld {
	old := &removingOld{of: of, what: "remove the old state", gone: replacedGone, then: func() { r.aftermath.rollback = "remove" }}
	if r.plan.Kind == vaultstate.Init {
		old.what, old.gone = "remove the way back to no vault", "this init cannot be undone from here any more"
	}
	return old
}

const replacedGone = "the copy is removed from this file system: what was replaced is gone from here"

// removeOld removes a copy, after both confirmed it: nothing brings it back.
func (r *Run) removeOld(rb vaultstate.Rollbacker) *page {
	old := r.aftermath.removing
	p := r.confirmTwice(&old.going, Prompt{Badge: "CANNOT BE UNDONE", Action: capital(old.what), Word: "REMOVE", Facts: []Fact{{"lies in", old.of.Path}},
		Changes: old.gone, Stays: "the vault as it is now",
		Undo: "not possible"}, old.what)
	if p != nil {
		return p
	}
	return r.work(old.what, Prompt{IfPowerFails: "the vault is as it is now; the copy is there still, or part of it, and the next ceremony asks again."},
		func(ctx context.Context) ([]string, error) {
			if _, err := rb.Retire(ctx, old.of.ID); err != nil {
				return nil, err
			}
			r.aftermath.removing = nil
			old.then()
			return nil, r.record("rollback", Operator, r.person(Operator).Name, transcript.Facts{"choice": "remove", "path": old.of.Path})
		})
}

// oldStateAgain has the question of the old state asked anew, as long as nothing
// came of the last answer.
func oldStateAgain(r *Run) {
	a := &r.aftermath
	a.kept, a.removing, a.back = nil, nil, going{}
	if a.rollback == "undo" {
		a.rollback = ""
	}
	r.cards.forget()
}

// putBack undoes the change, after both confirmed it.
func (r *Run) putBack(rb vaultstate.Rollbacker) *page {
	a := &r.aftermath
	p := r.confirmTwice(&a.back, Prompt{Badge: "CHANGES THE VAULT", Action: "Put the old state back", Word: "UNDO",
		Changes: "core/ becomes what it was before this ceremony", Stays: "nothing of this ceremony but its record",
		Undo: "the ceremony is held again"}, "put the old state back")
	if p != nil {
		return p
	}
	return r.work("put the old state back", Prompt{IfPowerFails: "the vault is as before or after this ceremony."}, func(ctx context.Context) ([]string, error) {
		st, err := rb.Rollback(ctx, r.op)
		if err != nil {
			return nil, err
		}
		a.rollback, r.committed, r.begun = "undone", false, false
		r.anchoring.written = false
		return []string{"the storage is what it was before this ceremony"}, r.record("swapped", Program, "", transcript.Facts{
			"before": r.outcome.After.Storage.String(), "after": st.Storage.String()})
	})
}

// olderState asks what becomes of the copies that earlier ceremonies kept.
func (r *Run) olderState() *page {
	a, who := &r.aftermath, r.person(Operator)
	if len(a.older) == 0 {
		return nil
	}
	l := a.older[0]
	choices := []Choice{
		{"remove", "Remove it", "removed from this file system; asked again, and of the witness too"},
		{"keep", "Keep it", "the next ceremony asks again; status and doctor show it"},
	}
	return &page{
		Prompt: Prompt{Kind: Choose, By: who, Heading: "The state from before " + string(l.ID) + " is still kept. What becomes of it?",
			Facts: []Fact{{"lies in", l.Path}}, Text: []string{l.Text}, Choices: choices, Recorded: "what you choose, and where the copy lies."},
		do: func(_ context.Context, in Input) error {
			if !pick(choices, in.Choice) {
				return r.chooseAgain()
			}
			if in.Choice == "keep" {
				a.kept = &keptOld{of: l, then: func() { a.older = a.older[1:] }}
				return nil
			}
			a.removing = &removingOld{of: l, what: "remove the state from before " + string(l.ID), gone: replacedGone, then: func() { a.older = a.older[1:] }}
			return nil
		},
	}
}
