package plan

import (
	"strings"

	"conclave/vaultstate"
)

// RetireRequest is what is asked of a retire. The zero value is no retire.
type RetireRequest struct {
	KeyRef     string // "label:id" of the key that is destroyed, as blobs name it
	OtherToken bool   // it is in another token than the key in use
}

func (q Request) retire(p *Plan, refuse func(string, string, ...any)) {
	if q.Kind != Retire {
		return
	}
	if label, id, _ := strings.Cut(q.Retire.KeyRef, ":"); label == "" || id == "" {
		refuse("old-hsm-key-label", "which key is destroyed? Its label and its id are both needed")
	}
	p.OldKeyRef, p.OtherToken = q.Retire.KeyRef, q.Retire.OtherToken
}

// retiring is the kind for the tables of the reader.
var retiring = []vaultstate.Kind{Retire}
