package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"conclave/assets/clean"
	"conclave/ceremony/custodian"
)

// The levels of a finding.
const (
	LevelError   = "E" // cannot be
	LevelWarning = "W" // weakens something: the plan accepts it with a reason, or it cannot be
	LevelInfo    = "I" // said
)

// Finding is what the arithmetic of a quorum, or people's roles, say.
type Finding struct{ Level, ID, Sentence string }

// acceptable are the ids of overrides that a plan can accept with a reason.
var acceptable = []string{
	"no-witness", "skipped-proofs", "plain-shares", "single-control", "given-pin", "piped-secrets", "plain-display", "recorder-allowed",
	"no-spare-share", "two-quorums", "one-organisation", "near-witness",
}

// Judge works out what a quorum and the people's organisations mean.
func (p *Plan) Judge() []Finding {
	var out []Finding
	add := func(level, id, format string, args ...any) {
		out = append(out, Finding{level, id, fmt.Sprintf(format, args...)})
	}
	n, t := p.Shares, p.Threshold
	if p.Issues() {
		add(LevelInfo, "", "%d shares, any %d of them act together: %d may be lost, %d may be told to a thief.", n, t, n-t, t-1)
		switch {
		case n == 1: // single-control is already an override
		case n == t:
			add(LevelWarning, "no-spare-share", "All %d shares are needed: the loss of one is the end of the recovery key.", n)
		case n-t < 2 && p.Retention > 2:
			add(LevelInfo, "", "One spare share: few, for shares that are kept %d years.", p.Retention)
		case n-t < 2 && p.Retention == 0:
			add(LevelInfo, "", "One spare share: few, where shares are kept for more than two years.")
		}
		if n > 1 && 2*t <= n {
			add(LevelWarning, "two-quorums", "%d shares make two groups of %d that each can act alone, even against each other.", n, t)
		}
	}
	count := map[string]int{}
	for _, who := range p.Custodians() {
		if who.Number == 0 || who.Organisation == "" {
			continue
		}
		name := strings.ToLower(who.Organisation)
		if count[name]++; count[name] == t {
			add(LevelWarning, "one-organisation", "%d custodians are of %s: it can act alone.", t, clean.Clean(who.Organisation))
		}
	}
	operator, _ := p.First(custodian.Operator)
	witness, there := p.First(custodian.Witness)
	switch {
	case !there:
	case witness.Organisation == "" || operator.Organisation == "":
		add(LevelInfo, "", "One witness. Whether of another organisation than the operator's, the plan does not say.")
	case strings.EqualFold(witness.Organisation, operator.Organisation):
		add(LevelWarning, "near-witness", "The one witness is of the operator's own organisation, %s.", clean.Clean(witness.Organisation))
	default:
		add(LevelInfo, "", "One witness, of another organisation than the operator's.")
	}
	return out
}

// Accepts tells whether the plan weakens a rule on purpose.
func (d *Document) Accepts(id string) bool {
	return slices.ContainsFunc(d.accepted, func(a acceptance) bool { return a.id == id })
}

// Bind holds a resolved plan against its document: the keys are those whose
// fingerprints people gave, and everything that weakens a rule is accepted with
// a reason, which becomes part of the plan.
func (d *Document) Bind(p *Plan) error {
	r := reader{d: d}
	d.fingerprints(&r, p)
	for _, f := range p.Judge() {
		if f.Level == LevelWarning {
			p.Overrides = append(p.Overrides, Override{ID: f.ID, Sentence: f.Sentence})
		}
	}
	for i, o := range p.Overrides {
		at := slices.IndexFunc(d.accepted, func(a acceptance) bool { return a.id == o.ID })
		if at < 0 {
			r.diags = append(r.diags, &hcl.Diagnostic{Severity: hcl.DiagError, Summary: "Not accepted: " + o.ID,
				Detail: fmt.Sprintf("%s The plan does not accept it: accept %q { reason = \"…\" }.", o.Sentence, o.ID)})
			continue
		}
		p.Overrides[i].Why = d.accepted[at].reason
	}
	if r.diags.HasErrors() {
		return d.mistakes(r.diags)
	}
	return nil
}

// fingerprints compares the keys that were read with what the plan says, and
// finds one mailbox behind two shares.
func (d *Document) fingerprints(r *reader, p *Plan) {
	var holders []Entry
	for _, e := range d.People {
		if e.KeyFile != "" {
			holders = append(holders, e)
		}
	}
	mail := map[string]string{}
	for i, e := range holders {
		if i >= len(p.Keys) {
			return // Resolve has refused the count
		}
		k := p.Keys[i]
		if k.Fingerprint != e.Fingerprint {
			r.refuse(e.where, "Another key", "%s has the fingerprint %s; the plan says that %s's is %s.",
				clean.Clean(k.File), k.Fingerprint, clean.Clean(e.Name), e.Fingerprint)
		}
		for _, box := range mailboxes(k.UserIDs) {
			if other, twice := mail[box]; twice && other != e.Name {
				r.refuse(e.where, "One mailbox, two shares", "The keys of %s and %s both name %s.", clean.Clean(other), clean.Clean(e.Name), clean.Clean(box))
			}
			mail[box] = e.Name
		}
	}
}

// mailboxes are the addresses in user IDs: "Alice <alice@example.org>".
func mailboxes(ids []string) []string {
	var out []string
	for _, id := range ids {
		if _, rest, ok := strings.Cut(id, "<"); ok {
			if box, _, ok := strings.Cut(rest, ">"); ok && strings.Contains(box, "@") {
				out = append(out, strings.ToLower(box))
			}
		}
	}
	return out
}
