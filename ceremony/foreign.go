package ceremony

import (
	"context"
	"fmt"
)

// A share in the wrong hands is no slip of the fingers: who types another's
// share has two, and the ceremony's dual control is broken. It is never used in
// that turn. The people stop, or note it as a deviation and the one whose turn
// it is types their own.

// foreign is what is said of such a share: known is by whom it is known.
func foreign(whose, turn, known string) Problem {
	return Problem{Badge: "STOPPED", Happened: "This is the share of " + whose + ", typed in " + turn + "'s turn.",
		State: known + ". One person must not hold two shares. It was wiped and is not used; the other shares are kept.",
		Do:    "Find out how it came into " + turn + "'s hands, before anything else is typed."}
}

// stopForeign is the page of another's share; done is called when it is left.
func (r *Run) stopForeign(whose string, turn Person, p Problem, done func()) *page {
	choices := []Choice{
		{"deviation", "Note it as a deviation; " + turn.Name + " types their own", "the record says that " + whose + "'s share was in " + turn.Name + "'s turn"},
		{"stop", "Stop", r.stands()},
	}
	return &page{
		Prompt: Prompt{Kind: Choose, By: r.person(Operator), Heading: p.Happened, Problem: &p, Choices: choices,
			Recorded: "whose share, in whose turn, and what you choose."},
		do: func(_ context.Context, in Input) error {
			if !pick(choices, in.Choice) {
				return r.chooseAgain()
			}
			done()
			d := Deviation{Happened: fmt.Sprintf("%s's share was entered in %s's turn", whose, turn.Name), Expected: turn.Name + "'s own share",
				Decided: "that " + turn.Name + " types their own share", By: r.person(Operator).Name, Effect: GoOn}
			if in.Choice == "stop" {
				d.Decided, d.Effect = "to stop", StopNow
			}
			if err := r.deviate(d); err != nil {
				return err
			}
			if in.Choice == "stop" {
				return &stop{code: CodeStopped, by: d.By, reason: d.Happened}
			}
			return nil
		},
	}
}

// foreignShare is another custodian's share that was typed to prove one's own.
type foreignShare struct{ whose, known string }

func (f *foreignShare) Error() string { return "this is the share of " + f.whose }

// proveForeign stops the proof: what was typed is recorded as refused.
func (r *Run) proveForeign(g given, f *foreignShare) error {
	problem := foreign(f.whose, g.who.Name, f.known)
	r.proof.odd = &odd{given: g, problem: problem, whose: f.whose}
	return r.entered(g, "refused", problem.Happened)
}
