package ceremony

import (
	"context"
	"fmt"
	"slices"

	"conclave/ceremony/custodian"
	"conclave/ceremony/transcript"
	"conclave/hsm/secret"
	"conclave/vaultstate/share"
)

// odd is a share that waits for a decision.
type odd struct {
	given
	problem Problem
	clash   string // whose share has the same x-coordinate; "" if it is not that
	whose   string // in whose hands the earlier records have it, if not theirs
}

// scheme is the kind of check characters that shares of this ceremony have.
func (r *Run) scheme() share.Scheme { return share.Scheme{Practice: r.plan.Practice} }

// parse reads what was typed. The form is told also of a text that is refused.
func (r *Run) parse(text secret.Bytes, want int) (raw secret.Bytes, form string, err error) {
	raw, f, err := r.scheme().Parse(text, want)
	return raw, f.String(), err
}

// shareBytes is the length of a raw share: a key that is not split has no
// x-coordinate.
func shareBytes(shares int) int {
	if shares == 1 {
		return 32
	}
	return 33
}

func (r *Run) askShare() *page {
	q := &r.quorum
	return &page{
		Prompt: Prompt{Kind: AskShare, By: q.turn, Heading: q.turn.Name + ": type your share. It is not shown.", Sealed: r.sealedOld(q.turn),
			Entry:    Entry{Given: len(q.given), Needed: r.needed(), Bytes: shareBytes(r.status.Shares)},
			Recorded: "who, when, which share. Never a group."},
		do: r.takeShare,
	}
}

// sealedOld is the file of a share that counts, if somebody has one: where it
// lies is known to them alone.
func (r *Run) sealedOld(who Person) *Sealed {
	if before, known := r.keyBefore(who.Name); known && before == "" {
		return nil // on paper
	}
	return &Sealed{}
}

// takeShare checks what can be known of one share by itself.
func (r *Run) takeShare(_ context.Context, in Input) error {
	q := &r.quorum
	raw, form, err := r.parse(in.Secret, shareBytes(r.status.Shares))
	g := given{who: q.turn, raw: raw, form: form, source: in.Source, program: in.Program, sha: in.ProgramSHA256}
	if err == nil && q.holds(raw) != "" {
		err = fmt.Errorf("%w: %s gave it", errRepeated, q.holds(raw))
	}
	if err != nil {
		raw.Wipe()
		p := explainEntry(err)
		if e := r.entered(g, "refused", p.Happened); e != nil {
			return e
		}
		return &again{p}
	}
	q.odd = r.judge(&g)
	if q.odd == nil {
		q.odd = q.clash(g)
	}
	if q.odd != nil {
		if q.odd.whose != "" {
			raw.Wipe() // it is used in no case
		}
		return r.entered(g, "refused", q.odd.problem.Happened)
	}
	return r.keep(g, "")
}

func (r *Run) keep(g given, remark string) error {
	q := &r.quorum
	q.given = append(q.given, g)
	q.last, q.turn, q.handed = g.who, Person{}, false
	return r.entered(g, "good", remark)
}

// entered records that a share was typed. Only a fingerprint makes it theirs.
func (r *Run) entered(g given, result, reason string) error {
	facts := transcript.Facts{"form": g.form, "source": g.source, "result": result, "reason": reason}
	if g.program != "" {
		facts["gpg"], facts["gpg_sha256"] = g.program, g.sha
	}
	evidence := transcript.ByKeyboard
	if g.set != "" {
		facts["number"], facts["set"], facts["fingerprint"] = g.number, g.set, g.print
	}
	if g.known {
		evidence = transcript.ByShare
	}
	return r.recordAs("share-entered", g.who.Name, evidence, facts)
}

// holds tells who gave this very share; "" if nobody did.
func (q *quorum) holds(raw secret.Bytes) string {
	for _, g := range q.given {
		if g.raw.Equal(raw) {
			return g.who.Name
		}
	}
	return ""
}

// clash is about a share with the x-coordinate of another that is in: one of the
// two is wrong, and nothing tells which.
func (q *quorum) clash(g given) *odd {
	for _, other := range q.given {
		if g.raw.Len() == 33 && share.X(other.raw) == share.X(g.raw) {
			return &odd{given: g, clash: other.who.Name, problem: Problem{Happened: "This share has the number of the one that " + other.who.Name + " gave, and is another.",
				State: "One of the two is wrong: misread, or of another set. Nothing went to the vault; the other shares are kept.",
				Do:    g.who.Name + " or " + other.who.Name + " types theirs again."}}
		}
	}
	return nil
}

