package ceremony

import (
	"cmp"
	"context"
	"slices"

	"conclave/assets"
	"conclave/ceremony/plan"
	"conclave/ceremony/transcript"
)

// plainShares is the override without which no share is shown. It is recorded
// with its reason when that is known: from the plan, or asked for before
// anything is made.
const plainShares = "plain-shares"

// practiceReason is offered in a rehearsal.
const practiceReason = "a rehearsal: these shares open nothing real"

// waits tells whether an override of the plan is recorded later, with a reason.
func (r *Run) waits(o plan.Override) bool {
	return o.ID == plainShares && o.Why == "" && slices.ContainsFunc(r.c.Steps, func(s Step) bool { return s.ID == "issue" })
}

// unreasoned is the override that still waits for its reason.
func (r *Run) unreasoned() (plan.Override, bool) {
	for _, o := range r.plan.Overrides {
		if r.waits(o) && !slices.ContainsFunc(r.overrides, func(x plan.Override) bool { return x.ID == o.ID }) {
			return o, true
		}
	}
	return plan.Override{}, false
}

func (r *Run) askWhyPlain(o plan.Override) *page {
	who, offered := r.person(Operator), ""
	if r.plan.Practice {
		offered = practiceReason
	}
	return &page{
		Prompt: Prompt{Kind: Ask, By: who, Heading: who.Name + ": why are shares shown in plain, and not encrypted?", Field: "reason", Default: offered,
			Text: []string{o.Sentence + " Whoever sees the screen, or a picture of it, has the share. With -recovery-pgp-keys each custodian gets a file that only they can read. " +
				"Nothing is made yet: stop here if there are keys."},
			Recorded: "the override, the reason, by whom."},
		do: func(_ context.Context, in Input) error {
			var empty error
			if offered == "" {
				empty = reasonNeeded("Nothing was made yet.")
			}
			why, err := r.typed("plain shares: reason", in.Text, mostText, empty)
			if err != nil {
				return err
			}
			return r.override(o.ID, o.Sentence, who.Name, cmp.Or(why, offered))
		},
	}
}

// conditions asks custodian and witness whether nobody and nothing else can see
// the screen. On the answer that it is so, the display begins in the record:
// that is where a film of the ceremony is looked up.
func (r *Run) conditions(who Person) *page {
	d := &r.delivery
	text, witness := assets.Text("plain-conditions"), r.person(Witness)
	both := who.Name + " and " + witness.Name
	yes := "It is so, we both say"
	if witness.Role != Witness {
		both, yes, text = who.Name, "It is so", text[:len(text)-1]
	}
	choices := []Choice{{"yes", yes, "the share is shown, for a short time"}, {"no", "Not yet", "the page waits; nothing is shown"}}
	var lines []Line
	for _, s := range d.displays {
		lines = append(lines, Line{Mark: Warn, Text: s})
	}
	return &page{
		Prompt: Prompt{Kind: Choose, By: who, Heading: both + ": is all of this so?", Text: text, Lines: lines, Choices: choices,
			Recorded: "entered for both: the sentences, the time the display begins."},
		do: func(_ context.Context, in Input) error {
			switch {
			case !pick(choices, in.Choice):
				return r.chooseAgain()
			case in.Choice == "no":
				return askAgain("The share is not shown yet.", r.stands(), "Change what is not so, then answer again.")
			}
			facts := transcript.Facts{"what": "nobody and nothing else sees the screen", "lines": append(slices.Clone(text), d.displays...)}
			if err := r.record("attested", Custodian, who.Name, facts); err != nil {
				return err
			}
			if witness.Role == Witness {
				if err := r.record("attested", Witness, witness.Name, facts); err != nil {
					return err
				}
			}
			d.private = true
			return r.record("showing", Program, "", transcript.Facts{"what": "share", "to": who.Name, "number": d.shares[d.next].Number})
		},
	}
}
