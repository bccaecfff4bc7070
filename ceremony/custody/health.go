package custody

import (
	"cmp"
	"fmt"
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
	case len(j.set.Holdings) == 0:
		j.add(Item{Due, "records", "Name the holders", "who holds shares is not known", fmt.Sprintf("%s handed the shares of this vault out over the API, and nobody wrote down to whom.", j.set.Ceremony),
			"Hold a recovery rekey: its record will say who holds the new ones.", time.Time{}})
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
