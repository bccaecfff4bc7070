package plan

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"conclave/assets/clean"
	"conclave/ceremony/custodian"
	"conclave/vaultstate"
)

// Where the recovery shares are lost there is no quorum, and whoever holds the
// HSM's PIN and the storage can put new shares in place, with this program or
// without. What is asked here makes it impossible to do so quietly: people who
// had a part in the vault before approve it by keys that were known before, two
// type the PIN, and the set that is replaced is known. Who cannot meet that
// breaks the glass, and every later record says so.

// BreakGlassWord is what break_glass says.
const BreakGlassWord = "RECREATE"

// BreakGlass is the override's id.
const BreakGlass = "break-glass"

// LeastApprovals is how many approvals of a recover have to count.
const LeastApprovals = 2

// The reasons of a recover; the second is one of a rewrap, too.
const (
	Loss       = "loss"       // the shares are lost, and nobody else has them as far as is known
	Compromise = "compromise" // somebody may have them
)

// Recovery is what a recover rests on, in place of a quorum.
type Recovery struct {
	Reason     string // Loss or Compromise
	BreakGlass string // the word, or ""
	Replaces   string // the set that is replaced, from a record that something outside confirms; "": none is known so
	Anchor     string // what confirms it
	GivenPIN   string // where the PIN comes from, if nobody types it
	Rewrapped  bool   // the ceremony before was a rewrap
}

// recoverable checks what is said of a recover, and has it read aloud.
func (q Request) recoverable(p *Plan, now time.Time, refuse func(string, string, ...any)) {
	r := q.Recovery
	if q.Kind != vaultstate.Recover {
		return
	}
	switch r.Reason {
	case Loss, Compromise:
	case "":
		refuse("reason", "why are the shares re-created? Say loss, or compromise where somebody may have them")
	default:
		refuse("reason", "%q: say loss or compromise", clean.Clean(r.Reason))
	}
	if r.BreakGlass != "" && r.BreakGlass != BreakGlassWord {
		refuse("break-glass", "%q is not the word: %s. It has the shares re-created without what a recover asks for, and every later record of this vault says so", clean.Clean(r.BreakGlass), BreakGlassWord)
	}
	p.Recovery = r
	values := []Value{{Name: "reason", Text: r.Reason, Source: "flag"}}
	if r.BreakGlass != "" {
		values = append(values, Value{Name: "break-glass", Text: r.BreakGlass, Source: "flag"})
		p.Overrides = append(p.Overrides, Override{ID: BreakGlass, Sentence: recreated(now) + " without anybody who held it before."})
	}
	replaces := r.Replaces
	if replaces == "" {
		replaces = "not known: no record shows the set that something outside of it confirms"
	}
	p.Values = append(p.Values, append(values, Value{Name: "replaces", Text: replaces, Source: "earlier records"})...)
	if r.Anchor != "" {
		p.Values = append(p.Values, Value{Name: "confirmed by", Text: r.Anchor, Source: "outside of the records"})
	}
}

func recreated(now time.Time) string {
	return "Recovery authority was re-created on " + now.UTC().Format(time.DateOnly)
}

// Lacking is what a recover asks for and the plan has not, in sentences. What
// depends on the token is for the ceremony to find.
func (p *Plan) Lacking() []string {
	if p.Kind != vaultstate.Recover || p.Practice {
		return nil
	}
	var list []string
	if p.Recovery.Replaces == "" {
		list = append(list, "No record that something outside of it confirms has the set that is replaced: give the records (-previous), and the head on paper (-head) or the keys of those who signed them (-trust).")
	}
	if who, why := p.counted(); len(who) < LeastApprovals {
		text := fmt.Sprintf("%d of %d approvals count that a recover needs, by keys of an earlier record that something outside of it confirms", len(who), LeastApprovals)
		if len(p.Approvers) == 0 {
			why = []string{"the plan names no approver"}
		}
		list = append(list, text+": "+strings.Join(why, "; ")+".")
	}
	if s := p.Recovery.GivenPIN; s != "" {
		list = append(list, "The PIN comes from the "+clean.Clean(s)+": whoever can read that needs nobody else. Two people type a part of it each.")
	}
	if p.Recovery.Reason == Compromise && !p.Recovery.Rewrapped {
		list = append(list, "A compromise is suspected, and the ceremony before was no rewrap: whoever has the old shares and an older copy of the storage has a quorum still. Rewrap to a new HSM key first.")
	}
	return list
}

// Authority names those whose approval counts for a recover.
func (p *Plan) Authority() []string {
	who, _ := p.counted()
	return who
}

// counted are the approvers whose approval counts, each key once, and why that
// of each of the others does not.
func (p *Plan) counted() (who, why []string) {
	var keys []string
	for _, a := range p.Approvers {
		name := clean.Clean(a.Name)
		fail := func(format string, args ...any) { why = append(why, name+": "+fmt.Sprintf(format, args...)) }
		known, ok := p.knownAs(a)
		switch {
		case a.Approval == nil:
			fail("has not signed")
		case p.holdsPIN(a.Name):
			fail("holds a part of the PIN")
		case known.Key == "":
			fail("the key is in no earlier record")
		case !ok && !Same(known.Name, a.Name):
			fail("the key is that of %s in %s", clean.Clean(known.Name), clean.Clean(known.Ceremony))
		case !ok:
			fail("the key is in %s alone, which nothing outside of it confirms, or which changed nothing", clean.Clean(known.Ceremony))
		case slices.Contains(keys, a.Key.ID):
			fail("the key is of two approvers")
		default:
			keys, who = append(keys, a.Key.ID), append(who, name)
		}
	}
	return who, why
}

// knownAs finds an approver's key in the earlier records; ok if it counts.
func (p *Plan) knownAs(a Approver) (best Known, ok bool) {
	for _, k := range p.Known {
		switch {
		case k.Key != a.Key.ID:
		case k.Anchored && Same(k.Name, a.Name):
			return k, true
		case best.Key == "" || Same(k.Name, a.Name):
			best = k
		}
	}
	return best, false
}

func (p *Plan) holdsPIN(name string) bool {
	return slices.ContainsFunc(p.People, func(w custodian.Person) bool {
		return (w.Role == custodian.PINHolder || w.Role == custodian.Operator) && Same(w.Name, name)
	})
}

// Recoverable refuses a recover that lacks something, unless the glass is
// broken: then the override says what.
func (p *Plan) Recoverable(now time.Time) error {
	lacks := p.Lacking()
	at := slices.IndexFunc(p.Overrides, func(o Override) bool { return o.ID == BreakGlass })
	switch {
	case p.Kind != vaultstate.Recover:
		return nil
	case at < 0 && len(lacks) > 0:
		return &Problem{"recover", strings.Join(lacks, " ") + " Where that cannot be had, -break-glass " + BreakGlassWord + " does without, and every later record of this vault says so"}
	case at < 0:
		return nil
	case len(lacks) == 0 && len(p.PINHolders()) > 0:
		return &Problem{"break-glass", "nothing is lacking that a recover asks for: leave it out"}
	}
	p.Overrides[at].Sentence = recreated(now) + " without anybody who held it before."
	if who := p.Authority(); len(who) > 0 {
		p.Overrides[at].Sentence = recreated(now) + " by breaking the glass, approved by " + strings.Join(who, " and ") + "."
	}
	return nil
}
