package plan

import (
	"slices"
	"time"

	"conclave/assets/clean"
	"conclave/ceremony/custodian"
	"conclave/vaultstate"
)

// A root token never expires, and one that is made without a server stands in no
// log of one. So the plan can say who receives it and until when, and both are in
// the record, and due, until it is revoked or somebody enters that it was. A server
// can make of it a token that ends by itself.

// tokenKinds are the ceremonies that make one.
var tokenKinds = []vaultstate.Kind{vaultstate.Init, vaultstate.GenerateRoot}

// outstanding takes who receives the root token, and until when.
func (q Request) outstanding(p *Plan, now time.Time, refuse func(string, string, ...any)) {
	q.shorter(p, refuse)
	receiver := person(q.RootTokenReceiver)
	if receiver == "" && q.RootTokenUntil == "" {
		return
	}
	if !p.RootToken {
		refuse("root-token-receiver", "no root token is made")
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

// longestTTL is the longest life of a token that is made of a root token: what
// servers have as their own limit, unless they are told otherwise.
const longestTTL = 768 * time.Hour

// shorter takes how long a token lives that a server makes of its root token.
func (q Request) shorter(p *Plan, refuse func(string, string, ...any)) {
	if q.RootTokenTTL == "" {
		return
	}
	d, err := time.ParseDuration(q.RootTokenTTL)
	switch {
	case q.Server == nil:
		refuse("root-token-ttl", "only a running server makes a token that ends by itself; a local one is revoked by a day: root-token-until")
	case err != nil || d < time.Minute || d > longestTTL || d%time.Second != 0:
		refuse("root-token-ttl", "%q: it is written as 1h or 30m, from one minute to 768h", clean.Clean(q.RootTokenTTL))
	default:
		p.TokenTTL = d
		p.Values = append(p.Values, Value{Name: "root-token-ttl", Text: d.String(), Source: "flag"})
	}
}
