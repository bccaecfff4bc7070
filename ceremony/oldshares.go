package ceremony

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"conclave/ceremony/transcript"
)

// After a recovery rekey the replaced shares are worth nothing on this storage,
// and all they ever were on an older copy of it. So they are collected, counted
// and destroyed: after the new ones were proven and the new state was opened
// again, never before. Which share is which its holder says; the records only
// count, for they may have been changed.

// oldShares is what that step remembers.
type oldShares struct {
	asked     bool
	collected []int
	method    string
	destroy   going
	done      bool
}

func oldSharesStep() Step {
	return Step{ID: "old-shares", Title: "Old shares", By: Operator, Next: collectOld}
}

func collectOld(r *Run) *page {
	o := &r.aftermath.old
	switch {
	case o.done || !r.committed || r.status.Shares == 0 || !r.plan.Replaces():
		return nil
	case r.plan.SkipProof || r.failed() > 0 || len(r.proof.proven) < r.plan.Shares:
		return r.keepOld()
	case !o.asked:
		return r.askOld()
	case len(o.collected) > 0 && o.method == "":
		return r.askMethod()
	case len(o.collected) > 0:
		p := r.confirmTwice(&o.destroy, Prompt{Badge: "CANNOT BE UNDONE", Action: "Destroy the old shares, in sight of all", Word: "DESTROYED",
			Changes: fmt.Sprintf("the replaced shares %s do not exist any more: %s", numbers(o.collected), o.method),
			Stays:   "the new shares, which are proven; the vault, which was opened again with them",
			Undo:    "never. Each holder has said which is theirs"}, "destroyed the replaced shares")
		if p != nil {
			return p
		}
	}
	return r.work("count the old shares", Prompt{IfPowerFails: "the change is made."}, func(context.Context) ([]string, error) {
		missing := r.missingOld()
		choice := "destroyed"
		if len(o.collected) == 0 {
			choice = "none collected"
		}
		facts := transcript.Facts{"choice": choice, "set": r.oldSet(), "of": r.status.Shares, "collected": r.oldNames(o.collected), "missing": missing}
		if o.method != "" {
			facts["method"] = o.method
		}
		o.done = true
		lines := []string{fmt.Sprintf("%d of %d old shares were destroyed", len(o.collected), r.status.Shares)}
		if len(missing) > 0 {
			lines = append(lines, "not collected, and alive on any older copy of the storage: "+strings.Join(missing, ", "))
		}
		return lines, r.record("old-shares", Operator, r.person(Operator).Name, facts)
	})
}

// keepOld says why nothing is destroyed now.
func (r *Run) keepOld() *page {
	who := r.person(Operator)
	const why = "not every new share is proven, or not every check passed"
	return &page{
		Prompt: Prompt{Kind: Attest, By: who, Heading: who.Name + ": the old shares are NOT destroyed now",
			Text:     []string{"Their holders keep them: " + why + ". They are destroyed after a drill has proven the new ones."},
			Recorded: "that they are kept, and why."},
		do: func(context.Context, Input) error {
			r.aftermath.old.done = true
			return r.record("old-shares", Operator, who.Name, transcript.Facts{"choice": "kept", "set": r.oldSet(), "of": r.status.Shares,
				"collected": []string{}, "missing": r.missingOld(), "reason": why})
		},
	}
}

func (r *Run) askOld() *page {
	o, who := &r.aftermath.old, r.person(Operator)
	facts := []Fact{{"old shares", fmt.Sprintf("%d, by the vault's own count", r.status.Shares)}}
	if _, ok := r.validSet(); ok {
		facts = append(facts, Fact{"of", r.holdersOfOld()})
	}
	return &page{
		Prompt: Prompt{Kind: Ask, By: who, Heading: who.Name + ": collect the old shares, paper and files", Field: "numbers of those that lie here", Default: "none", Facts: facts,
			Text: []string{"Each holder says which is the share that was replaced today: the list of the records only counts. " +
				"Type the numbers, all, or none. What is not here is recorded as alive: it works on any older copy of the storage."},
			Recorded: "which were collected, and which are missing."},
		do: func(_ context.Context, in Input) error {
			list, ok := oldNumbers(in.Text, r.status.Shares)
			if !ok {
				// On this page the old shares are in people's hands.
				if _, err := r.refuses("old shares: numbers", in.Text); err != nil {
					return err
				}
				return askAgain("These are not numbers of old shares.", r.stands(), fmt.Sprintf("Type numbers from 1 to %d with commas, all, or none.", r.status.Shares))
			}
			o.asked, o.collected = true, list
			return nil
		},
	}
}

// oldNumbers reads which shares were collected.
func oldNumbers(text string, n int) ([]int, bool) {
	var list []int
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "", "none":
		return nil, true
	case "all":
		for i := range n {
			list = append(list, i+1)
		}
		return list, true
	}
	for _, f := range strings.FieldsFunc(text, func(c rune) bool { return c == ' ' || c == ',' }) {
		i, err := strconv.Atoi(f)
		if err != nil || i < 1 || i > n || slices.Contains(list, i) {
			return nil, false
		}
		list = append(list, i)
	}
	slices.Sort(list)
	return list, len(list) > 0
}

// usualMethod is offered.
const usualMethod = "shredded"

func (r *Run) askMethod() *page {
	o, who := &r.aftermath.old, r.person(Operator)
	return &page{
		Prompt: Prompt{Kind: Ask, By: who, Heading: who.Name + ": how are they destroyed, here and now?", Field: "how", Default: usualMethod,
			Facts:    []Fact{{"shares", numbers(o.collected)}},
			Text:     []string{"Everybody sees each of them, by its number, and sees it destroyed. A file that is deleted is removed, not destroyed: destroy the medium."},
			Recorded: "how; then the words of operator and witness."},
		do: func(_ context.Context, in Input) error {
			text, err := r.typed("old shares: how", in.Text, mostLine, nil)
			if err == nil {
				o.method = cmp.Or(text, usualMethod)
			}
			return err
		},
	}
}

// oldSet is the set that was replaced, "" if no record says which.
func (r *Run) oldSet() string {
	set, _ := r.validSet()
	return set.ID
}

// missingOld are the old shares that nobody brought.
func (r *Run) missingOld() []string {
	var list []int
	for i := range r.status.Shares {
		if !slices.Contains(r.aftermath.old.collected, i+1) {
			list = append(list, i+1)
		}
	}
	return r.oldNames(list)
}

// oldNames names shares by number and, where the records say it, by holder.
func (r *Run) oldNames(list []int) []string {
	out := []string{}
	set, _ := r.validSet()
	for _, n := range list {
		s := fmt.Sprint(n)
		for _, h := range set.Holdings {
			if h.Number == n {
				s += " (" + h.Custodian + ")"
			}
		}
		out = append(out, s)
	}
	return out
}

// holdersOfOld lists who holds which share of the set that was replaced.
func (r *Run) holdersOfOld() string {
	var all []int
	for i := range r.status.Shares {
		all = append(all, i+1)
	}
	return strings.Join(r.oldNames(all), ", ")
}
