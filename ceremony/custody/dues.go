package custody

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"conclave/ceremony/custodian"
)

// What is due besides the shares: tokens, the PIN, the HSM's backup, copies of the
// storage, records.

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
	key := j.History.Key
	from, tested := key.Since, false
	if from.IsZero() {
		from = j.History.Began
	}
	what := "Nothing says that the state was ever opened with a backup of the HSM."
	for _, e := range j.Chain.Standing() {
		if e.What() == BackupTested && e.Day().After(from) {
			from, tested, what = e.Day(), true, "The HSM's backup was last tested on "+e.Day().UTC().Format(time.DateOnly)+"."
		}
	}
	if key.Opened.After(from) {
		from, tested = key.Opened, true
		what = "A drill last opened the vault through the HSM's backup on " + from.UTC().Format(time.DateOnly) + "."
	}
	if s := strings.ToLower(strings.Trim(key.Backup, " .")); !tested && (s == "no backup" || s == "none" || s == "no") {
		j.add(Item{Due, "hsm-backup", "Back up the HSM", "its key has no backup", "The record says that the HSM's key has no backup: if this HSM is lost, no share opens anything.",
			"Make a backup of the key by the HSM's own means, test it, and enter it: conclave custody add backup-tested.", time.Time{}})
		return
	}
	if from.IsZero() {
		return
	}
	months := cmp.Or(j.History.BackupMonths, usualBackup)
	j.by(Item{Due, "hsm-backup", "Test the backup", fmt.Sprintf("of the HSM, every %d months", months), what, "Hold conclave drill -hsm-backup with the backup connected; or open the state with it elsewhere, and enter that: conclave custody add backup-tested.", time.Time{}}, from.AddDate(0, months, 0))
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
