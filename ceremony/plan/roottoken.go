package plan

import (
	"slices"
	"time"

	"conclave/assets/clean"
	"conclave/ceremony/custodian"
	"conclave/vaultstate"
)

// A root token that is made without a server never expires and stands in no log
// of one. So the plan can say who receives it and until when, and both are in
// the record, and due, until somebody enters that it was revoked.

// tokenKinds are the ceremonies that make one.
var tokenKinds = []vaultstate.Kind{vaultstate.Init, vaultstate.GenerateRoot}

// outstanding takes who receives the root token, and until when.
func (q Request) outstanding(p *Plan, now time.Time, refuse func(string, string, ...any)) {
	receiver := person(q.RootTokenReceiver)
	if receiver == "" && q.RootTokenUntil == "" {
		return
	}
	switch {
	case !p.RootToken:
		refuse("root-token-receiver", "no root token is made")
		return
	case q.Server != nil:
		refuse("root-token-receiver", "a server's root token is revoked in the ceremony, once its work is done")
		return
	}
	if receiver != "" {
		i := slices.IndexFunc(p.People, func(who custodian.Person) bool { return Same(who.Name, receiver) })
		switch {
		case i < 0 && q.RootTokenKey == nil:
			refuse("root-token-receiver", "%s is nobody who is named here: who is shown the token has to be, or it is encrypted to a root-token-pgp-key", clean.Clean(receiver))
		case i >= 0 && p.People[i].Role == custodian.Witness:
			refuse("root-token-receiver", "%s is a witness, who stands by while somebody else receives it", clean.Clean(receiver))
		}
		p.TokenReceiver = receiver
		p.Values = append(p.Values, Value{Name: "root-token-receiver", Text: receiver, Source: "flag"})
	}
	if q.RootTokenUntil != "" {
		day, err := time.Parse(time.DateOnly, q.RootTokenUntil)
		if err != nil || !day.AddDate(0, 0, 1).After(now) {
			refuse("root-token-until", "%q: a day is written as %s, and is to come", clean.Clean(q.RootTokenUntil), now.AddDate(0, 0, 7).UTC().Format(time.DateOnly))
		}
		p.TokenUntil = q.RootTokenUntil
		p.Values = append(p.Values, Value{Name: "root-token-until", Text: q.RootTokenUntil, Source: "flag"})
	}
}
