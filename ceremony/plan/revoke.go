package plan

import (
	"regexp"

	"conclave/assets/clean"
	"conclave/vaultstate"
)

// revoking is the kind for the tables of the reader.
var revoking = []vaultstate.Kind{RevokeRoot}

var accessorForm = regexp.MustCompile(`^[0-9A-Za-z._-]{8,80}$`)

func (q Request) revokes(p *Plan, refuse func(string, string, ...any)) {
	if q.Kind != RevokeRoot {
		return
	}
	if !accessorForm.MatchString(q.Accessor) {
		refuse("accessor", "%.20q: which token? Its accessor is in the record of the ceremony that made it, and in status", clean.Clean(q.Accessor))
	}
	p.Accessor = q.Accessor
	p.Values = append(p.Values, Value{Name: "accessor", Text: q.Accessor, Source: "flag"})
}
