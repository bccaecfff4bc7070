package ceremony

import (
	"context"
	"fmt"

	"conclave/assets/clean"
	"conclave/ceremony/plan"
	"conclave/ceremony/signature"
	"conclave/ceremony/transcript"
)

// approvals is where the approvals of the plan stand.
type approvals struct {
	decided bool // to hold the ceremony with fewer than the plan demands
	kept    bool // those that are there are in the record
}

// planStep has the plan read aloud, once its approvals are there or somebody
// decided to go on without.
func planStep(r *Run) *page {
	if !r.approvals.decided && r.plan.Unapproved() > 0 {
		return r.askUnapproved()
	}
	return agreePlan(r)
}

// askUnapproved asks who decided that the ceremony is held all the same: that
// is a deviation, and not the operator's to decide.
func (r *Run) askUnapproved() *page {
	operator := r.person(Operator)
	var names []string
	for _, a := range r.plan.Approved() {
		names = append(names, clean.Clean(a.Name))
	}
	there := fmt.Sprintf("%d is there: %s", len(names), list(names))
	if len(names) != 1 {
		there = fmt.Sprintf("%d are there: %s", len(names), list(names))
	}
	return &page{
		Prompt: Prompt{Kind: Ask, By: operator, Heading: operator.Name + ": the plan is not approved. Who decided to hold the ceremony all the same?", Field: "decided by",
			Text: []string{fmt.Sprintf("The plan demands %d approvals; %s. Going on is a deviation, which everybody signs at the end. The operator cannot decide it. Nothing is changed yet: stop here if nobody did.",
				r.plan.Approvals, there)},
			Recorded: "the deviation, and who decided."},
		do: func(_ context.Context, in Input) error {
			by, err := r.typed("decided by", in.Text, maxName, askAgain("A name is needed.", "Nothing was recorded.", "Type who decided, or stop."))
			switch {
			case err != nil:
				return err
			case plan.Same(by, operator.Name):
				return askAgain("The operator does not approve the plan.", "Nothing was recorded.", "Type who else decided, or stop.")
			}
			r.approvals.decided = true
			return r.deviate(Deviation{Expected: fmt.Sprintf("%d approvals of the plan", r.plan.Approvals), Happened: "the plan has fewer approvals than it demands: " + there,
				Decided: "to hold the ceremony all the same", By: by, Effect: GoOn})
		},
	}
}

// keepApprovals has the record keep the approvals.
func (r *Run) keepApprovals() error {
	if r.approvals.kept {
		return nil
	}
	if err := KeepApprovals(r.plan, r.env.Shelf.Put, r.append); err != nil {
		return err
	}
	r.approvals.kept = true
	return nil
}

// KeepApprovals puts what the approvers of a plan signed, and their signatures,
// into a record, and notes each.
func KeepApprovals(p *plan.Plan, put func(name string, data []byte) (string, error), note func(transcript.Entry) error) error {
	if len(p.Approved()) == 0 {
		return nil
	}
	if _, err := put("approvals/plan.txt", p.ApprovableText()); err != nil {
		return fmt.Errorf("keeping what was approved: %w", err)
	}
	for i, a := range p.Approved() {
		name := fmt.Sprintf("approvals/%d%s", i+1, a.Key.Kind.Ext())
		if _, err := put(name, a.Approval.Data); err != nil {
			return fmt.Errorf("keeping an approval: %w", err)
		}
		facts := transcript.Facts{"name": a.Name, "organisation": a.Organisation, "kind": string(a.Key.Kind), "key": a.Key.ID,
			"text_sha256": a.Approval.Text, "file": name, "sha256": a.Approval.SHA256}
		if err := note(transcript.Entry{Kind: "approval", Claimed: a.Name, Evidence: transcript.BySignature, Facts: facts}); err != nil {
			return err
		}
	}
	return nil
}

// approvalLines are the approvals as they stand beside the plan.
func (r *Run) approvalLines() []Line {
	var lines []Line
	for _, a := range r.plan.Approved() {
		lines = append(lines, Line{Mark: Good, Text: fmt.Sprintf("approved by %s, %s", clean.Clean(a.Name), keyName(a.Key))})
	}
	if n := r.plan.Unapproved(); n > 0 {
		lines = append(lines, Line{Mark: Warn, Text: fmt.Sprintf("%d of %d approvals are not there", n, r.plan.Approvals)})
	}
	return lines
}

// keyName is a key for one line of a screen.
func keyName(k signature.Key) string { return fmt.Sprintf("%s key %s", k.Kind, clean.Cut(k.ID, 24)) }
