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
	case a.left != nil && a.rollback == "":
		return r.askOldState(rb)
	case a.left != nil && a.rollback == "undo":
		return r.putBack(rb)
	case a.rollback == "undone":
		if p := r.anchorPutBack(); p != nil {
			return p
		}
	}
	return r.olderState(rb)
}

func (r *Run) askOldState(rb vaultstate.Rollbacker) *page {
	a, who := &r.aftermath, r.person(Operator)
	choices := []Choice{
		{"remove", "Remove it", "removed from this file system; what was replaced is gone from here"},
		{"keep", "Keep it", "status and doctor show it, and the next ceremony asks again"},
	}
	undo := Choice{"undo", "Put the old state back", "the change is undone; asked again, and of the witness too"}
	heading := "The state from before is kept. What becomes of it?"
	text := "It may be put back only until a server has started on the new state. While it exists, whatever was replaced lives on in it."
	if r.plan.Kind == vaultstate.Init {
		// There was no state before: what is kept says only that.
		choices[0].Consequence = "removed from this file system; this init cannot be undone from here then"
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
		do: func(ctx context.Context, in Input) error {
			if !pick(choices, in.Choice) {
				return r.chooseAgain()
			}
			switch in.Choice {
			case "keep":
				a.kept = &keptOld{of: *a.left, then: func() { a.rollback = "keep" }}
				return nil
			case "remove":
				if err := r.retire(ctx, rb, r.op, "remove the old state"); err != nil {
					return err
				}
			}
			a.rollback = in.Choice
			return r.record("rollback", Operator, who.Name, transcript.Facts{"choice": in.Choice, "path": a.left.Path})
		},
	}
}

func (r *Run) retire(ctx context.Context, rb vaultstate.Rollbacker, id vaultstate.ID, work string) error {
	return r.during(work, func() error {
		_, err := rb.Retire(ctx, id)
		return err
	})
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
func (r *Run) olderState(rb vaultstate.Rollbacker) *page {
	a, who := &r.aftermath, r.person(Operator)
	if len(a.older) == 0 {
		return nil
	}
	l := a.older[0]
	choices := []Choice{
		{"remove", "Remove it", "removed from this file system; what was replaced then is gone from here"},
		{"keep", "Keep it", "the next ceremony asks again; status and doctor show it"},
	}
	return &page{
		Prompt: Prompt{Kind: Choose, By: who, Heading: "The state from before " + string(l.ID) + " is still kept. What becomes of it?",
			Facts: []Fact{{"lies in", l.Path}}, Text: []string{l.Text}, Choices: choices, Recorded: "what you choose, and where the copy lies."},
		do: func(ctx context.Context, in Input) error {
			if !pick(choices, in.Choice) {
				return r.chooseAgain()
			}
			if in.Choice == "keep" {
				a.kept = &keptOld{of: l, then: func() { a.older = a.older[1:] }}
				return nil
			}
			if err := r.retire(ctx, rb, l.ID, "remove the state from before "+string(l.ID)); err != nil {
				return err
			}
			a.older = a.older[1:]
			return r.record("rollback", Operator, who.Name, transcript.Facts{"choice": in.Choice, "path": l.Path})
		},
	}
}
