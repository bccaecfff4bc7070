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

// viewing is a secret that one person is about to be shown.
type viewing struct {
	what   string // "share" or "root token"
	number int    // of a share
	to     Person
	from   Person // who has the keyboard
}

// sight is who said of it that nobody and nothing else sees the screen: first the
// witness, then whoever receives it, each after a hand-over.
type sight struct {
	displays []string // what else may show the screen, in sentences
	looked   bool     // …was asked
	called   bool     // the witness has the keyboard
	watched  bool     // …and said so
	handed   bool     // the receiver has the keyboard
	private  bool     // …and said so
}

// unseen has whoever receives a secret, and the witness, say that they alone see
// the screen; nil once both have.
func (r *Run) unseen(v viewing) *page {
	d := &r.delivery
	witness := r.person(Witness)
	watched := d.watched || witness.Role != Witness
	switch {
	case d.private:
		return nil
	case !watched && !d.called:
		return r.handOver(v.from, witness, "", func(context.Context) error {
			d.called = true
			r.lookForDisplays()
			return nil
		}, nil)
	case !watched:
		return r.conditions(witness, v, func() error {
			d.watched = true
			return nil
		})
	case !d.handed && (d.called || v.from.Name != v.to.Name):
		from := v.from
		if d.called {
			from = witness
		}
		return r.handOver(from, v.to, "", func(ctx context.Context) error {
			if err := r.guard(ctx); err != nil {
				return err
			}
			r.lookForDisplays()
			d.handed = true
			return nil
		}, nil)
	case !d.looked: // nobody but the receiver is there, who has the keyboard
		return r.work("look for what else shows this screen", Prompt{IfPowerFails: r.stands()}, func(ctx context.Context) ([]string, error) {
			if err := r.guard(ctx); err != nil {
				return nil, err
			}
			r.lookForDisplays()
			return d.displays, nil
		})
	}
	// On this answer the display begins in the record: that is where a film of
	// the ceremony is looked up.
	return r.conditions(v.to, v, func() error {
		d.private = true
		facts := transcript.Facts{"what": v.what, "to": v.to.Name}
		if v.number > 0 {
			facts["number"] = v.number
		}
		return r.record("showing", Program, "", facts)
	})
}

func (r *Run) lookForDisplays() {
	d := &r.delivery
	if r.env.Displays != nil {
		d.displays = r.env.Displays()
	}
	d.looked = true
}

// conditions asks one person whether nobody and nothing else can see the screen.
func (r *Run) conditions(who Person, v viewing, so func() error) *page {
	const what = "nobody and nothing else sees the screen"
	d := &r.delivery
	text, then := assets.Text("plain-conditions"), "the "+v.what+" is shown, for a short time"
	switch {
	case who.Role == Witness:
		then = "the keyboard goes to " + v.to.Name
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
				return askAgain("The "+v.what+" is not shown yet.", r.stands(), "Change what is not so, then answer again.")
			}
			facts := transcript.Facts{"what": what, "lines": append(slices.Clone(text), d.displays...)}
			if err := r.record("attested", who.Role, who.Name, facts); err != nil {
				return err
			}
			return so()
		},
	}
}
