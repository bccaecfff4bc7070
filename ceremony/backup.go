package ceremony

import (
	"regexp"

	"conclave/ceremony/plan"
	"conclave/vaultstate"
)

// Before something is wrapped by a key that was not used before, somebody says
// where its backup is; before every other change, where a snapshot of the
// storage is. That there is none is typed out, and is an override.

// noBackup is the one answer that there is none.
const noBackup = "NO BACKUP"

// backupAloud is read before the shares of a new vault are made.
const backupAloud = "If this HSM and its backups are lost, these shares open nothing."

// asksKey tells whether the backup asked for is the wrapping key's, and not that
// of the storage.
func (r *Run) asksKey() bool { return r.plan.Kind == vaultstate.Init }

// asksBackup tells whether one is asked for.
func (r *Run) asksBackup() bool { return r.plan.Kind != plan.Unseal && r.plan.Kind != plan.Drill }

func (r *Run) backupField() Field {
	if r.asksKey() {
		return Field{ID: fieldBackup, Label: "key's backup"}
	}
	return Field{ID: fieldBackup, Label: "snapshot"}
}

// backupText says what to type.
func (r *Run) backupText() string {
	if r.asksKey() {
		return "Read aloud: " + backupAloud + " Key's backup: who, how, where, last restored; or " + noBackup + "."
	}
	return "Snapshot of the storage before this change: the first 16 digits of its SHA-256, and where it is; or " + noBackup + "."
}

var (
	noneForm   = regexp.MustCompile(`(?i)^(no|none|no ?back-?ups?|no snapshots?|nothing|nil|n/?a|unknown|\?+|-+)[.!]?$`)
	digestForm = regexp.MustCompile(`(?i)(^|[^0-9a-f])([0-9a-f]{4}[ :.-]?){4}($|[^0-9a-f])`)
)

// backupFits refuses silence but in a rehearsal, a none that was not typed out,
// and a snapshot that nobody could know again.
func (r *Run) backupFits(text string, ofKey bool) error {
	switch {
	case text == noBackup, text == "" && r.plan.Practice:
		return nil
	case text == "":
		return askAgain("Nothing was said of a backup.", "Nothing was recorded.", "Say where it is; or type "+noBackup+", which is an override on the first page of the record.")
	case noneForm.MatchString(text):
		return askAgain("That there is no backup is said by the words "+noBackup+", as they stand here.", "Nothing was recorded.",
			"Type "+noBackup+", which is an override on the first page of the record; or say where it is.")
	case !ofKey && !digestForm.MatchString(text):
		return askAgain("A snapshot is named by the first 16 digits of its SHA-256.", "Nothing was recorded.",
			"Type four groups of four, and where it is; or "+noBackup+".")
	}
	return nil
}

// overrideBackup notes that there is none.
func (r *Run) overrideBackup(text string) error {
	if text != noBackup {
		return nil
	}
	sentence := "NO BACKUP: the HSM's key has none. " + backupAloud
	if !r.asksKey() {
		sentence = "NO BACKUP: there is no snapshot of the storage from before this change."
	}
	return r.override("no-backup", sentence, r.person(Operator).Name, "")
}
