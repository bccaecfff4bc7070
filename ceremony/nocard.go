package ceremony

import (
	"context"
	"fmt"
)

// What the people decide where a key and its holder's card do not fit, or there
// is no card.

// otherKey is the page after answers that do not fit: it never goes on with the
// key.
func (r *Run) otherKey() *page {
	who := r.keyHolders()[r.cards.turn].who
	happened := "The key in the plan is not the one on the card of " + who.Name + "."
	choices := []Choice{
		{"stop", "Stop", "nothing is made for this key; find out who put its file into the plan"},
		{"again", who.Name + " reads the card once more", "other groups are asked; the record has those that did not fit"},
	}
	return &page{
		Prompt: Prompt{Kind: Choose, By: who, Heading: happened, Choices: choices, Recorded: "what you choose.",
			Text:    []string{fmt.Sprintf("%d answers did not fit. Whoever has the private half of this key would read what is encrypted to it.", r.cards.tries)},
			Problem: &Problem{Badge: "STOPPED", Happened: happened, State: r.stands(), Do: "Take the card and the printed plan, and compare all of it."}},
		do: func(_ context.Context, in Input) error {
			switch in.Choice {
			case "stop":
				return &stop{code: CodeStopped, by: who.Name, reason: happened}
			case "again":
				r.cards.decide, r.cards.tries = false, mostTries-1
				return nil
			}
			return r.chooseAgain()
		},
	}
}

// noCard lets the people go on without a card: a deviation, and a rule that is
// weakened.
func (r *Run) noCard() *page {
	who := r.keyHolders()[r.cards.turn].who
	happened := who.Name + " has no card of their own here to compare the key with."
	choices := []Choice{
		{"back", who.Name + " has found it", "the groups are asked"},
		{"stop", "Stop", r.stands()},
		{"without", "Go on without it", "a deviation and an override: nobody has compared this key"},
	}
	return &page{
		Prompt: Prompt{Kind: Choose, By: r.person(Witness), Heading: happened, Choices: choices, Recorded: "what you choose.",
			Text: []string{"The key is then whoever's the file says. A telephone call to where the card is kept is better than nothing."}},
		do: func(_ context.Context, in Input) error {
			r.cards.none = false
			switch in.Choice {
			case "back":
				return nil
			case "stop":
				return &stop{code: CodeStopped, by: r.person(Witness).Name, reason: happened}
			case "without":
				r.cards.asked = nil
				err := r.deviate(Deviation{Happened: happened, Expected: "each custodian compares their key with their own card",
					Decided: "to go on with the key in the plan, compared by nobody", By: r.person(Witness).Name, Effect: GoOn})
				if err != nil {
					return err
				}
				if err := r.override("unchecked-key", "A PGP key was not compared with its holder's own card.", r.person(Witness).Name, happened); err != nil {
					return err
				}
				return r.cardDone("unchecked")
			}
			r.cards.none = true
			return r.chooseAgain()
		},
	}
}
