package ceremony

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"conclave/assets/clean"
	"conclave/ceremony/custodian"
	"conclave/ceremony/plan"
	"conclave/ceremony/transcript"
	"conclave/vaultstate"
)

// A recover has no quorum. What stands in its place is compared before anything
// is made: people of earlier records who approved the plan, two who typed the
// PIN, a line for each who held a share before. None of it keeps anybody from
// doing the same without this program; it cannot be done here and not be seen.

// authority is what that step remembers.
type authority struct {
	told    bool
	at      int    // index of the old holder who is asked about
	state   string // chosen for them; "": not yet
	handed  bool   // they have the keyboard
	last    Person // had it last
	back    bool
	problem *Problem // what was wrong with the share that they tried
	odd     *odd     // it is another's
	tried   []given
	there   bool // a threshold of the old shares is good
}

func (a *authority) wipe() {
	for _, g := range a.tried {
		g.raw.Wipe()
	}
	a.tried = nil
}

// The states of an old holder.
const (
	absentHolder  = "absent"  // not here
	presentHolder = "present" // here, and has no share
	refusedHolder = "refused" // what they typed is not a share of that set
	goodHolder    = "good"    // it is
)

func authorityStep() []Step {
	return []Step{{ID: "authority", Title: "Authority", By: Operator, Next: askAuthority,
		Note: func(r *Run) string {
			if n := len(r.oldHolders()); n > 0 {
				return fmt.Sprintf("%d of %d", r.authority.at, n)
			}
			return ""
		}}}
}

func askAuthority(r *Run) *page {
	a := &r.authority
	if !a.told {
		if lacks := r.lacksAuthority(); len(lacks) > 0 && !r.glassBroken() {
			return r.refuseAuthority(lacks)
		}
		return r.tellAuthority()
	}
	if a.there {
		return r.sharesAreThere()
	}
	if a.at < len(r.oldHolders()) {
		return r.askOldHolder(r.oldHolders()[a.at])
	}
	if a.last.Name != "" && !a.back {
		return r.backTo(a.last, &a.back)
	}
	a.wipe()
	return nil
}

// glassBroken tells whether the plan does without what a recover asks for.
func (r *Run) glassBroken() bool { return r.plan.Recovery.BreakGlass != "" }

// lacksAuthority is what is not there: of the plan, and of the token.
func (r *Run) lacksAuthority() []string {
	if r.plan.Practice {
		return nil
	}
	list := r.plan.Lacking()
	if !r.token.ProtectedPath && r.pinHolders() == nil {
		list = append(list, "One person typed the whole PIN: nobody is named who types a part of it, and the token has no pad of its own.")
	}
	return list
}

func (r *Run) refuseAuthority(lacks []string) *page {
	p := Problem{Badge: "STOPPED", Happened: "This ceremony has not the authority that it needs.", State: "Nothing is changed. " + strings.Join(lacks, " "),
		Do: "Get what is lacking. Where it cannot be had, -break-glass " + plan.BreakGlassWord + " does without, and every later record of this vault says so."}
	choices := []Choice{{"stop", "Stop", r.stands()}}
	return &page{
		Prompt: Prompt{Kind: Choose, By: r.person(Operator), Heading: p.Happened, Problem: &p, Choices: choices, Recorded: "what is lacking."},
		do: func(context.Context, Input) error {
			return &stop{code: CodeFailed, by: r.person(Operator).Name, reason: strings.Join(append([]string{p.Happened}, lacks...), " ")}
		},
	}
}

// tellAuthority shows what the ceremony rests on, for everybody to judge.
func (r *Run) tellAuthority() *page {
	p, who := r.plan, r.person(Operator)
	approvers := p.Authority()
	set, known := r.validSet()
	lines := []Line{}
	mark := func(m Mark, format string, args ...any) {
		lines = append(lines, Line{Mark: m, Text: clean.Clean(fmt.Sprintf(format, args...))})
	}
	if known {
		mark(Good, "replaced is %s of %s", "the set "+short(set.ID), set.Ceremony)
	}
	for _, a := range approvers {
		mark(Good, "approved by %s, by a key of an earlier record", a)
	}
	if p.Recovery.Anchor != "" {
		mark(Good, "these records are confirmed by %s", p.Recovery.Anchor)
	}
	mark(Good, "the PIN: %s", r.loginSource())
	lacks := r.lacksAuthority()
	for _, s := range lacks {
		mark(Warn, "%s", s)
	}
	if p.Practice {
		mark(Warn, "PRACTICE: what this needs in production is not asked for.")
	}
	if r.unauthentic() {
		mark(Warn, "%s", Unauthentic)
	}
	return &page{
		Prompt: Prompt{Kind: Attest, By: who, Heading: who.Name + ": on whose authority are the shares made anew?", Facts: []Fact{{"reason", p.Recovery.Reason}}, Lines: lines,
			Recorded: "the lines above, and a standing sentence for every later record."},
		do: func(context.Context, Input) error {
			sentence := r.recreatedSentence()
			if err := r.override("recreated", sentence, "", "reason: "+p.Recovery.Reason); err != nil {
				return err
			}
			facts := transcript.Facts{"reason": p.Recovery.Reason, "sentence": sentence, "break_glass": r.glassBroken(), "pin": r.loginSource()}
			if known {
				facts["set"] = set.ID
			}
			if p.Recovery.Anchor != "" {
				facts["anchor"] = p.Recovery.Anchor
			}
			r.authority.told = true
			return r.record("recovery", Program, "", facted(facts, lists{"approvers": approvers, "lacking": lacks}))
		},
	}
}

// recreatedSentence is what every later record says.
func (r *Run) recreatedSentence() string {
	for _, o := range r.plan.Overrides {
		if o.ID == plan.BreakGlass {
			return o.Sentence
		}
	}
	by := "approved by " + list(r.plan.Authority())
	if r.plan.Practice {
		by = "in a rehearsal"
	}
	return fmt.Sprintf("Recovery authority was re-created on %s without a quorum, %s.", day(stamp(r.now())), by)
}

// sayRecreated puts what was done once without a quorum among the overrides of
// every later record.
func (r *Run) sayRecreated() error {
	if r.env.Roster == nil {
		return nil
	}
	sentences := r.env.Roster.RecreatedSentences()
	if len(sentences) == 0 {
		return nil
	}
	return r.override("recreated-before", strings.Join(sentences, " "), "", "the records before this ceremony say it")
}

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
