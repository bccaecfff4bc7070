package plan

import (
	"fmt"
	"slices"

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

// The overrides of a machine, or of the terminal that it is reached by: each
// keeps or sees what it should not. They are found on the day.
const (
	OverSSH       = "over-ssh"
	InMultiplexer = "in-multiplexer" // tmux, screen
	SwapOn        = "swap-on"
)

// OfTheMachine are all of these.
var OfTheMachine = []string{OverSSH, InMultiplexer, SwapOn}

// Acceptable are the ids of overrides that a plan can accept with a reason.
var Acceptable = []string{
	"no-witness", "skipped-proofs", "no-challenge", "no-second-medium", "plain-shares", "single-control", "given-pin", OnePINHolder, "given-token", "piped-secrets", "plain-display", "recorder-allowed", "unauthenticated-seal", "old-keys-stay", "quorum-in-memory", "api-session",
	OverSSH, InMultiplexer, SwapOn, SharedKey,
	"no-spare-share", "two-quorums", "one-organisation", "one-superior", "one-site", "one-witness", "near-witness",
	"operator-custodian", "operator-pin-holder", "pin-holder-custodian", "new-approver", BreakGlass,
}

// OnePINHolder is the override of a PIN that one person types. It depends on the
// token, too, which may take none from here: a plan may say why, and need not.
const OnePINHolder = "one-pin-holder"

// SharedKey is the override of an HSM key that seals another vault, too. It is
// found on the day.
const SharedKey = "shared-hsm-key"

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
	for _, same := range []struct {
		id, text string
		of       func(custodian.Person) string
	}{
		{"one-organisation", "%d custodians are of %s: it can act alone.", func(w custodian.Person) string { return w.Organisation }},
		{"one-superior", "%d custodians report to %s, who can have them act.", func(w custodian.Person) string { return w.ReportsTo }},
		{"one-site", "%d custodians keep their shares at %s: whoever gets in there has a quorum.", func(w custodian.Person) string { return w.Site }},
	} {
		count := map[string]int{}
		for _, who := range p.Custodians() {
			name := same.of(who)
			if who.Number == 0 || name == "" {
				continue
			}
			if count[fold(name)]++; count[fold(name)] == t {
				add(LevelWarning, same.id, same.text, t, clean.Clean(name))
			}
		}
	}
	if p.SignedBy != "" && p.SignRecord.Label == "" {
		add(LevelInfo, "", "The record before was signed by the HSM key %s; this plan names no key that signs (sign_record), so this one will not be.", clean.Clean(p.SignedBy))
	}
	p.witnesses(add)
	p.roles(func(name string, a, b custodian.Role, id string, _ bool) {
		switch {
		case id != "":
			add(LevelWarning, id, "%s is %s and %s.", name, a, b)
		case a == custodian.PINHolder && b == custodian.Approver:
			add(LevelInfo, "", "%s holds a part of the PIN and approves the plan.", name)
		}
	})
	p.knownApprovers(add)
	return out
}

// witnesses counts those who watch, and those of them who are independent. Where
// nothing is changed, nobody has to.
func (p *Plan) witnesses(add func(level, id, format string, args ...any)) {
	operator, _ := p.First(custodian.Operator)
	list := p.with(custodian.Witness)
	if len(list) == 0 || p.Kind == Unseal {
		return // none at all is an override of its own
	}
	if len(list) == 1 {
		add(LevelWarning, "one-witness", "There is one witness, and two are asked for.")
	}
	for _, who := range list {
		if who.Organisation != "" && operator.Organisation != "" && fold(who.Organisation) != fold(operator.Organisation) {
			add(LevelInfo, "", "%s, a witness, is of another organisation than the operator.", clean.Clean(who.Name))
			return
		}
	}
	add(LevelWarning, "near-witness", "No witness is said to be of another organisation than the operator.")
}

// Weigh takes what Judge warns of as overrides. A plan's file accepts them with a
// reason (Bind); without one they are in the record and need none.
func (p *Plan) Weigh() {
	for _, f := range p.Judge() {
		if f.Level == LevelWarning {
			p.Overrides = append(p.Overrides, Override{ID: f.ID, Sentence: f.Sentence})
		}
	}
}

// Unplanned takes the overrides of a ceremony that has no plan's file: those of
// Weigh, and that nobody wrote down beforehand whose keys are meant.
func (p *Plan) Unplanned() {
	if !p.Practice && (len(p.Keys) > 0 || p.WitnessKey != nil || p.RootTokenKey != nil) {
		p.Overrides = append(p.Overrides, Override{ID: "unplanned-keys",
			Sentence: "No plan names the fingerprints of the PGP keys: what their holders' cards say is all there is."})
	}
	p.Weigh()
}

// Accepts tells whether the plan weakens a rule on purpose.
func (d *Document) Accepts(id string) bool {
	return slices.ContainsFunc(d.accepted, func(a acceptance) bool { return a.id == id })
}

// WhyAccepted is why the plan's file accepts an override, "" if it says nothing of it.
func (p *Plan) WhyAccepted(id string) string {
	for _, a := range p.accepted {
		if a.id == id {
			return a.reason
		}
	}
	return ""
}

// Bind holds a resolved plan against its document: the keys are those whose
// fingerprints people gave, and everything that weakens a rule is accepted with
// a reason, which becomes part of the plan.
func (d *Document) Bind(p *Plan) error {
	r := reader{d: d}
	d.fingerprints(&r, p)
	p.Weigh()
	p.accepted = d.accepted
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

// fingerprints compares the keys that were read with what the plan says.
func (d *Document) fingerprints(r *reader, p *Plan) {
	var holders []Entry
	another := func(e Entry, k Key) {
		if k.Fingerprint != e.Fingerprint {
			r.refuse(e.where, "Another key", "%s has the fingerprint %s; the plan says that %s's is %s.",
				clean.Clean(k.File), k.Fingerprint, clean.Clean(e.Name), e.Fingerprint)
		}
	}
	for _, e := range d.People {
		switch {
		case e.KeyFile == "":
		case e.Role == custodian.Custodian:
			holders = append(holders, e)
		case e.Role == custodian.Witness && p.WitnessKey != nil:
			another(e, *p.WitnessKey)
		}
	}
	for i, e := range holders {
		if i >= len(p.Keys) {
			return // Resolve has refused the count
		}
		k := p.Keys[i]
		another(e, k)
	}
}
