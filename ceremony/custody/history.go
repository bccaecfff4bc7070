package custody

import (
	"slices"
	"time"

	"conclave/ceremony/transcript"
)

// Absent is a holder who was not at a drill.
type Absent struct {
	Set    string
	Number int
	At     time.Time
}

// History is what the records of a vault say besides its roster, for Health.
// Add takes their events, oldest record first.
type History struct {
	Began   time.Time // of the first record that was added
	Expires map[string]time.Time
	Key
	NextDrill time.Time
	Months    int // of the drill cadence, as the last closing has it; 0: none has
	Retention []Retained
	Missing   []OldShare
	Absent    []Absent

	BackupMonths int // between two drills of the HSM's backup, as the last closing has it; 0: none has

	id     string
	other  Key  // before a rewrap's swap the new key's, after it the old one's
	rewrap bool // a backup of a new key was told
}

// Key is what is known of the backup of the HSM key that the vault is wrapped with.
type Key struct {
	Backup string    // what was last said of it
	Opened time.Time // when a drill last opened the vault through it; zero: none did
	Since  time.Time // the vault's since then; zero: since the first record
}

// Retained is how long a ceremony's record is kept.
type Retained struct {
	Ceremony, Class string
	Until           time.Time
}

// OldShare is a replaced share that nobody brought when it was to be destroyed.
type OldShare struct{ Ceremony, Set, Share string }

// Add takes an event.
func (h *History) Add(ev transcript.Event) {
	f := ev.Facts
	switch ev.Kind {
	case "header":
		h.rewrap = false
		h.id = f.Text("id")
		if h.Began.IsZero() {
			h.Began = ev.Time
		}
	case "pgp-key":
		if t, ok := day(f.Text("expires")); ok {
			if h.Expires == nil {
				h.Expires = map[string]time.Time{}
			}
			h.Expires[f.Text("fingerprint")] = t
		}
	case "room":
		if b := f.Text("backup"); b != "" {
			h.Backup = b
		}
	case "answer":
		if f.Text("field") == transcript.NewKeyBackup {
			h.other, h.rewrap = Key{Backup: f.Text("value"), Since: ev.Time}, true
		}
	case "swapped": // from here on the new key counts; after a second one, an undo's, the old one again
		if h.rewrap {
			h.Key, h.other = h.other, h.Key
		}
	case "backup-opened":
		h.Opened = ev.Time
	case "next-drill":
		h.NextDrill, _ = day(f.Text("date"))
		h.Months = f.Number("months")
		if n := f.Number("backup_months"); n > 0 { // a drill without the HSM says nothing of it
			h.BackupMonths = n
		}
	case "not-proven":
		if f.Text("why") == "absent" {
			h.Absent = append(h.Absent, Absent{f.Text("set"), f.Number("number"), ev.Time})
		}
	case "retention":
		if t, ok := day(f.Text("until")); ok {
			h.Retention = append(h.Retention, Retained{h.id, f.Text("class"), t})
		}
	case "old-shares":
		for _, s := range f.List("missing") {
			h.Missing = append(h.Missing, OldShare{h.id, f.Text("set"), s})
		}
	case "rollback":
		if f.Text("choice") == "undo" {
			// The old shares are the valid ones again.
			h.Missing = slices.DeleteFunc(h.Missing, func(o OldShare) bool { return o.Ceremony == h.id })
		}
	}
}

// day reads a day as records write it, with or without a time.
func day(s string) (time.Time, bool) {
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}
