package ceremony

import (
	"context"
	"fmt"

	"conclave/ceremony/transcript"
)

// going is where a confirmation by two roles stands.
type going struct {
	confirmed int  // roles that confirmed: 0 none, 1 operator, 2 both
	handed    bool // the witness has the keyboard
	worded    bool // the witness typed the word, and has a key: a code follows
	back      bool // the operator has it again
}

// confirmTwice asks operator and witness, the second after a hand-over, for the
// same typed word; a witness with a key in the plan answers a fresh challenge to
// it besides, so that it is known whose confirmation it is. It returns nil once
// both confirmed and the operator has the keyboard again. With the override
// no-witness the operator alone is asked.
func (r *Run) confirmTwice(g *going, p Prompt, what string) *page {
	operator, witness := r.person(Operator), r.person(Witness)
	alone := witness.Role != Witness
	switch {
	case g.confirmed == 0:
		return r.confirmation(g, operator, p, what)
	case alone || g.back:
		return nil
	case !g.handed:
		return r.handOver(operator, witness, "", func(context.Context) error {
			g.handed = true
			return nil
		}, nil)
	case g.confirmed == 1 && g.worded:
		return r.confirmByCode(g, keyed{witness, *r.plan.WitnessKey}, p, what)
	case g.confirmed == 1:
		return r.confirmation(g, witness, p, what)
	}
	return r.backTo(witness, &g.back)
}

func (r *Run) confirmation(g *going, who Person, p Prompt, what string) *page {
	p.Kind, p.By = Confirm, who
	p.Heading = fmt.Sprintf("%s (%s): read the three lines, then type the word", who.Name, who.Role)
	p.Recorded = "the three lines, the word, who typed it, when."
	return &page{Prompt: p, do: func(_ context.Context, in Input) error {
		if !sameWord(in.Text, p.Word) {
			return askAgain("That is not "+p.Word+".", r.stands(), "Type "+p.Word+" to go on, or stop.")
		}
		if who.Role == Witness && r.plan.WitnessKey != nil && r.plan.Challenge {
			g.worded = true
			return nil
		}
		return r.confirmed(g, who, p, what, transcript.ByKeyboard)
	}}
}

func (r *Run) confirmed(g *going, who Person, p Prompt, what string, by transcript.Evidence) error {
	text := what + ": changes " + p.Changes + "; stays " + p.Stays + "; undo " + p.Undo
	if err := r.recordAs("confirmed", who.Name, by, transcript.Facts{"role": string(who.Role), "word": p.Word, "what": text}); err != nil {
		return err
	}
	g.confirmed++
	return nil
}

// confirmByCode is the second part of a witness' confirmation.
func (r *Run) confirmByCode(g *going, h keyed, p Prompt, what string) *page {
	ch := &r.cards.challenge
	switch {
	case ch.decide:
		return r.unanswered(h)
	case ch.file == "":
		return r.work("encrypt a fresh challenge to "+h.who.Name, Prompt{IfPowerFails: r.stands()}, func(context.Context) ([]string, error) {
			done, err := r.makeChallenge(h)
			ch.then = func(by transcript.Evidence) error { return r.confirmed(g, h.who, p, what, by) }
			return done, err
		})
	}
	code := r.askCode(h)
	code.Badge, code.Heading = p.Badge, h.who.Name+": confirm it by the code of a fresh challenge. It is not shown."
	code.Facts = append([]Fact{{"confirms", p.Action}}, code.Facts...)
	return code
}

// goStep is the step before the change. The pending operation is read once more
// before the first word is asked for.
func goStep(prompt func(*Run) Prompt) []Step {
	list := step("go", "Go", Operator, func(r *Run) *page {
		if !r.guarded {
			return r.work("compare with what was agreed", Prompt{IfPowerFails: "the vault is as it was."}, func(ctx context.Context) ([]string, error) {
				if err := r.guard(ctx); err != nil {
					return nil, err
				}
				r.guarded = true
				return r.unchanged(), nil
			})
		}
		p := prompt(r)
		p.Word, p.Badge = r.c.Word, "CHANGES THE VAULT"
		if r.remote() {
			p.Badge = "CHANGES THE SERVER"
		}
		for _, s := range r.unchanged() {
			p.Lines = append(p.Lines, Line{Mark: Good, Text: s})
		}
		if n := r.quorum.names; len(n) > 0 {
			p.Lines = append([]Line{{Mark: Good, Text: fmt.Sprintf("%d of %d shares: %s", len(n), r.agreed.Needed, list(n))}}, p.Lines...)
		}
		if n := len(r.proof.proven); n > 0 {
			p.Lines = append([]Line{{Mark: Good, Text: fmt.Sprintf("%d of %d new shares are proven", n, r.plan.Shares)}}, p.Lines...)
		}
		return r.confirmTwice(&r.going, p, p.Action)
	})
	list[0].Redo = func(r *Run) {
		r.going, r.guarded = going{}, false
		r.cards.forget()
	}
	return list
}

// unchanged is what was compared before the first word is asked for.
func (r *Run) unchanged() []string {
	if r.remote() {
		return []string{"what the server says is pending is what was agreed"}
	}
	return []string{"the pending operation is the one that was agreed", "the vault on disk is what it was"}
}
