package ceremony

import (
	"context"
	"fmt"
	"strings"

	"conclave/assets/clean"
	"conclave/ceremony/plan"
	"conclave/ceremony/transcript"
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
