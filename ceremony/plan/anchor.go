package plan

import (
	"strings"

	"conclave/assets/clean"
	"conclave/vaultstate"
)

// maxReason is the longest reason that is taken.
const maxReason = 500

// anchor: where the HSM is to keep a note of the vault, and whether people answer
// for a state that does not fit it or the record before.
func (q Request) anchor(p *Plan, refuse func(string, string, ...any)) {
	switch q.Anchor {
	case "":
	case "hsm":
		p.Anchor = true
		p.Values = append(p.Values, Value{Name: "anchor", Text: q.Anchor, Source: "flag"})
	default:
		refuse("anchor", "%.20q: the one place for an anchor is the HSM; say hsm", q.Anchor)
	}
	switch why := strings.TrimSpace(q.AdoptState); {
	case q.AdoptState == "":
	case why == "" || len(why) > maxReason || why != clean.Clean(why):
		refuse("adopt-state", "why do people answer for it? A sentence of at most %d bytes is needed", maxReason)
	case q.Kind == vaultstate.Init:
		refuse("adopt-state", "an init finds no state that could be adopted")
	default:
		p.AdoptState = why
		p.Values = append(p.Values, Value{Name: "adopt-state", Text: why, Source: "flag"})
	}
}