// holding finds a share in the earlier records, by its fingerprint.
func (r *Run) holding(raw secret.Bytes) (custodian.Holding, bool) {
	if r.env.Roster == nil {
		return custodian.Holding{}, false
	}
	return r.env.Roster.Match(func(id string) (fp [32]byte) {
		set, err := share.ParseSet(id)
		if err != nil {
			return fp
		}
		return set.Fingerprint(raw)
	})
}

// judge asks the earlier records whose share this is. It is a hint: whoever
// could change them could change the hint, so the people decide.
func (r *Run) judge(g *given) *odd {
	h, ok := r.holding(g.raw)
	if !ok {
		return nil // issued elsewhere, or before the record begins
	}
	g.number, g.set, g.print = h.Number, h.Set, h.Fingerprint
	typed := fmt.Sprintf("Typed: %s, share %d", h.Custodian, h.Number)
	set, _ := r.setOf(h.Set)
	switch {
	case set.State == custodian.Replaced:
		return &odd{given: *g, problem: Problem{Happened: "This is an old share.",
			State: fmt.Sprintf("%s of the set of %s, which %s replaced: so say the earlier records. Nothing went to the vault; the other shares are kept.", typed, day(set.Issued), set.Ended),
			Do:    g.who.Name + " types the newer share."}}
	case set.State == custodian.Pending && r.serving.pending.open == set.ID:
		return &odd{given: *g, problem: Problem{Happened: "Whether this share counts is not known.",
			State: fmt.Sprintf("%s of the set of %s: the record of %s ends before the server's answer. Nothing went to the vault; the other shares are kept.", typed, day(set.Issued), set.Ceremony),
			Do:    "All of one set are used, or none: either all custodians type the share of that day, or all the one before."}}
	case set.State != custodian.Valid:
		return &odd{given: *g, problem: Problem{Happened: "This is a share of a set that never counted.",
			State: fmt.Sprintf("%s of the set of %s, from %s: so say the earlier records. Nothing went to the vault; the other shares are kept.", typed, day(set.Issued), set.Ceremony),
			Do:    g.who.Name + " types the share that counts."}}
	case h.Custodian != g.who.Name:
		return &odd{given: *g, whose: h.Custodian, problem: foreign(h.Custodian, g.who.Name, "So say the earlier records. "+typed)}
	}
	g.known = true
	return nil
}

// drop wipes the share of somebody, who may give another.
func (q *quorum) drop(name string) {
	q.given = slices.DeleteFunc(q.given, func(g given) bool {
		if g.who.Name == name {
			g.raw.Wipe()
		}
		return g.who.Name == name
	})
}

// day is the date of a time as rosters write it.
func day(s string) string { return s[:min(len(s), len("2006-01-02"))] }

func (r *Run) decideOdd() *page {
	q := &r.quorum
	o := q.odd
	if o.whose != "" {
		return r.stopForeign(o.whose, o.who, o.problem, func() { q.odd = nil })
	}
	choices := []Choice{
		{"again", o.who.Name + " types again", "what was typed is wiped; the other shares are kept"},
		{"other", "Somebody else goes next", "what was typed is wiped"},
		{"use", "Use it all the same", "the vault decides; the record says that it was so"},
		{"stop", "Stop", r.stands()},
	}
	if o.clash != "" {
		choices[2] = Choice{"use", "Keep it, and " + o.clash + " types again", "the share of " + o.clash + " is wiped"}
	}
	return &page{
		Prompt: Prompt{Kind: Choose, By: o.who, Heading: o.problem.Happened, Text: []string{o.problem.State}, Problem: &o.problem,
			Choices: choices, Recorded: "what was offered, by whom, when."},
		do: func(_ context.Context, in Input) error {
			if !pick(choices, in.Choice) {
				return r.chooseAgain()
			}
			g := o.given
			q.odd = nil
			if in.Choice == "use" {
				q.drop(o.clash)
				return r.keep(g, "used all the same: "+o.problem.Happened)
			}
			g.raw.Wipe()
			switch in.Choice {
			case "stop":
				return &stop{code: CodeStopped, by: r.person(Operator).Name, reason: o.problem.Happened}
			case "other":
				q.pick, q.handed, q.last = true, false, g.who
			}
			return nil
		},
	}
}
