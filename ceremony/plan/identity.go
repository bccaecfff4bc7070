package plan

import (
	"strings"
	"unicode"

	"conclave/assets/clean"
	"conclave/ceremony/custodian"
)

// One person has one name in a plan, and one role. These are the pairs of roles
// that somebody may have all the same: with the id of the override, or "" where
// nothing is weakened by it.
var pairs = map[[2]custodian.Role]string{
	{custodian.Operator, custodian.Custodian}:  "operator-custodian",
	{custodian.Operator, custodian.PINHolder}:  "operator-pin-holder",
	{custodian.PINHolder, custodian.Custodian}: "pin-holder-custodian",
	{custodian.Approver, custodian.Witness}:    "",
	{custodian.Approver, custodian.Auditor}:    "",
	{custodian.Approver, custodian.PINHolder}:  "",
	{custodian.Approver, custodian.Custodian}:  "",
}

// both finds what it means that one person has two roles; ok is false if they
// cannot.
func both(a, b custodian.Role) (id string, ok bool) {
	if id, ok = pairs[[2]custodian.Role{a, b}]; !ok {
		id, ok = pairs[[2]custodian.Role{b, a}]
	}
	return id, ok
}

// Same tells whether two names are of one person: upper and lower case and the
// blanks between do not make another.
func Same(a, b string) bool { return fold(a) == fold(b) }

func fold(name string) string {
	return strings.Map(func(r rune) rune {
		// The least of the letters that differ in case only.
		least := r
		for o := unicode.SimpleFold(r); o != r; o = unicode.SimpleFold(o) {
			least = min(least, o)
		}
		return least
	}, person(name))
}

// person is a name as it stands in a plan.
func person(name string) string { return clean.Clean(strings.Join(strings.Fields(name), " ")) }

// everybody are the people of the room, and the approvers.
func (p *Plan) everybody() []custodian.Person {
	list := append([]custodian.Person{}, p.People...)
	for _, a := range p.Approvers {
		list = append(list, a.Person)
	}
	return list
}

// roles finds people with two roles.
func (p *Plan) roles(found func(name string, a, b custodian.Role, id string, ok bool)) {
	all := p.everybody()
	for i, who := range all {
		for _, other := range all[:i] {
			if Same(who.Name, other.Name) {
				id, ok := both(who.Role, other.Role)
				found(clean.Clean(who.Name), other.Role, who.Role, id, ok)
			}
		}
	}
}

// identities finds one person under two names: by a key, or by a mailbox that
// the plan or a PGP key gives.
func (q Request) identities(p *Plan, refuse func(string, string, ...any)) {
	type mark struct{ what, who string }
	seen := map[string]mark{}
	note := func(key, what, who string) {
		if was, twice := seen[key]; twice && !Same(was.who, who) {
			refuse("people", "%s and %s have one %s: that is one person, who has one name here", was.who, who, was.what)
			return
		}
		seen[key] = mark{what, who}
	}
	holders := p.Custodians()
	for i, k := range p.Keys {
		who := clean.Clean(k.File)
		if i < len(holders) {
			who = clean.Clean(holders[i].Name)
		}
		for _, box := range mailboxes(k.UserIDs) {
			note(box, "mailbox, "+clean.Clean(box), who)
		}
		seen[k.Fingerprint] = mark{"key, " + k.Fingerprint, who} // two shares to one key are refused already
	}
	for _, a := range p.Approvers {
		note(a.Key.ID, "key, "+a.Key.ID, clean.Clean(a.Name))
		for _, box := range mailboxes(a.Key.Texts) {
			note(box, "mailbox, "+clean.Clean(box), clean.Clean(a.Name))
		}
	}
	for _, who := range p.everybody() {
		if box := strings.ToLower(strings.TrimSpace(q.Mail[who.Name])); box != "" {
			note(box, "mailbox, "+clean.Clean(box), clean.Clean(who.Name))
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
