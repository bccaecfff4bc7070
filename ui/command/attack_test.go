package command_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"conclave/ceremony/custodian"
	"conclave/ui/command"
)

// histories are three records of a vault, each with its roster.
func histories(t *testing.T) (first, second, third string) {
	t.Helper()
	d := t.TempDir()
	list := []string{filepath.Join(d, "one"), filepath.Join(d, "two"), filepath.Join(d, "three")}
	if err := makeRecord(list[0], true); err != nil {
		t.Fatal(err)
	}
	for i := 1; i < 3; i++ {
		if err := makeNext(list[i], list[:i]); err != nil {
			t.Fatal(err)
		}
	}
	return list[0], list[1], list[2]
}

// TestRosterEdited: a roster that was edited stops the next ceremony: who holds
// what is derived from the records. Where they are not all there it is a hint, if
// it is of that record at all.
func TestRosterEdited(t *testing.T) {
	holder := func(ro *custodian.Roster) string { return ro.Sets[len(ro.Sets)-1].Holdings[0].Custodian }
	first, _, last := histories(t)
	file := filepath.Join(last, "roster.json")
	b, err := os.ReadFile(file) // #nosec G304 -- this test's own
	if err != nil {
		t.Fatal(err)
	}
	sums, err := os.ReadFile(filepath.Join(last, "sha256sums")) // #nosec G304 -- this test's own
	if err != nil {
		t.Fatal(err)
	}
	edit := func(old, to string) { // and its sum, too
		now := bytes.ReplaceAll(b, []byte(old), []byte(to))
		hex := func(b []byte) []byte { return fmt.Appendf(nil, "%x", sha256.Sum256(b)) }
		if err := os.WriteFile(file, now, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(last, "sha256sums"), bytes.Replace(sums, hex(b), hex(now), 1), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	edit("Alice", "Mallory")
	ro, _, err := command.PreviousRoster(last)
	if err == nil || !strings.Contains(err.Error(), "roster.json in "+last+" is not what the records give") {
		t.Errorf("with all records: %v, %v", ro, err)
	}
	edit("Alice", "Alice")
	if ro, hint, err := command.PreviousRoster(last); err != nil || hint || holder(ro) != "Alice" {
		t.Errorf("with all records, as they were: %v, %v, %v", ro, hint, err)
	}
	edit("Alice", "Mallory")
	if err := os.RemoveAll(first); err != nil {
		t.Fatal(err)
	}
	ro, hint, err := command.PreviousRoster(last)
	if err != nil || !hint || holder(ro) != "Mallory" {
		t.Errorf("alone, as a hint: %v, %v", ro, err)
	}
	edit(ro.Head, strings.Repeat("0", 64))
	if _, _, err = command.PreviousRoster(last); err == nil || !strings.Contains(err.Error(), "the records before") {
		t.Errorf("of another record: %v", err)
	}
}
