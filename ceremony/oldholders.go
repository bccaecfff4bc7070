package ceremony

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"conclave/ceremony/custodian"
	"conclave/ceremony/plan"
	"conclave/ceremony/transcript"
	"conclave/vaultstate"
)

// The states of an old holder.
const (
	absentHolder  = "absent"  // not here
	presentHolder = "present" // here, and has no share
	refusedHolder = "refused" // what they typed is not a share of that set
	goodHolder    = "good"    // it is
)

// oldHolders held the shares of the set that is replaced, as the records say.
func (r *Run) oldHolders() []custodian.Holding {
	if r.plan.Kind != vaultstate.Recover {
		return nil
	}
	set, _ := r.validSet()
	return set.Holdings
}

// hereAs finds an old holder among those who are here, in whatever role.
func (r *Run) hereAs(name string) (Person, bool) {
	i := slices.IndexFunc(r.present, func(p Person) bool { return plan.Same(p.Name, name) })
	if i < 0 {
		return Person{}, false
	}
	return r.present[i], true
}

// askOldHolder has a line of each: not here, here without the share, or tried.
func (r *Run) askOldHolder(h custodian.Holding) *page {
	a := &r.authority
	who, here := r.hereAs(h.Custodian)
	switch {
	case !here:
		return r.askWhyHolder(h, absentHolder)
	case a.odd != nil:
		return r.stopForeign(a.odd.whose, a.odd.who, a.odd.problem, func() { a.odd = nil })
	case a.problem != nil:
		return r.askTriedAgain(h, who)
	case a.state == presentHolder, a.state == absentHolder:
		return r.askWhyHolder(h, a.state)
	case a.state != "" && !a.handed:
		from := a.last
		if from.Name == "" {
			from = r.person(Operator)
		}
		return r.handOver(from, who, "", func(context.Context) error {
			a.handed, a.last, a.back = true, who, false
			return nil
		}, nil)
	case a.state != "":
		return r.askOldShare(h, who)
	case a.last.Name != "" && !a.back:
		return r.backTo(a.last, &a.back)
	}
	choices := []Choice{
		{presentHolder, "Has no share any more", "why is asked next"},
		{goodHolder, "Has a share, and tries it", "if enough are good, they authorise it instead"},
		{absentHolder, "Is not here", "although they were marked as here"},
	}
	return &page{
		Prompt: Prompt{Kind: Choose, By: r.person(Operator), Heading: fmt.Sprintf("%s held share %d of the set that is replaced", h.Custodian, h.Number),
			Facts: []Fact{{"last proven", cmp.Or(day(h.Proven), "never")}}, Choices: choices, Recorded: "a line for every old holder."},
		do: func(_ context.Context, in Input) error {
			if !pick(choices, in.Choice) {
				return r.chooseAgain()
			}
			a.state = in.Choice
			return nil
		},
	}
}

func (r *Run) askWhyHolder(h custodian.Holding, state string) *page {
	where := "is not here"
	if state == presentHolder {
		where = "has no share any more"
	}
	return &page{
		Prompt: Prompt{Kind: Ask, By: r.person(Operator), Heading: fmt.Sprintf("%s, who held share %d, %s. Why?", h.Custodian, h.Number, where), Field: "reason",
			Text: []string{"In a few words: left, died, the share was lost, how."}, Recorded: "the line, and who it is of."},
		do: func(_ context.Context, in Input) error {
			text, err := r.typed("old holder: reason", in.Text, mostLine, reasonNeeded("Nothing was recorded."))
			if err != nil {
				return err
			}
			return r.holderIs(h, state, text)
		},
	}
}

// holderIs records the line and goes to the next.
func (r *Run) holderIs(h custodian.Holding, state, reason string) error {
	a := &r.authority
	set, _ := r.validSet()
	a.at, a.state, a.handed, a.problem = a.at+1, "", false, nil
	return r.record("old-holder", Operator, r.person(Operator).Name, transcript.Facts{"number": h.Number, "name": h.Custodian, "set": set.ID, "state": state, "reason": reason})
}

func (r *Run) askOldShare(h custodian.Holding, who Person) *page {
	return &page{
		Prompt: Prompt{Kind: AskShare, By: who, Heading: who.Name + ": type your old share. It is not shown.", Sealed: r.sealedOld(who),
			Entry:    Entry{Given: len(r.authority.tried), Needed: r.status.Threshold, Bytes: shareBytes(r.status.Shares)},
			Recorded: "who, when, whether it is a share of that set. Never a group."},
		do: func(ctx context.Context, in Input) error { return r.tryOld(ctx, h, who, in) },
	}
}

