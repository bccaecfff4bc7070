package plan

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"conclave/assets"
	"conclave/assets/clean"
	"conclave/ceremony/custodian"
	"conclave/vaultstate"
)

// Resolve checks a request and returns the plan, or every problem at once,
// joined.
func (q Request) Resolve(now time.Time) (*Plan, error) {
	p := &Plan{Kind: q.Kind, ID: q.ID, Purpose: q.Purpose, Practice: q.Practice, Storage: q.Storage, Config: q.Config,
		Known: q.Known, Earlier: q.Earlier, SignedBy: q.SignedBy, AcceptUnauthenticated: q.AcceptUnauthenticated,
		GenerateKey: q.GenerateKey, SignRecord: q.SignRecord, SkipProof: q.SkipProof, UnsealKeys: q.UnsealKeys, API: q.API, Deep: q.Deep, Offline: q.Offline, Overrides: q.Overrides, Warnings: q.Warnings}
	var bad []error
	refuse := func(field, format string, args ...any) {
		bad = append(bad, &Problem{field, fmt.Sprintf(format, args...)})
	}
	if p.ID == "" {
		p.ID = DefaultID(q.Practice, now)
	}
	if !idForm.MatchString(p.ID) {
		refuse("id", "%q: use letters, digits, '.', '_' and '-', at most 64, and begin with a letter or digit", p.ID)
	}
	q.single(refuse)
	q.rewrap(p, refuse)
	q.retire(p, refuse)
	q.revokes(p, refuse)
	q.recovery(p, refuse)
	q.token(p, refuse)
	q.keys(p, now, refuse)
	q.drilling(p, refuse)
	q.approvers(p, refuse)
	q.challenge(p, refuse)
	q.people(p, refuse)
	q.outstanding(p, now, refuse)
	q.identities(p, refuse)
	q.arrangements(p, refuse)
	q.signRecord(p, refuse)
	q.anchor(p, refuse)
	q.server(p, refuse)
	p.Values = append(p.Values, q.Values...)
	q.override(p)
	q.recoverable(p, now, refuse)
	if len(bad) > 0 {
		return nil, errors.Join(bad...)
	}
	return p, nil
}

var idForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// single is rule S2: the root key is not split.
func (q Request) single(refuse func(string, string, ...any)) {
	for _, n := range []struct {
		field string
		Number
	}{{"key-shares", q.KeyShares}, {"key-threshold", q.KeyThreshold}, {"stored-shares", q.StoredShares}} {
		if n.Given && n.Value != 1 {
			refuse(n.field, "%d is not possible: under an HSM seal the root key is not split but kept in the vault's storage, "+
				"wrapped by the HSM; leave it out or say 1. People's shares are set by recovery-shares and recovery-threshold", n.Value)
		}
	}
}

func (q Request) recovery(p *Plan, refuse func(string, string, ...any)) {
	if !p.Issues() {
		if q.RecoveryShares.Given || q.RecoveryThreshold.Given || len(q.RecoveryKeys) > 0 && q.Kind != Drill {
			refuse("recovery-shares", "a %s hands out no recovery shares", q.Kind)
		}
		return
	}
	n, t := 5, 3
	source := func(x Number) string {
		if x.Given {
			return "flag"
		}
		return "default"
	}
	if q.RecoveryShares.Given {
		n = q.RecoveryShares.Value
	}
	switch {
	case q.RecoveryThreshold.Given:
		t = q.RecoveryThreshold.Value
	case q.RecoveryShares.Given && n == 1:
		t = 1
	case q.RecoveryShares.Given:
		p.Shares = n
		refuse("recovery-threshold", "say how many of the %d shares are needed", n)
		return
	}
	p.Shares, p.Threshold = n, t
	p.Values = append(p.Values,
		Value{Name: "recovery-shares", Text: fmt.Sprint(n), Source: source(q.RecoveryShares)},
		Value{Name: "recovery-threshold", Text: fmt.Sprint(t), Source: source(q.RecoveryThreshold)})
	// Vault's own messages, in its own order.
	switch {
	case n < 1:
		refuse("recovery-shares", "shares must be at least one")
	case t < 1:
		refuse("recovery-threshold", "threshold must be at least one")
	case n > 1 && t < 2:
		refuse("recovery-threshold", "threshold must be greater than one for multiple shares")
	case n > 255:
		refuse("recovery-shares", "shares must be less than 256")
	case t > 255:
		refuse("recovery-threshold", "threshold must be less than 256")
	case t > n:
		refuse("recovery-threshold", "threshold cannot be larger than shares")
	}
	if k := len(q.RecoveryKeys); k > 0 && k != n {
		refuse("recovery-pgp-keys", "count mismatch between number of provided PGP keys and number of shares (%d keys, %d shares)", k, n)
	}
}

