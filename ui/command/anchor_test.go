package command_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestOldStatePutBack: an attacker with the file system puts back an older
// storage and, beside it, the records of that day. The anchor in the HSM finds
// it before anybody is asked for a share; without one nothing does.
func TestOldStatePutBack(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		flags []string
		code  int
		says  string
	}{
		{"with an anchor", []string{"-anchor=hsm"}, 4, "an older state was put back, by the anchor in the HSM: its root key is one that was replaced before two ended"},
		{"without", nil, 0, "root token"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			v := newAESVault(t)
			records := filepath.Join(v.work, "records")
			if err := os.Mkdir(records, 0o700); err != nil {
				t.Fatal(err)
			}
			run := func(want int, has string, args ...string) string {
				t.Helper()
				v.shares = v.old[:3]
				return v.want(want, has, args, v.config(), []string{"-dir", records, "-plain", "-allow-piped-secrets",
					"-operator", "Olga", "-witness", "Wim", "-custodian", "Alice", "-custodian", "Bob", "-custodian", "Carol"})
			}
			copyTo := func(from, to string) {
				t.Helper()
				for _, name := range []string{"records", "aes/storage"} {
					if err := os.RemoveAll(filepath.Join(to, name)); err != nil {
						t.Fatal(err)
					}
					if err := os.CopyFS(filepath.Join(to, name), os.DirFS(filepath.Join(from, name))); err != nil {
						t.Fatal(err)
					}
				}
			}
			run(0, "data encryption key is rotated", append([]string{"rotate", "-id", "one"}, c.flags...)...)
			if c.code != 0 { // a session would not keep the anchor up to date
				v.want(1, "the HSM keeps an anchor of this vault", []string{"serve", "-allow=rekey", "-allow-software-token", "-dir", records}, v.config())
				v.want(0, "nobody asked for anything for 100ms", []string{"serve", "-idle=100ms", "-allow-software-token", "-dir", records}, v.config())
			}
			kept := t.TempDir()
			copyTo(v.work, kept)
			run(0, "root key is replaced", "rekey", "-id", "two")
			copyTo(kept, v.work)
			said := run(c.code, c.says, "generate-root", "-id", "three")
			if asked := len(v.shares) < 3; asked != (c.code == 0) {
				t.Errorf("a share was asked for: %v", asked)
			}
			if c.code == 0 {
				files, err := filepath.Glob(filepath.Join(records, "*-three-*", "transcript.jsonl"))
				if err != nil || len(files) != 1 {
					t.Fatal(files, err)
				}
				record, err := os.ReadFile(files[0])
				if err != nil || !strings.Contains(string(record), "an older storage with the record of its day would not be found") {
					t.Errorf("the record does not say what cannot be known: %v", err)
				}
				return
			}
			if !strings.Contains(said, "-adopt-state") {
				t.Error("it does not say what those do who answer for it")
			}
			run(0, "vault was opened and checked", "unseal", "-id", "four", "-adopt-state", "the disk was restored after a fault")
			run(0, "vault was opened and checked", "unseal", "-id", "five")
		})
	}
}

// TestRunTakenAway: the directory of a run that was stopped, and its line in the
// list of runs, are taken away. The anchor in the HSM has its number.
func TestRunTakenAway(t *testing.T) {
	t.Parallel()
	v := newAESVault(t)
	records := filepath.Join(v.work, "records")
	if err := os.Mkdir(records, 0o700); err != nil {
		t.Fatal(err)
	}
	run := func(want int, has, stopAt string, args ...string) {
		t.Helper()
		v.shares, v.stopAt = v.old[:3], stopAt
		v.want(want, has, args, v.config(), []string{"-dir", records, "-plain", "-allow-piped-secrets",
			"-operator", "Olga", "-witness", "Wim", "-custodian", "Alice", "-custodian", "Bob", "-custodian", "Carol"})
	}
	list := filepath.Join(records, "runs.txt")
	run(0, "data encryption key is rotated", "", "rotate", "-id", "one", "-anchor=hsm")
	runs, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	run(3, "", "Pass the keyboard to Bob", "rekey", "-id", "two")
	took, err := filepath.Glob(filepath.Join(records, "*-two-*"))
	if err != nil || len(took) != 1 {
		t.Fatal(took, err)
	}
	kept := filepath.Join(t.TempDir(), filepath.Base(took[0]))
	if err := os.Rename(took[0], kept); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(list, runs, 0o600); err != nil {
		t.Fatal(err)
	}
	run(4, "the anchor in the HSM names two, number 2: its record is missing", "", "rotate", "-id", "three")
	run(4, "the record of two was missing when three was held", "", "rotate", "-id", "four")
	if err := os.CopyFS(took[0], os.DirFS(kept)); err != nil { // it is found again
		t.Fatal(err)
	}
	run(0, "data encryption key is rotated", "", "rotate", "-id", "five", "-previous", took[0])
	run(0, "vault was opened and checked", "", "unseal", "-id", "six", "-previous", records)
}
