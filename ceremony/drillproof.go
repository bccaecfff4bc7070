package ceremony

import (
	"context"
	"fmt"
	"slices"

	"conclave/ceremony/custodian"
	"conclave/ceremony/plan"
	"conclave/ceremony/transcript"
)

// What a holder proves in a drill, one person at a time.

const drillStands = "It was wiped. Nothing is changed."

func (r *Run) askDrilled(who Person) *page {
	set, _ := r.validSet()
	return &page{
		Prompt: Prompt{Kind: AskShare, By: who, Heading: who.Name + ": type your share. It is not shown.", Sealed: r.sealedOld(who),
			Entry:    Entry{Given: r.drilling.proven(), Needed: len(set.Holdings), Bytes: shareBytes(set.Shares), Proving: true},
			Recorded: "who, when, whether it is their share. Never a group."},
		do: r.takeDrilled,
	}
}

// takeDrilled compares one share with the record. It is in memory for no longer
// than this (TestDrillLeaks scans the program between two custodians).
func (r *Run) takeDrilled(_ context.Context, in Input) error {
	h, who, ok := r.nextDrilled()
	if !ok {
		return ErrStale
	}
	set, _ := r.validSet()
	raw, form, err := r.parse(in.Secret, shareBytes(set.Shares))
	defer raw.Wipe()
	g := given{who: who, form: form, source: in.Source, program: in.Program, sha: in.ProgramSHA256}
	if err != nil {
		p := explainEntry(err)
		p.State = drillStands
		return r.notTheirs(g, trouble{p, whyUnreadable})
	}
	found, known := r.holding(raw)
	if known {
		g.number, g.set, g.print = found.Number, found.Set, found.Fingerprint
	}
	switch {
	case known && found.Set == set.ID && found.Number == h.Number:
		g.known = true
		if err := r.entered(g, "good", ""); err != nil {
			return err
		}
		return r.isProven(h, plan.ProofShare, transcript.ByShare)
	case known && !plan.Same(found.Custodian, h.Custodian):
		p := foreign(found.Custodian, who.Name, fmt.Sprintf("So say the earlier records. Typed: %s, share %d", found.Custodian, found.Number))
		p.State = fmt.Sprintf("So say the earlier records. One person must not hold two shares. %s", drillStands)
		r.drilling.odd = &odd{given: given{who: who}, whose: found.Custodian, problem: p}
		return r.entered(g, "refused", p.Happened)
	}
	return r.notTheirs(g, r.otherShare(h, found, known))
}

// otherShare names a share that is not the one that is asked for.
func (r *Run) otherShare(h, found custodian.Holding, known bool) trouble {
	p := Problem{State: drillStands, Do: fmt.Sprintf("%s types share %d.", h.Custodian, h.Number)}
	set, _ := r.setOf(found.Set)
	switch {
	case known && set.State == custodian.Replaced:
		p.Happened = "This is an old share."
		p.State = fmt.Sprintf("Share %d of the set of %s, which %s replaced: so say the earlier records. %s", found.Number, day(set.Issued), set.Ended, drillStands)
		return trouble{p, whyOld}
	case known && set.State != custodian.Valid:
		p.Happened = "This is a share of a set that never counted."
		p.State = fmt.Sprintf("Share %d of the set of %s, from %s: so say the earlier records. %s", found.Number, day(set.Issued), set.Ceremony, drillStands)
		return trouble{p, whyOld}
	case known:
		p.Happened = fmt.Sprintf("This is share %d, and share %d is asked for.", found.Number, h.Number)
		return trouble{p, whyAnother}
	}
	p.Happened = fmt.Sprintf("This is not share %d, which %s was handed out.", h.Number, h.Custodian)
	p.State = "No earlier record knows it. " + drillStands
	return trouble{p, whyAnother}
}

// notTheirs records what does not do; a slip is typed again, the rest the people
// decide.
func (r *Run) notTheirs(g given, t trouble) error {
	d := &r.drilling
	if err := r.entered(g, "refused", t.Happened); err != nil {
		return err
	}
	if d.tries++; t.why == whyUnreadable && d.tries < mostTries {
		return &again{t.Problem}
	}
	d.trouble = &t
	return nil
}

