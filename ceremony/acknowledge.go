package ceremony

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"conclave/assets"
	"conclave/ceremony/transcript"
)

// taking is a custodian who has proven a share and is asked to answer for it.
type taking struct {
	number  int
	receipt *receipt // of the proof
}

// acknowledge has a custodian take the share and its duties, and gives them the
// receipt of their proof: whoever leaves before the sign-off has one.
func (r *Run) acknowledge(t *taking) *page {
	p, c := &r.proof, t.receipt
	duties := assets.Text("custodian-duties")
	w := strings.Fields(c.words)
	choices := []Choice{
		{"accept", "I acknowledge this, and have written down the words", ""},
		{"decline", "I do not take the share", "the ceremony stops: a share that nobody answers for must not count"},
	}
	return &page{
		Prompt: Prompt{Kind: Choose, By: c.who, Heading: fmt.Sprintf("%s: you hold share %d now", c.who.Name, t.number),
			Facts: []Fact{{"receipt", fmt.Sprintf("event %d", c.event)}, {"words", strings.Join(w[:4], " ")}, {"", strings.Join(w[4:], " ")}},
			Text:  duties, Choices: choices,
			Recorded: "entered for " + c.who.Name + ": the sentences; the receipt, which is no secret."},
		do: func(_ context.Context, in Input) error {
			switch {
			case !pick(choices, in.Choice):
				return r.chooseAgain()
			case in.Choice == "decline":
				return &stop{code: CodeStopped, by: c.who.Name, reason: fmt.Sprintf("%s does not take share %d", c.who.Name, t.number)}
			}
			if err := r.record("acknowledged", Custodian, c.who.Name, transcript.Facts{"number": t.number, "custodian": c.who.Name,
				"set": r.delivery.set, "duties": duties}); err != nil {
				return err
			}
			p.taken = append(p.taken, t.number)
			p.taking, p.handed, p.last = nil, false, c.who
			return r.record("receipt", Custodian, c.who.Name, transcript.Facts{"event": int(c.event), "to": c.who.Name, "words": c.words}) //nolint:gosec // a count of events
		},
	}
}

// take asks for the acknowledgement of a share that was just proven, once.
func (r *Run) take(who Person, number int) {
	if p := &r.proof; !slices.Contains(p.taken, number) {
		p.taking = &taking{number, r.receiptFor(who)}
	}
}
