package command

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"conclave/assets/clean"
	"conclave/ceremony/transcript"
)

// print writes the list. Nothing from a record begins a line, and the verdict
// has no word of one.
func (h *history) print(p *Process, k vaultKey, anchored bool) {
	kind := "PRODUCTION"
	if k.practice {
		kind = "PRACTICE: rehearsals"
	}
	w := p.Stdout
	fmt.Fprintf(w, "%s\n  vault %s\n\n", kind, clean.Clean(k.vault))
	for _, l := range h.links {
		end := l.rep.Last.Kind
		switch l.rep.State {
		case transcript.Interrupted:
			end = "INTERRUPTED"
		case transcript.Broken:
			end = "BROKEN"
		case transcript.Changed, transcript.Open:
			end = "CHANGED"
		case transcript.Closed:
		}
		fmt.Fprintf(w, "  %3d  %-16s %-14s %-16s  %-11s %s\n", sequence(l.rep), clean.Cut(l.name(), 16), clean.Cut(l.rep.Header.Facts.Text("ceremony"), 14),
			l.rep.Header.Time.UTC().Format("2006-01-02 15:04"), end, l.rep.Head.String()[:8])
	}
	h.printShares(p)
	for _, l := range h.links {
		if last := l.rep.Last; l.rep.State == transcript.Closed && last.Kind == "aborted" {
			fmt.Fprintf(w, "  aborted  %s\n", clean.Clean(l.name()+": "+last.Facts.Text("reason")))
		}
	}
	for _, s := range h.gaps {
		fmt.Fprintf(w, "  gap      %s\n", clean.Clean(s))
	}
	for _, s := range h.changed {
		fmt.Fprintf(w, "  problem  %s\n", clean.Clean(s))
	}
	verdict := fmt.Sprintf("CONSISTENT: each of the %d records follows the one before.", len(h.links))
	switch {
	case len(h.links) == 1 && len(h.changed)+len(h.gaps) == 0:
		verdict = "CONSISTENT: one record, the vault's first."
	case len(h.changed) > 0:
		verdict = "CHANGED: these records do not make a history."
	case len(h.gaps) > 0:
		verdict = "GAPS: what is here is consistent, and records are missing or have no end."
	}
	fmt.Fprintf(w, "\n%s\n", verdict)
	switch {
	case len(h.changed) > 0:
	case anchored && len(h.gaps) == 0:
		fmt.Fprintln(w, "ANCHORED by the head that you gave: it is the last record's, which names all\nthose before.")
	case anchored:
		fmt.Fprintln(w, "ANCHORED by the head that you gave, back to the last gap.")
	default:
		fmt.Fprintln(w, "NOT ANCHORED: one person could have made all these files afterwards, or left\nout the last. Give the last head on paper with -head.")
	}
	fmt.Fprintln(w)
}

// printShares lists the people and what the records say that they did.
func (h *history) printShares(p *Process) {
	sum := map[string]*shareEvents{}
	for _, l := range h.links {
		for who, s := range l.shares {
			if sum[who] == nil {
				sum[who] = new(shareEvents)
			}
			sum[who].issued += s.issued
			sum[who].proven += s.proven
			sum[who].entered += s.entered
			sum[who].refused += s.refused
		}
	}
	fmt.Fprintln(p.Stdout)
	for _, who := range slices.Sorted(maps.Keys(sum)) {
		s := sum[who]
		var parts []string
		for _, part := range []struct {
			n    int
			what string
		}{{s.issued, "given"}, {s.proven, "proven"}, {s.entered, "entered"}, {s.refused, "refused"}} {
			if part.n > 0 {
				parts = append(parts, fmt.Sprint(part.what, " ", part.n))
			}
		}
		fmt.Fprintf(p.Stdout, "  %-24s shares: %s\n", clean.Clean(cmp.Or(who, "nobody")), strings.Join(parts, ", "))
	}
	if len(sum) > 0 {
		fmt.Fprintln(p.Stdout)
	}
}
