package custody

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"conclave/ceremony/custodian"
)

// holders sorts the entries by share.
func (j *judge) holders() {
	issued, _ := day(j.set.Issued)
	for _, e := range j.Chain.Standing() {
		if j.before(e, issued) {
			continue // of a set that was replaced since
		}
		j.entries = append(j.entries, e)
		n := e.Facts.Number("number")
		switch e.What() {
		case ShareLost:
			j.lost[n] = true
		case ShareSuspected:
			j.seen[n] = true
		case HolderLeft:
			for _, h := range j.set.Holdings {
				if n == h.Number || n == 0 && strings.EqualFold(h.Custodian, e.Facts.Text("name")) {
					j.left[h.Number] = e
				}
			}
		}
	}
}

// before tells whether an entry is of the time before an issue. One that names
// the very day of the issue counts for the new set.
func (j *judge) before(e Entry, issued time.Time) bool {
	if on := e.Facts.Text("on"); on != "" {
		return on < issued.UTC().Format(time.DateOnly)
	}
	return e.Time.Before(issued)
}

// damage is what the table of the guide says of shares that are lost or seen.
func (j *judge) damage() {
	n, t := j.set.Shares, j.set.Threshold
	if n == 0 {
		n, t = j.Shares, j.Threshold
	}
	const rekey = "Hold a recovery rekey: conclave rekey -target=recovery."
	switch {
	case n > 0 && n-len(j.lost) < t:
		j.add(Item{AtOnce, "recover", "Recover", "too few shares are left", fmt.Sprintf("%s lost. %d of %d are left, and %d are needed: the shares authorise nothing any more.", j.shares(j.lost), n-len(j.lost), n, t),
			"Make the authority anew, from the HSM: recover. See conclave guide when.", time.Time{}})
	case len(j.lost) > 0:
		j.add(Item{Due, "recovery-rekey", "Recovery rekey", "a share is lost", fmt.Sprintf("%s lost; %d of %d are left, %d are needed.", j.shares(j.lost), n-len(j.lost), n, t), rekey, time.Time{}})
	}
	switch s := len(j.seen); {
	case s == 0:
	case s >= t-1:
		j.add(Item{AtOnce, "rewrap", "Rewrap, rekey", "shares may be in other hands", fmt.Sprintf("%s may have been seen by others: with one more, or with these alone, somebody has the quorum, on every copy of the storage.", j.shares(j.seen)),
			"Rewrap to a new HSM key, hold a recovery rekey, then destroy the old HSM key. See conclave guide when.", time.Time{}})
	default:
		j.add(Item{AtOnce, "recovery-rekey", "Recovery rekey", "a share may be in other hands", fmt.Sprintf("%s may have been seen by others.", j.shares(j.seen)), rekey + " Now, not on an ordinary day.", time.Time{}})
	}
}

// shares names shares with their holders, and what they are.
func (j *judge) shares(which map[int]bool) string {
	if len(which) == 1 {
		return "Share " + j.named(which)
	}
	return "Shares " + j.named(which)
}

// named are shares by number, with their holders.
func (j *judge) named(which map[int]bool) string {
	var list []string
	for _, n := range slices.Sorted(maps.Keys(which)) {
		s := fmt.Sprint(n)
		for _, h := range j.set.Holdings {
			if h.Number == n {
				s += " (" + h.Custodian + ")"
			}
		}
		list = append(list, s)
	}
	return strings.Join(list, ", ")
}

func (j *judge) departures() {
	for _, n := range slices.Sorted(maps.Keys(j.left)) {
		e := j.left[n]
		who := e.Facts.Text("name")
		by := e.Day().Add(change)
		item := Item{Due, "recovery-rekey", "Recovery rekey", "a holder has left", fmt.Sprintf("%s, who holds share %d, has left since %s.", who, n, e.Day().UTC().Format(time.DateOnly)),
			"Hold a recovery rekey within 30 days, with a new holder: conclave rekey -target=recovery.", by}
		if !j.Now.Before(by) {
			item.Urgency = AtOnce
		}
		j.add(item)
	}
}

// proofs: enough shares were proven not too long ago, and after somebody left.
func (j *judge) proofs() {
	months := cmp.Or(j.History.Months, usualDrill)
	var last []time.Time
	var never []string
	for _, h := range j.set.Holdings {
		t, proven := j.proven(h)
		switch {
		case j.lost[h.Number], j.away(h.Number):
		case !proven:
			never = append(never, h.Custodian)
			fallthrough
		default:
			last = append(last, t)
		}
	}
	need := min(j.set.Threshold+1, len(last))
	if need == 0 {
		return
	}
	slices.SortFunc(last, func(a, b time.Time) int { return b.Compare(a) })
	item := Item{Due, "drill", "Drill", "shares are not proven", "", "Have every holder prove their share: conclave drill. One that was held without it is entered: conclave custody add drill.", time.Time{}}
	oldest := last[need-1]
	if oldest.IsZero() {
		item.What = fmt.Sprintf("Fewer than %d shares were ever proven; not those of %s.", need, strings.Join(never, ", "))
		j.by(item, j.Now)
		return
	}
	by := oldest.AddDate(0, months, 0)
	if agreed := j.History.NextDrill; !agreed.IsZero() && agreed.Before(by) && oldest.AddDate(0, 0, 1).Before(agreed) {
		by = agreed
	}
	item.What = fmt.Sprintf("%d shares at least are to be proven every %d months; the last time so many were was on %s.", need, months, oldest.UTC().Format(time.DateOnly))
	item.Short = "every holder proves a share"
	for _, e := range j.left {
		if d := e.Day().Add(change); oldest.Before(e.Day()) && d.Before(by) {
			by, item.What = d, fmt.Sprintf("A holder has left on %s, and the others' shares were not proven since.", e.Day().UTC().Format(time.DateOnly))
		}
	}
	j.by(item, by)
}

// proven is when a share was last proven: in a ceremony, or at a drill that
// somebody entered.
func (j *judge) proven(h custodian.Holding) (time.Time, bool) {
	t, ok := day(h.Proven)
	for _, e := range j.entries {
		if e.What() == Drill && slices.Contains(e.Facts.List("shares"), fmt.Sprint(h.Number)) && e.Day().After(t) {
			t, ok = e.Day(), true
		}
	}
	return t, ok
}
