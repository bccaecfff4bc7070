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

// shares names shares with their holders, and the verb.
func (j *judge) shares(which map[int]bool) string {
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
	if len(list) == 1 {
		return "Share " + list[0]
	}
	return "Shares " + strings.Join(list, ", ")
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
	need := min(j.set.Threshold+1, j.set.Shares)
	if need == 0 {
		return
	}
	var last []time.Time
	var never []string
	for _, h := range j.set.Holdings {
		t, proven := j.proven(h)
		switch {
		case j.lost[h.Number]:
		case !proven:
			never = append(never, h.Custodian)
			fallthrough
		default:
			last = append(last, t)
		}
	}
	slices.SortFunc(last, func(a, b time.Time) int { return b.Compare(a) })
	item := Item{Due, "drill", "Drill", "shares are not proven", "", "Have every holder prove their share: conclave drill. One that was held without it is entered: conclave custody add drill.", time.Time{}}
	if len(last) < need {
		return // lost ones: said above
	}
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

func (j *judge) tokens() {
	if j.Roster == nil {
		return
	}
	revoked := map[string]bool{}
	for _, e := range j.Chain.Standing() {
		if e.What() == TokenRevoked {
			revoked[e.Facts.Text("accessor")] = true
		}
	}
	for _, t := range j.Roster.Tokens {
		if revoked[t.Accessor] || t.Fate == custodian.Revoked {
			continue
		}
		item := Item{Due, "root-token", "Revoke a token", "a root token is outstanding", fmt.Sprintf("The root token with the accessor %s, of %s, went to %s. Nothing says that it was revoked.", t.Accessor, t.Ceremony, t.Receiver),
			"Revoke it on the server, vault token revoke -accessor, and enter it: conclave custody add token-revoked. With the server stopped: conclave revoke-root -accessor " + t.Accessor + ".", time.Time{}}
		if t.Purpose != "" {
			item.What += " It was made for this: " + t.Purpose + "."
		}
		if until, ok := day(t.Until); ok {
			if item.By = until; j.Now.After(until.AddDate(0, 0, 1)) {
				item.Urgency, item.Short = AtOnce, "a root token should be gone"
			}
		}
		j.add(item)
	}
}

func (j *judge) pin() {
	var left *Entry
	for _, e := range j.Chain.Standing() {
		switch e.What() {
		case PINHolderLeft:
			left = &e
		case PINChanged:
			if left != nil && !e.Day().Before(left.Day().Truncate(24*time.Hour)) {
				left = nil
			}
		}
	}
	if left != nil {
		j.add(Item{AtOnce, "pin", "Change the PIN", "who knows it has left", fmt.Sprintf("%s, who knows the HSM's PIN, has left since %s, and it was not changed.", left.Facts.Text("name"), left.Day().UTC().Format(time.DateOnly)),
			"Change the HSM's PIN, and the server's with it, and enter it: conclave custody add pin-changed.", time.Time{}})
	}
}

func (j *judge) backup() {
	from := j.History.Began
	what := "Nothing says that the state was ever opened with a backup of the HSM."
	for _, e := range j.Chain.Standing() {
		if e.What() == BackupTested && e.Day().After(from) {
			from, what = e.Day(), "The HSM's backup was last tested on "+e.Day().UTC().Format(time.DateOnly)+"."
		}
	}
	if j.History.Opened.After(from) {
		from = j.History.Opened
		what = "A drill last opened the vault through the HSM's backup on " + from.UTC().Format(time.DateOnly) + "."
	}
	if s := strings.ToLower(strings.Trim(j.History.Backup, " .")); s == "no backup" || s == "none" || s == "no" {
		j.add(Item{Due, "hsm-backup", "Back up the HSM", "its key has no backup", "The record says that the HSM's key has no backup: if this HSM is lost, no share opens anything.",
			"Make a backup of the key by the HSM's own means, test it, and enter it: conclave custody add backup-tested.", time.Time{}})
		return
	}
	if from.IsZero() {
		return
	}
	j.by(Item{Due, "hsm-backup", "Test the backup", "of the HSM, every 24 months", what, "Hold conclave drill -hsm-backup with the backup connected; or open the state with it elsewhere, and enter that: conclave custody add backup-tested.", time.Time{}}, from.AddDate(0, usualBackup, 0))
}

// copies are those of the storage on which replaced shares still work, and the
// replaced shares that nobody collected.
func (j *judge) copies() {
	issued, replaced := day(j.set.Issued)
	replaced = replaced && slices.ContainsFunc(j.Roster.Sets, func(s custodian.Set) bool { return s.State == custodian.Replaced })
	gone := map[int]bool{}
	for _, e := range j.Chain.Standing() {
		if e.What() == CopyDestroyed {
			gone[e.Facts.Number("entry")] = true
		}
	}
	for _, e := range j.Chain.Standing() {
		if e.What() == CopyKnown && replaced && j.before(e, issued) && !gone[int(e.Seq)] { //nolint:gosec // a count of lines
			j.add(Item{Known, "copy", "A copy", "old shares work on it", fmt.Sprintf("A copy of the storage from before the last recovery rekey is known: %s, %s (entry %d). The replaced shares work on it.", e.Facts.Text("what"), e.Facts.Text("place"), e.Seq),
				fmt.Sprintf("Destroy the copy, and enter it: conclave custody add copy-destroyed -entry %d. Or rewrap to a new HSM key, and destroy the old key.", e.Seq), time.Time{}})
		}
	}
	for _, o := range j.History.Missing {
		if slices.ContainsFunc(j.Chain.Standing(), func(e Entry) bool {
			return e.What() == OldShareGone && e.Facts.Text("what") == o.Ceremony && strings.HasPrefix(o.Share+" ", fmt.Sprint(e.Facts.Number("number"))+" ")
		}) {
			continue
		}
		j.add(Item{Known, "old-share", "An old share", "it was not collected", fmt.Sprintf("The replaced share %s was not brought back in %s. It works on any older copy of the storage.", o.Share, o.Ceremony),
			"Ask its holder for it. Its holder, not this list, knows which share it is.", time.Time{}})
	}
}

func (j *judge) retention() {
	for _, r := range j.History.Retention {
		if j.Now.Before(r.Until) {
			continue
		}
		j.add(Item{Known, "retention", "Retention", "the time of a record has ended", fmt.Sprintf("The record of %s was to be kept until %s: %s.", r.Ceremony, r.Until.UTC().Format(time.DateOnly), r.Class),
			"Decide whether it is kept on. Later records name it: without it their history has a gap.", r.Until})
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
