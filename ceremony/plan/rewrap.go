package plan

import (
	"strings"

	"conclave/vaultstate"
)

// The beginnings of the names under which values about an HSM stand: of the one
// that the vault is sealed with, of what a rewrap moves it to, and of what a
// retire destroys.
const (
	HSM    = "hsm-"
	NewHSM = "new-hsm-"
	OldHSM = "old-hsm-"
)

// Routine is why a rewrap is held, else Compromise: after that everything is
// made anew, unless somebody says otherwise.
const Routine = "routine"

// RewrapRequest is what is asked of a rewrap. The zero value is no rewrap.
type RewrapRequest struct {
	Reason             string // "", Routine or Compromise
	NewRoot, NewShares *bool  // nil: as the reason has it
	KeyRef             string // "label:id" of the new key, as blobs will name it
	OtherToken         bool
	Generate           bool
}

// Issues tells whether the ceremony that is asked for hands out new recovery
// shares.
func (q Request) Issues() bool {
	w := q.Rewrap
	return issues(q.Kind, w.NewShares == nil && w.Reason == Compromise || w.NewShares != nil && *w.NewShares)
}

func (q Request) rewrap(p *Plan, refuse func(string, string, ...any)) {
	w := q.Rewrap
	if q.Kind != vaultstate.Rewrap {
		return
	}
	source := "flag"
	if w.Reason == "" {
		w.Reason, source = Routine, "default"
	}
	if w.Reason != Routine && w.Reason != Compromise {
		refuse("reason", "%q: say routine or compromise", w.Reason)
	}
	if strings.HasPrefix(w.KeyRef, ":") || w.KeyRef == "" {
		refuse("new-hsm-key-label", "which key does the vault move to?")
	}
	p.Reason = w.Reason
	p.Values = append(p.Values, Value{Name: "reason", Text: w.Reason, Source: source})
	for _, n := range []struct {
		name string
		said *bool
		to   *bool
	}{{"with-rekey", w.NewRoot, &p.NewRoot}, {"with-recovery-rekey", w.NewShares, &p.NewShares}} {
		text, source := w.Reason == Compromise, "by the reason"
		if n.said != nil {
			text, source = *n.said, "flag"
		}
		*n.to = text
		value := "false"
		if text {
			value = "true"
		}
		p.Values = append(p.Values, Value{Name: n.name, Text: value, Source: source})
	}
	p.NewKeyRef, p.OtherToken, p.NewGenerate = w.KeyRef, w.OtherToken, w.Generate
}

// overrideRewrap: after a compromise the old keys are taken for known.
func (p *Plan) overrideRewrap(add func(id, sentence string)) {
	if p.Kind != vaultstate.Rewrap || p.Reason != Compromise || p.NewRoot && p.NewShares {
		return
	}
	what := "the root key and the recovery key stay"
	switch {
	case p.NewRoot:
		what = "the recovery key stays, and its shares"
	case p.NewShares:
		what = "the root key stays"
	}
	add("old-keys-stay", "The reason is a compromise, and "+what+": whoever had the old HSM key and a copy of the storage may know them.")
}
