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

// Urgency orders what is due.
type Urgency string

// The urgencies, the most urgent first.
const (
	AtOnce Urgency = "now"
	Due    Urgency = "due"
	Soon   Urgency = "soon"
	Known  Urgency = "known" // nothing to do by a day, and not to be forgotten
)

var order = []Urgency{AtOnce, Due, Soon, Known}

// The cadences where no plan says another.
const (
	usualDrill  = 12 // months between two proofs of the shares
	usualBackup = 24 // months between two tests of the HSM's backup
	change      = 30 * 24 * time.Hour
	ahead       = 60 * 24 * time.Hour // how long before its day something is said
)

// Item is one thing that is due: what is so, and what to do.
type Item struct {
	Urgency Urgency   `json:"urgency"`
	ID      string    `json:"id"`    // "drill", "recovery-rekey", …: what is to be done
	Title   string    `json:"title"` // the same in one or two words
	Short   string    `json:"short"` // why, in a few
	What    string    `json:"what"`
	Do      string    `json:"do"`
	By      time.Time `json:"by,omitzero"`
}

// State is all that Health judges by.
type State struct {
	Now         time.Time
	Initialized bool
	// What the vault itself says of its recovery key.
	Shares, Threshold int

	Roster    *custodian.Roster // nil: no record is known
	History   History
	Chain     *Chain // nil: nothing was entered
	Leftovers []Leftover
}

// Leftover is a staged set or a copy of the old state in the storage.
type Leftover struct{ State, Text, Path string }

// judge collects the items.
type judge struct {
	State
	set     custodian.Set
	entries []Entry // that stand, and are of the present set
	lost    map[int]bool
	seen    map[int]bool // by somebody else, perhaps
	left    map[int]Entry
	list    []Item
}

// Health is what is due for a vault, the most urgent first; nothing, if nothing
// is.
func Health(s State) []Item {
	j := &judge{State: s, lost: map[int]bool{}, seen: map[int]bool{}, left: map[int]Entry{}}
	if s.Initialized {
		j.records()
		j.holders()
		j.damage()
		j.oldKeys()
		j.departures()
		j.reach()
		j.proofs()
		j.keys()
		j.tokens()
		j.pin()
		j.backup()
		j.copies()
		j.retention()
	}
	for _, l := range s.Leftovers {
		j.add(Item{Due, "leftover", "Leftover", l.State + " state in the storage", l.Text + " It lies in " + l.Path + ".", "The next ceremony asks what becomes of it.", time.Time{}})
	}
	slices.SortStableFunc(j.list, func(a, b Item) int {
		return cmp.Or(slices.Index(order, a.Urgency)-slices.Index(order, b.Urgency), later(a.By, b.By))
	})
	return j.list
}

// later sorts what has no day last.
func later(a, b time.Time) int {
	if a.IsZero() != b.IsZero() {
		if a.IsZero() {
			return 1
		}
		return -1
	}
	return a.Compare(b)
}

func (j *judge) add(i Item) { j.list = append(j.list, i) }

// by adds an item if its day is near or past.
func (j *judge) by(i Item, d time.Time) {
	i.By = d
	switch {
	case !j.Now.Before(d):
		i.Urgency = Due
	case d.Sub(j.Now) <= ahead:
		i.Urgency = Soon
	default:
		return
	}
	j.add(i)
}

// records: without one nothing is known of holders, and the vault may have been
// changed since the last.
func (j *judge) records() {
	ok := false
	if j.Roster != nil {
		j.set, ok = j.Roster.ValidSet()
	}
	switch {
	case !ok:
		j.add(Item{Due, "records", "Find the records", "who holds shares is not known", "No record here says who holds the shares of this vault.",
			"Say where the records are with -dir, or hold a recovery rekey: its record will.", time.Time{}})
	case j.Shares > 0 && (j.set.Shares != j.Shares || j.set.Threshold != j.Threshold):
		j.add(Item{AtOnce, "records", "Find out", "the vault is not as recorded", fmt.Sprintf("The vault says %d shares, %d needed; the last record says %d and %d.", j.Shares, j.Threshold, j.set.Shares, j.set.Threshold),
			"It was changed without a record, or an older state was put back, or a record is missing: find out which before the next ceremony.", time.Time{}})
	}
}

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

// oldKeys: what a rewrap moved away from still opens every older copy.
func (j *judge) oldKeys() {
	if j.Roster == nil {
		return
	}
	for _, ref := range j.Roster.OldSealKeys {
		label, id, _ := strings.Cut(ref, ":")
		j.add(Item{Known, "retire", "Retire", "an old HSM key is not destroyed", fmt.Sprintf("The HSM key %s, from before a rewrap, is not known to be destroyed: it opens every older copy of the storage.", ref),
			fmt.Sprintf("When no copy from then is needed any more: conclave retire -old-hsm-key-label %s -old-hsm-key-id %s.", label, id), time.Time{}})
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

// keys are the PGP keys of holders that expire before the next drill.
func (j *judge) keys() {
	next := j.History.NextDrill
	if usual := j.Now.AddDate(0, cmp.Or(j.History.Months, usualDrill), 0); next.Before(j.Now) {
		next = usual
	}
	for _, h := range j.set.Holdings {
		t, ok := j.History.Expires[h.PGP]
		if h.PGP == "" || !ok || t.After(next) {
			continue
		}
		u := Soon
		if !j.Now.Before(t) {
			u = Due
		}
		j.add(Item{u, "pgp-key", "PGP key", "a holder's key expires", fmt.Sprintf("The PGP key of %s expires on %s, before the next drill.", h.Custodian, t.UTC().Format(time.DateOnly)),
			"The holder keeps the key as long as the share. The next recovery rekey needs one that is valid.", t})
	}
}

// When says an item's day from a day on: "12 days late", "due in 9 days".
func (i Item) When(now time.Time) string {
	if i.By.IsZero() {
		return ""
	}
	days := int(i.By.Sub(now).Hours() / 24)
	switch {
	case !now.Before(i.By) && days > -1:
		return "due today"
	case days == -1:
		return "1 day late"
	case days < 0:
		return fmt.Sprintf("%d days late", -days)
	case days == 1:
		return "due in 1 day"
	}
	return fmt.Sprintf("due in %d days", days)
}