// tryOld looks whether somebody's old share is one, and whether those that were
// tried are enough by now.
func (r *Run) tryOld(ctx context.Context, h custodian.Holding, who Person, in Input) error {
	a := &r.authority
	raw, form, err := r.parse(in.Secret, shareBytes(r.status.Shares))
	g := given{who: who, raw: raw, form: form, source: in.Source, program: in.Program, sha: in.ProgramSHA256}
	if err != nil {
		raw.Wipe()
		p := explainEntry(err)
		a.problem = &p
		return r.entered(g, "refused", p.Happened)
	}
	found, known := r.holding(raw)
	set, _ := r.validSet()
	mine := known && found.Set == set.ID && found.Number == h.Number
	if mine {
		g.number, g.set, g.print, g.known = found.Number, found.Set, found.Fingerprint, true
	}
	if !slices.ContainsFunc(a.tried, func(t given) bool { return t.raw.Equal(raw) }) {
		a.tried = append(a.tried, g)
	} else {
		raw.Wipe()
	}
	if a.there, err = r.enoughOld(ctx); err != nil {
		return err
	}
	switch {
	case mine:
		if err := r.entered(g, "good", ""); err != nil {
			return err
		}
		return r.holderIs(h, goodHolder, "the share that they hold is one of that set")
	case known && found.Set == set.ID:
		problem := foreign(found.Custodian, who.Name, "So say the earlier records. Typed: "+found.Custodian+fmt.Sprintf(", share %d", found.Number))
		a.odd = &odd{given: given{who: who}, whose: found.Custodian, problem: problem}
		return r.entered(g, "refused", problem.Happened)
	}
	p := Problem{Happened: "This is not the share that " + h.Custodian + " was handed out.", State: "So say the earlier records. Nothing is changed.",
		Do: "Type it again, or have it recorded as refused."}
	a.problem = &p
	return r.entered(g, "refused", p.Happened)
}

// enoughOld asks the vault, once a threshold of shares was tried, whether they
// are its own: whatever the records say of them.
func (r *Run) enoughOld(ctx context.Context) (bool, error) {
	tester, ok := r.env.Vault.(vaultstate.Tester)
	tried := r.authority.tried
	if !ok || r.status.Threshold < 1 || len(tried) < r.status.Threshold {
		return false, nil
	}
	var wrong *vaultstate.QuorumError
	err := tester.Test(ctx, rawOf(tried))
	if errors.As(err, &wrong) {
		return len(wrong.Wrong) > 0, nil // without those they are enough
	}
	return err == nil, err
}

// askTriedAgain: a slip, or really not the share.
func (r *Run) askTriedAgain(h custodian.Holding, who Person) *page {
	a := &r.authority
	problem := *a.problem
	choices := []Choice{
		{"refused", "Record it as refused", "the line of " + h.Custodian + " says so"},
		{"again", who.Name + " types it again", ""},
	}
	return &page{
		Prompt: Prompt{Kind: Choose, By: who, Heading: "The share was not taken", Text: []string{problem.Happened}, Problem: &problem, Choices: choices,
			Recorded: "what was wrong with it, and what you choose."},
		do: func(_ context.Context, in Input) error {
			if !pick(choices, in.Choice) {
				return r.chooseAgain()
			}
			a.problem = nil
			if in.Choice == "again" {
				return nil
			}
			return r.holderIs(h, refusedHolder, problem.Happened)
		},
	}
}

// sharesAreThere ends it: the old shares are not lost.
func (r *Run) sharesAreThere() *page {
	r.authority.wipe()
	p := Problem{Badge: "STOPPED", Happened: fmt.Sprintf("%d of the old shares are good: the quorum is not lost.", r.status.Threshold),
		State: "Nothing is changed. The shares were wiped.", Do: "Hold a recovery rekey, which they authorise: conclave rekey -target=recovery."}
	choices := []Choice{{"stop", "Stop", r.stands()}}
	return &page{
		Prompt: Prompt{Kind: Choose, By: r.person(Operator), Heading: p.Happened, Problem: &p, Choices: choices, Recorded: "that they are good, and that it ended here."},
		do: func(context.Context, Input) error {
			return &stop{code: CodeStopped, by: r.person(Operator).Name, reason: p.Happened + " Hold a recovery rekey instead."}
		},
	}
}