// decideDrilled is the page after what was typed, or decrypted, did not do.
func (r *Run) decideDrilled(h custodian.Holding, who Person) *page {
	d := &r.drilling
	t := *d.trouble
	choices := []Choice{
		{"again", who.Name + " tries again", "what was typed is wiped"},
		{"not", "It is not proven today", fmt.Sprintf("recorded so: share %d of %s is not proven, and why", h.Number, h.Custodian)},
		{"stop", "Stop", r.stands()},
	}
	if t.why == whyUnanswered || t.why == whyOtherKey {
		choices = slices.Insert(choices, 1, Choice{"share", who.Name + " types the share instead", "a proof of the share; it is typed into this machine"})
	}
	return &page{
		Prompt: Prompt{Kind: Choose, By: who, Heading: t.Happened, Problem: &t.Problem, Choices: choices,
			Recorded: "what was wrong with it, and what you choose."},
		do: func(_ context.Context, in Input) error {
			if !pick(choices, in.Choice) {
				return r.chooseAgain()
			}
			d.trouble, d.tries = nil, 0
			r.cards.again()
			switch in.Choice {
			case "not":
				return r.isNotProven(h, t.why, t.Happened)
			case "share":
				d.byShare = true
			case "stop":
				return &stop{code: CodeStopped, by: r.person(Operator).Name, reason: t.Happened}
			}
			return nil
		},
	}
}

// byKey tells whether somebody proves their key alone: the plan says so, and has
// the key that their share was encrypted to.
func (r *Run) byKey(h custodian.Holding) bool {
	return r.plan.Proof == plan.ProofKey && !r.drilling.byShare && r.keyOf(h) >= 0
}

// keyOf is where the key of a holding is among keyHolders, -1 if it is not.
func (r *Run) keyOf(h custodian.Holding) int {
	return slices.IndexFunc(r.keyHolders(), func(k keyed) bool {
		return h.PGP != "" && k.key.Fingerprint == h.PGP && plan.Same(k.who.Name, h.Custodian)
	})
}

// drilledKeys are the keys of the plan that a share in the record was encrypted
// to, and who holds it.
func (r *Run) drilledKeys() []keyed {
	var list []keyed
	for _, k := range r.plan.Keys {
		for _, h := range r.drilled() {
			if who, here := r.hereAs(h.Custodian); here && h.PGP == k.Fingerprint {
				list = append(list, keyed{who, k})
			}
		}
	}
	return list
}

// proveKey has somebody show that they have the private half of their key. Whose
// key it is the records say; where nothing outside of those confirms them, the
// holder's own card does.
func (r *Run) proveKey() *page {
	c := &r.cards
	switch {
	case c.matched:
		return r.challengeHolder()
	case c.decide:
		return r.notShown(trouble{Problem{Badge: "NOT PROVEN", Happened: "The key in the records is not the one on the card of " + r.keyHolders()[c.turn].who.Name + ".",
			State: "Nothing is changed.", Do: "Find out which of them is right: compare the head of the record with the paper. Until then hold no ceremony that uses this key."}, whyOtherKey})
	case c.none:
		return r.noCard()
	}
	return r.askCard()
}

// answered is a challenge that was: in a drill the key is proven by it.
func (r *Run) answered() error {
	if r.plan.Kind != plan.Drill {
		r.nextCard()
		return nil
	}
	h, _, _ := r.nextDrilled()
	r.cards.forget()
	if r.bringsFile(h) {
		r.drilling.askFile = h.Number
		return nil
	}
	return r.isProven(h, plan.ProofKey, transcript.ByDecrypt)
}

// unansweredDrill is a challenge that was not.
func (r *Run) unansweredDrill() *page {
	return r.notShown(trouble{Problem{Badge: "NOT PROVEN", Happened: r.cards.challenge.happened, State: "Nothing is changed.",
		Do: "Find out where the private half of the key lies."}, whyUnanswered})
}

// notShown hands over to the people what did not do.
func (r *Run) notShown(t trouble) *page {
	r.drilling.trouble = &t
	held, who, _ := r.nextDrilled()
	return r.decideDrilled(held, who)
}
