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

// sight is who said of the next share that nobody and nothing else sees the
// screen: first the witness, then the custodian, each after a hand-over.
type sight struct {
	displays []string // what else may show the screen, in sentences
	called   bool     // the witness has the keyboard
	watched  bool     // …and said so
	handed   bool     // the custodian has the keyboard
	private  bool     // …and said so
}

// unseen has whoever receives the next share, and the witness, say that they
// alone see the screen; nil once both have.
func (r *Run) unseen() *page {
	d := &r.delivery
	who, witness := r.receivers()[d.next], r.person(Witness)
	from := d.last
	if from.Name == "" {
		from = r.person(Operator)
	}
	watched := d.watched || witness.Role != Witness
	switch {
	case d.private:
		return nil
	case !watched && !d.called:
		return r.handOver(from, witness, "", func(context.Context) error {
			d.called = true
			r.lookForDisplays()
			return nil
		}, nil)
	case !watched:
		return r.conditions(witness, func() error {
			d.watched = true
			return nil
		})
	case !d.handed:
		if d.called {
			from = witness
		}
		return r.handOver(from, who, "", func(ctx context.Context) error {
			if err := r.guard(ctx); err != nil {
				return err
			}
			r.lookForDisplays()
			d.handed = true
			return nil
		}, nil)
	}
	// On this answer the display begins in the record: that is where a film of
	// the ceremony is looked up.
	return r.conditions(who, func() error {
		d.private = true
		return r.record("showing", Program, "", transcript.Facts{"what": "share", "to": who.Name, "number": d.shares[d.next].Number})
	})
}

func (r *Run) lookForDisplays() {
	if r.env.Displays != nil {
		r.delivery.displays = r.env.Displays()
	}
}

// conditions asks one person whether nobody and nothing else can see the screen.
func (r *Run) conditions(who Person, so func() error) *page {
	const what = "nobody and nothing else sees the screen"
	d := &r.delivery
	text, then := assets.Text("plain-conditions"), "the share is shown, for a short time"
	switch {
	case who.Role == Witness:
		then = "the keyboard goes to " + r.receivers()[d.next].Name
	case r.person(Witness).Role != Witness:
		text = text[:len(text)-1] // of the witness
	}
	choices := []Choice{{"yes", "It is so", then}, {"no", "Not yet", "the page waits; nothing is shown"}}
	var lines []Line
	for _, s := range d.displays {
		lines = append(lines, Line{Mark: Warn, Text: s})
	}
	return &page{
		Prompt: Prompt{Kind: Choose, By: who, Heading: who.Name + ": is all of this so?", Text: text, Lines: lines, Choices: choices,
			Recorded: "the sentences, and what you answer."},
		do: func(_ context.Context, in Input) error {
			switch {
			case !pick(choices, in.Choice):
				return r.chooseAgain()
			case in.Choice == "no":
				if err := r.record("answer", who.Role, who.Name, transcript.Facts{"field": what, "value": "not yet"}); err != nil {
					return err
				}
				return askAgain("The share is not shown yet.", r.stands(), "Change what is not so, then answer again.")
			}
			facts := transcript.Facts{"what": what, "lines": append(slices.Clone(text), d.displays...)}
			if err := r.record("attested", who.Role, who.Name, facts); err != nil {
				return err
			}
			return so()
		},
	}
}