func (q Request) token(p *Plan, refuse func(string, string, ...any)) {
	switch q.RootToken {
	case "", "initial", "none":
	default:
		refuse("root-token", "%q: say initial or none", q.RootToken)
	}
	switch q.Kind {
	case vaultstate.Init:
		p.RootToken = q.RootToken != "none"
		text, source := "initial", "default"
		if q.RootToken != "" {
			text, source = q.RootToken, "flag"
		}
		p.Values = append(p.Values, Value{Name: "root-token", Text: text, Source: source})
	case vaultstate.GenerateRoot:
		p.RootToken = true
	default:
		if q.RootToken != "" {
			refuse("root-token", "a %s makes no root token", q.Kind)
		}
	}
	if q.RootTokenKey != nil && !p.RootToken {
		refuse("root-token-pgp-key", "no root token is made, so nothing is encrypted to it")
	}
	if q.RootTokenPrint != "" && q.RootTokenKey == nil {
		refuse("root-token-fingerprint", "there is no root-token-pgp-key whose fingerprint it is")
	}
}

func (q Request) people(p *Plan, refuse func(string, string, ...any)) {
	add := func(name string, role custodian.Role, number int) {
		name = person(name)
		if name == "" {
			return
		}
		if len(name) > 120 {
			refuse(string(role), "%.20s…: a name has at most 120 bytes", name)
			return
		}
		p.People = append(p.People, custodian.Person{Name: name, Role: role, Number: number, Organisation: q.Organisations[name],
			ReportsTo: q.ReportsTo[name], Site: q.Sites[name]})
	}
	add(q.Operator, custodian.Operator, 0)
	if !q.NoWitness {
		for _, name := range append([]string{q.Witness}, q.Witnesses...) {
			add(name, custodian.Witness, 0)
		}
	}
	for _, name := range q.Auditors {
		add(name, custodian.Auditor, 0)
	}
	// The first custodians receive the new shares, in their order. At a recovery
	// rekey others may follow who only give their old one.
	for i, name := range q.Custodians {
		number := 0
		if p.Issues() && i < p.Shares {
			number = i + 1
		}
		add(name, custodian.Custodian, number)
	}
	for _, name := range q.PINHolders {
		add(name, custodian.PINHolder, 0)
	}
	for name := range q.Organisations {
		if !slices.ContainsFunc(p.everybody(), func(who custodian.Person) bool { return who.Name == name }) {
			refuse("organisation", "one is of nobody who is named here: say NAME=ORGANISATION, with the name as it is elsewhere")
		}
	}
	p.roles(func(name string, a, b custodian.Role, _ string, ok bool) {
		if !ok {
			refuse(string(b), "%s is already named as %s: one person, one role", name, a)
		}
	})
	if n := len(q.PINHolders); n != 0 && n != 2 {
		refuse("pin-holder", "%d people are named: the PIN is typed in two parts by two, or by the operator where nobody is named", n)
	}
	n := len(q.Custodians)
	if q.Kind == vaultstate.Init && n > p.Shares {
		refuse("custodian", "%d custodians are named for %d shares", n, p.Shares)
	}
}

// maxLabel is the longest label of a key that is taken.
const maxLabel = 64

func (q Request) signRecord(p *Plan, refuse func(string, string, ...any)) {
	s := q.SignRecord
	switch {
	case s.Label == "" && s.Generate:
		refuse("hsm-sign-record-generate", "say with hsm-sign-record which key is to be made")
	case len(s.Label) > maxLabel || s.Label != clean.Clean(s.Label):
		refuse("hsm-sign-record", "%.20q: a label has at most %d bytes of text that can be shown", s.Label, maxLabel)
	case s.Label != "":
		p.Values = append(p.Values, Value{Name: "hsm-sign-record", Text: s.Label, Source: "flag"})
		if s.Generate {
			p.Values = append(p.Values, Value{Name: "hsm-sign-record-generate", Text: "true", Source: "flag"})
		}
	}
}

// override lists what weakens a rule.
func (q Request) override(p *Plan) {
	add := func(id, sentence string) {
		p.Overrides = append(p.Overrides, Override{ID: id, Sentence: sentence})
	}
	if q.NoWitness {
		add("no-witness", "No witness: irreversible steps are confirmed by the operator alone.")
	}
	if p.SkipProof && p.Issues() {
		add("skipped-proofs", "The new shares are not proven before they count.")
	}
	if p.AcceptUnauthenticated {
		add("unauthenticated-seal", strings.Join(assets.Text("unauthenticated-seal"), " "))
	}
	if (len(p.Keys) > 0 || p.WitnessKey != nil || p.RootTokenKey != nil) && !p.Challenge {
		add("no-challenge", "PGP keys are not challenged: nobody has shown that their holders can decrypt.")
	}
	if p.Issues() && len(p.Keys) > 0 && q.SecondMedium == "" && !p.SkipProof && !p.Practice {
		add("no-second-medium", "Encrypted shares are proven from the ceremony's directory, not from a medium that their holders take home.")
	}
	if p.Issues() && len(p.Keys) == 0 {
		add("plain-shares", "Shares are shown on this screen: no PGP keys were given.")
	}
	if p.API {
		p.Values = append(p.Values, Value{Name: "api", Text: "true", Source: "flag"})
		add("api-session", "No ceremony: whoever reaches the API during the session may do it, and nobody is identified.")
	}
	p.overrideRewrap(add)
	p.overrideDrill(add)
	if p.Issues() && p.Shares == 1 {
		add("single-control", "The recovery key is not split: its one holder acts alone.")
	}
}
