package ceremony

import (
	"context"
	"fmt"
	"strings"

	"conclave/ceremony/custodian"
	"conclave/ceremony/transcript"
)

// holder is somebody who held a share before the ceremony, or will after it.
type holder struct {
	name        string
	before, now bool
	was, is     string // fingerprints of their PGP keys; "": on paper
	like        string // who had this very key before, under another name
}

func (h holder) changed() bool { return h.before && h.now && h.was != h.is }
func (h holder) same() bool    { return h.before && h.now && h.was == h.is }

// text names somebody, and the keys in full where they matter.
func (h holder) text() string {
	var s string
	switch {
	case h.changed():
		return fmt.Sprintf("%s stays with ANOTHER KEY. Before: %s. Now: %s", h.name, onPaper(h.was), onPaper(h.is))
	case h.same():
		s = h.name + " stays, " + onPaper(h.is)
	case h.now:
		s = h.name + " joins, " + onPaper(h.is)
	default:
		s = h.name + " leaves, " + onPaper(h.was)
	}
	if h.like != "" {
		s += ". THIS IS THE KEY THAT " + h.like + " HAD"
	}
	return s
}

func onPaper(fingerprint string) string {
	if fingerprint == "" {
		return "without a PGP key"
	}
	return "key " + spaced(fingerprint)
}

// holders compares who holds shares of the set that counts, as the earlier
// records have it, with who will; nil where no such set is known or none is
// handed out.
func (r *Run) holders() []holder {
	set, ok := r.validSet()
	if !ok || !r.plan.Issues() {
		return nil
	}
	var all []holder
	for _, h := range set.Holdings {
		all = append(all, holder{name: h.Custodian, before: true, was: h.PGP})
	}
	for i, who := range r.receivers() {
		is := ""
		if i < len(r.plan.Keys) {
			is = r.plan.Keys[i].Fingerprint
		}
		found := false
		for j := range all {
			if strings.EqualFold(all[j].name, who.Name) {
				all[j].now, all[j].is, found = true, is, true
			}
		}
		if found {
			continue
		}
		joins := holder{name: who.Name, now: true, is: is}
		for _, h := range set.Holdings {
			if is != "" && h.PGP == is {
				joins.like = h.Custodian
			}
		}
		all = append(all, joins)
	}
	return all
}

func (r *Run) validSet() (custodian.Set, bool) {
	if r.env.Roster == nil {
		return custodian.Set{}, false
	}
	return r.env.Roster.ValidSet()
}

// keyBefore is the key that somebody's share of the set that counts was
// encrypted to; known tells whether they hold one.
func (r *Run) keyBefore(name string) (fingerprint string, known bool) {
	set, _ := r.validSet()
	for _, h := range set.Holdings {
		if strings.EqualFold(h.Custodian, name) {
			return h.PGP, true
		}
	}
	return "", false
}

// agreeHolders has operator and witness agree to the difference. Where there is
// none, it is recorded, and nobody is asked.
func (r *Run) agreeHolders() *page {
	c, all := &r.cards, r.holders()
	if all == nil || c.compared && c.agreed.back {
		return nil
	}
	stays, joins, leaves, changed := []string{}, []string{}, []string{}, []string{}
	var lines []Line
	for _, h := range all {
		mark, to := Warn, &joins
		switch {
		case h.same():
			mark, to = Good, &stays
		case h.changed():
			to = &changed
		case h.before:
			to = &leaves
		}
		*to = append(*to, h.text())
		lines = append(lines, Line{Mark: mark, Text: h.text()})
	}
	if !c.compared {
		return r.work("compare with who held shares before", Prompt{IfPowerFails: "the vault is as it was."}, func(context.Context) ([]string, error) {
			c.compared = true
			if len(stays) == len(all) {
				c.agreed.back = true // nothing to agree to
			}
			set, _ := r.validSet()
			return nil, r.record("holders", Program, "", facted(transcript.Facts{"before": set.ID, "ceremony": set.Ceremony},
				lists{"stays": stays, "joins": joins, "leaves": leaves, "changed": changed}))
		})
	}
	return r.confirmTwice(&c.agreed, Prompt{Badge: "CHANGES WHO HOLDS SHARES", Action: "Replace holders", Word: "HOLDERS", Lines: lines,
		Changes: difference(len(joins), len(leaves), len(changed)),
		Stays:   fmt.Sprintf("%d of the %d who held shares, as the earlier records say", len(stays), len(stays)+len(leaves)+len(changed)),
		Undo:    "nothing is made yet: stop, and plan it anew"}, "who holds shares from now on")
}

// difference counts in words.
func difference(joins, leaves, changed int) string {
	var parts []string
	for _, p := range []struct {
		n    int
		what string
	}{{joins, "joins"}, {leaves, "leaves"}, {changed, "has another key"}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.what))
		}
	}
	return list(parts)
}
