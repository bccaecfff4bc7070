package ceremony

import (
	"context"
	"fmt"
	"slices"

	"conclave/ceremony/custodian"
	"conclave/ceremony/plan"
	"conclave/ceremony/transcript"
)

// A run whose record ends before its commit, or that never had the server's answer
// to it, leaves a set of shares of which the record does not say whether it counts.
// If the server has nothing pending any more, the numbers of its shares tell, where
// they are of one of the two sets alone; else the next quorum does.

// lookAtOpen asks the numbers. Nothing is there to be asked but for such a set.
func (r *Run) lookAtOpen() *page {
	set, open := r.openSet()
	if !open || r.plan.Kind == plan.Unseal {
		return nil
	}
	return r.work("find out whether the shares of "+set.Ceremony+" count", Prompt{IfPowerFails: "the keys are as they were."},
		func(context.Context) ([]string, error) {
			line, err := r.settleOpen(set)
			return []string{line}, err
		})
}

// openSet is the last set that a record issued and neither swapped in nor voided.
func (r *Run) openSet() (custodian.Set, bool) {
	if ro := r.env.Roster; ro != nil {
		for _, s := range slices.Backward(ro.Sets) {
			if s.State == custodian.Pending {
				return s, true
			}
		}
	}
	return custodian.Set{}, false
}

func (r *Run) settleOpen(set custodian.Set) (string, error) {
	s := &r.serving.pending
	s.settled = true
	fits := func(c custodian.Set) bool { return c.Shares == r.status.Shares && c.Threshold == r.status.Threshold }
	numbers := fmt.Sprintf("the server says that it has %d shares, %d needed", r.status.Shares, r.status.Threshold)
	valid, known := r.validSet()
	switch {
	case !fits(set):
		reason := numbers + ": the set of " + set.Ceremony + " does not count"
		if err := r.record("void", Program, "", transcript.Facts{"set": set.ID, "reason": reason}); err != nil {
			return "", err
		}
		return reason, r.markVoid(set.ID, reason)
	case !known || !fits(valid):
		r.env.Roster = swappedRoster(r.env.Roster)
		return numbers + ": the set of " + set.Ceremony + " counts", r.record("swapped", Program, "", transcript.Facts{"set": set.ID})
	}
	s.open = set.ID
	line := "whether the set of " + set.Ceremony + " counts is not known: the server says nothing of it, and the quorum shows it"
	r.env.progress(Line{Mark: Warn, Text: line})
	return line, nil
}
