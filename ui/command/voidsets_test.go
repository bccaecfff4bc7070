package command

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"conclave/ceremony/custodian"
	"conclave/ceremony/custody"
	"conclave/ceremony/folder"
)

// TestVoidSets: files of a set that never counted are found in records and
// beside them, with the ceremony that they came from; those of other sets are
// not named, and nobody is told to destroy anything.
func TestVoidSets(t *testing.T) {
	dir := t.TempDir()
	void, valid, unknown := strings.Repeat("0a", 16), strings.Repeat("0b", 16), strings.Repeat("0c", 16)
	put := func(name, set, mark string) {
		t.Helper()
		text := fmt.Sprintf("-----BEGIN PGP MESSAGE-----\nComment: %sShare 1 of set %s, ceremony KC-7. It counts only if the record of that ceremony says that the set does.\n\nabc\n", mark, set)
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("one/shares/1-alice.asc", void, "")
	put("one/shares/2-bob.asc", void, "PRACTICE: not a share of a real vault. ")
	put("copied.asc", void, "")
	put("two/shares/1-alice.asc", valid, "")
	put("two/shares/9-zoe.asc", unknown, "")
	put("of-another-vault.asc", unknown, "")
	k := &knowledge{dir: dir, found: []folder.Found{{Dir: filepath.Join(dir, "one")}, {Dir: filepath.Join(dir, "two")}, {Dir: filepath.Join(dir, "three")}},
		roster: &custodian.Roster{Sets: []custodian.Set{{ID: void, Ceremony: "KC-1", State: custodian.Void}, {ID: valid, Ceremony: "KC-2", State: custodian.Valid}}}}
	got, err := k.voidSets()
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got[0].Set != void || got[0].Ceremony != "KC-1" || len(got[0].Files) != 3 || got[1].Set != unknown || got[1].Ceremony != "KC-7" || len(got[1].Files) != 1 {
		t.Errorf("%+v", got)
	}
	for _, v := range got {
		if s := v.text(); !strings.Contains(s, v.Ceremony) || strings.Contains(strings.ToLower(s), "destroy") {
			t.Error(s)
		}
	}
	if got, err := (&knowledge{dir: dir}).voidSets(); got != nil || err != nil {
		t.Errorf("without a roster: %v, %v", got, err)
	}
}

// TestDueEntries: the menu shows the most urgent, opens the ceremony that is due
// where it can be held, and has room for no more than a few.
func TestDueEntries(t *testing.T) {
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	rekey := custody.Item{Urgency: custody.AtOnce, ID: "recovery-rekey", Title: "Recovery rekey", Short: "a share may be in other hands"}
	drill := custody.Item{Urgency: custody.Due, ID: "drill", Title: "Drill", Short: "every holder proves a share", By: now.AddDate(0, 0, -87)}
	soon := custody.Item{Urgency: custody.Soon, ID: "hsm-backup", Title: "Test the backup", Short: "of the HSM", By: now.AddDate(0, 0, 53)}
	left := custody.Item{Urgency: custody.Due, ID: "leftover"}
	can := status{Initialized: true, HSM: hsmState{State: answers}, Due: []custody.Item{rekey, left, drill}}
	got := append(can.dueEntries(now), (&status{Due: []custody.Item{soon}}).dueEntries(now)...)
	if len(got) != 3 || got[0].ID != "recovery-rekey" || got[0].Late != "at once" || got[1].ID != "status" || got[1].Late != "87 days late" || got[2].Due != "due in 53 days" || got[2].Late != "" {
		t.Errorf("%+v", got)
	}
	can.holders = true // and the drill is a ceremony: neither PIN nor stopped server is needed
	can.HSM, can.Servers = hsmState{State: notNamed}, []string{"x"}
	if got := can.dueEntries(now); len(got) != 2 || got[0].ID != "status" || got[1].ID != "drill" {
		t.Errorf("%+v", got)
	}
	cannot := status{Initialized: true, HSM: hsmState{State: notNamed}, Due: []custody.Item{rekey, drill, drill, drill, drill, drill}}
	if got := cannot.dueEntries(now); len(got) != 3 || got[0].ID != "status" || got[2].What != "4 more" {
		t.Errorf("%+v", got)
	}
	if got := (&status{}).dueEntries(now); got != nil {
		t.Errorf("nothing is due, and the menu says %v", got)
	}
}
