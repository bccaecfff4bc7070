package command_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"conclave/ceremony/custodian"
	"conclave/ceremony/transcript"
	"conclave/vaultstate/pgp"
)

// TestDrillOfBackup: the vault is opened through a token that has the same key and
// another serial number. The token of the ceremonies is not taken for its own
// backup.
func TestDrillOfBackup(t *testing.T) {
	t.Parallel()
	v := newAESVault(t)
	people := []string{"-dir", "..", "-plain", "-allow-piped-secrets", "-operator", "Olga", "-witness", "Wim"}
	drill := []string{"drill", "-hsm-backup"}
	v.want(0, "is what people say, no record names the HSM", drill, v.config(), people, []string{"-id", "first"})
	v.shares = v.old[:3]
	v.want(0, "data encryption key is rotated", []string{"rotate", "-id", "one"}, v.config(), people, []string{"-custodian", "Alice", "-custodian", "Bob", "-custodian", "Carol"})
	before := coreOf(t, v.work)
	v.want(2, "one of them is proven", drill, []string{"-proof=share"}, v.config(), people)
	v.want(1, "This is the HSM itself", drill, v.config(), people, []string{"-id", "itself"})

	err := filepath.WalkDir(v.work, func(f string, e os.DirEntry, err error) error {
		if err != nil || e.Name() != "token.object" {
			return err
		}
		b, err := os.ReadFile(f) // #nosec G304 G122 -- of the tests
		if err != nil {
			return err
		}
		serial := regexp.MustCompile(`[0-9a-f]{16}`).Find(b)
		return os.WriteFile(f, bytes.Replace(b, serial, []byte("BACKUP0000000017"), 1), 0o600) // #nosec G703 -- of the tests
	})
	if err != nil {
		t.Fatal(err)
	}
	v.want(0, "The vault opens through the backup of the HSM, token", drill, v.config(), people, []string{"-id", "two"})
	if coreOf(t, v.work) != before {
		t.Error("a drill changed the vault")
	}
	found, err := filepath.Glob(filepath.Join(v.work, "*-two-drill"))
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	v.want(0, "the vault was opened through this token, a backup of the HSM (event", []string{"transcript", "report", found[0]})
}

// TestDrill holds drills on a real vault and its SoftHSM token. The shares are
// proven without the HSM, which is not even named; a quorum through it. What was
// replaced and who is not here is in the record, and nothing was changed.
func TestDrill(t *testing.T) {
	t.Parallel()
	v := newAESVault(t)
	people := []string{"-dir", "..", "-plain", "-allow-piped-secrets", "-operator", "Olga", "-witness", "Wim"}
	custodians := []string{"-custodian", "Alice", "-custodian", "Bob", "-custodian", "Carol"}
	drill := []string{"drill", "-storage", "storage"}

	v.want(2, "no record says which shares were handed out", drill, people)
	v.want(2, "HSM is not named whole", drill, people, custodians, []string{"-proof=quorum"})

	v.shares = v.old[:3]
	v.want(0, "recovery key and its shares are replaced", []string{"rekey", "-target=recovery", "-key-shares=3", "-key-threshold=2", "-id", "one"}, v.config(), people, custodians)
	before := coreOf(t, v.work)

	v.shares = []string{v.shown["ALICE"], v.shown["BOB"], v.shown["CAROL"]}
	text := v.want(0, "3 of 3 shares are proven. Nothing was changed.", drill, people, []string{"-id", "two"})
	if strings.Contains(text, "[hsm]") || strings.Contains(text, "PIN:") {
		t.Errorf("the HSM was asked:\n%s", text)
	}
	proven(t, v.work, "two", "Alice", "Bob", "Carol")

	// By a plan: its check and its script name neither HSM nor PIN, and a quorum
	// has to be accepted.
	write := func(name, more string) {
		t.Helper()
		text := "ceremony \"drill\" {\n  id = \"planned\"\n" + more + `
  operator "Olga" {}
  witness "Wim" {
    organisation = "Audit"
  }
  accept "one-witness" {
    reason = "as ever"
  }
  accept "near-witness" {
    reason = "as ever"
  }
}
`
		if err := os.WriteFile(filepath.Join(v.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("drill.hcl", "  vault {\n    storage = \"storage\"\n  }")
	write("quorum.hcl", "  proof = \"quorum\"\n  vault {\n    config = \"bao.hcl\"\n  }\n  hsm {\n    lib = \""+v.lib+"\"\n  }")
	checked := v.want(0, "proof = share (default)", []string{"plan", "check", "drill.hcl", "-dir", ".."})
	printed := v.want(0, "Prove shares", []string{"plan", "print", "drill.hcl", "-dir", ".."})
	if strings.Contains(checked+printed, "hsm-pin") || strings.Contains(printed, "HSM   ") || !strings.Contains(printed, "wiped before the next person") {
		t.Errorf("%s\n%s", checked, printed)
	}
	v.want(2, "Not accepted: quorum-in-memory", []string{"plan", "check", "quorum.hcl", "-dir", ".."})

	// Bob types the other's share first, and is asked for his own; of Carol the
	// command says nothing.
	v.shares = []string{v.shown["ALICE"], v.shown["CAROL"], v.shown["BOB"]}
	v.want(0, "2 of 3 shares are proven; not proven: Carol. Nothing was changed.", drill, people, custodians[:4], []string{"-id", "three"})
	proven(t, v.work, "three", "Alice", "Bob")

	// Through the HSM, two of three together; the third alone.
	v.shares = []string{v.shown["ALICE"], v.shown["BOB"], v.shown["CAROL"]}
	v.want(0, "3 of 3 shares are proven. Nothing was changed.", []string{"drill", "-proof=quorum", "-compare-recovery-key", "-id", "four"}, v.config(), people)
	proven(t, v.work, "four", "Alice", "Bob", "Carol")
	if coreOf(t, v.work) != before {
		t.Error("a drill changed the vault")
	}
}

// TestDrillByFile: whose share is encrypted to a key proves key and file by
// default, with the public key that the record of the recovery rekey keeps, two
// ceremonies later. Bob brings no file; Carol's key is not in the record any more,
// so she types her share.
func TestDrillByFile(t *testing.T) {
	t.Parallel()
	v := newAESVault(t)
	people := []string{"-dir", "..", "-plain", "-allow-piped-secrets", "-operator", "Olga", "-witness", "Wim"}
	custodians := []string{"-custodian", "Alice", "-custodian", "Bob", "-custodian", "Carol"}
	var files []string
	kept := map[string]string{} // names of the public keys
	v.devices, v.brings, v.cards = map[string]*pgp.Private{}, map[string]string{}, map[string]string{}
	for _, name := range []string{"Alice", "Bob", "Carol"} {
		private, k, err := pgp.GenerateKey(name, time.Now().Add(-time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		b, err := k.Armor(false)
		if err == nil {
			err = os.WriteFile(filepath.Join(v.dir, name+".asc"), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		v.devices[strings.ToUpper(name)], v.cards[strings.ToUpper(name)] = private, k.Fingerprint
		files, kept[name] = append(files, name+".asc"), k.Fingerprint+".asc"
	}
	v.shares = v.old[:3]
	v.want(0, "recovery key and its shares are replaced", []string{"rekey", "-target=recovery", "-key-shares=3", "-key-threshold=2", "-id", "one", "-skip-proof", "-challenge=none",
		"-recovery-pgp-keys", strings.Join(files, ",")}, v.config(), people, custodians)
	record := only(t, filepath.Join(v.work, "*-one-*"))
	carol := v.share(t, "CAROL", filepath.Join(record, "shares", "3-carol.asc"))
	v.shares = []string{v.share(t, "ALICE", filepath.Join(record, "shares", "1-alice.asc")), v.share(t, "BOB", filepath.Join(record, "shares", "2-bob.asc"))}
	v.want(0, "data encryption key is rotated", []string{"rotate", "-id", "two"}, v.config(), people, custodians[:4])

	for _, file := range files { // the records have them
		if err := os.Remove(filepath.Join(v.dir, file)); err != nil {
			t.Fatal(err)
		}
	}
	keys := filepath.Join(record, "keys")
	if err := os.Remove(filepath.Join(keys, kept["Carol"])); err != nil {
		t.Fatal(err)
	}
	v.brings["ALICE"] = filepath.Join(record, "shares", "1-alice.asc")
	v.shares = []string{carol}
	v.want(0, "2 of 3 shares are proven, 1 of them by key and file, of 1 more only the key. Nothing was changed.",
		[]string{"drill", "-storage", "storage", "-id", "three"}, people)

	// With the head of the paper the records are confirmed, and nobody reads a card.
	head, err := os.ReadFile(filepath.Join(only(t, filepath.Join(v.work, "*-three-*")), "head.txt"))
	if err != nil {
		t.Fatal(err)
	}
	hex := regexp.MustCompile("[0-9a-f]{64}").FindString(string(head))
	cards := v.cards
	v.cards = nil
	v.want(4, "The head that was given is that of no record", []string{"drill", "-storage", "storage", "-id", "other", "-head", strings.Repeat("ab", 32)}, people)
	v.shares = []string{carol}
	v.want(0, "2 of 3 shares are proven, 1 of them by key and file, of 1 more only the key. Nothing was changed.",
		[]string{"drill", "-storage", "storage", "-id", "paper", "-head", hex}, people)
	v.cards = cards

	// A key that is not the one of its name is no holder's, in whatever record.
	stray := filepath.Join(v.work, "9999-stray")
	err = errors.Join(os.MkdirAll(filepath.Join(stray, "keys"), 0o700), os.WriteFile(filepath.Join(stray, "transcript.jsonl"), nil, 0o600))
	b, readErr := os.ReadFile(filepath.Join(keys, kept["Bob"]))
	if err = errors.Join(err, readErr, os.WriteFile(filepath.Join(stray, "keys", kept["Alice"]), b, 0o600)); err != nil {
		t.Fatal(err)
	}
	v.want(2, "holds another key than its name says", []string{"drill", "-storage", "storage", "-id", "stray"}, people)
	if err := os.RemoveAll(stray); err != nil {
		t.Fatal(err)
	}
	// And a file of a sealed record that is not the one it was is found before.
	if err := os.WriteFile(filepath.Join(keys, kept["Carol"]), b, 0o600); err != nil { // #nosec G703 -- of the tests
		t.Fatal(err)
	}
	v.want(4, "is not the file that sha256sums names", []string{"drill", "-storage", "storage", "-id", "four"}, people)
}

// only is the one file or directory of a pattern.
func only(t *testing.T, pattern string) string {
	t.Helper()
	found, err := filepath.Glob(pattern)
	if err != nil || len(found) != 1 {
		t.Fatalf("%s: %v, %v", pattern, found, err)
	}
	return found[0]
}

// share is somebody's share, decrypted on their own device, as they type it.
func (p *player) share(t *testing.T, holder, file string) string {
	t.Helper()
	b, err := os.ReadFile(file) // #nosec G304 -- of the tests
	if err != nil {
		t.Fatal(err)
	}
	text, err := p.devices[holder].Decrypt(b)
	if err != nil {
		t.Fatal(err)
	}
	defer text.Wipe()
	return string(text.Expose())
}

// coreOf is what lies in the storage, as names with sizes and contents.
func coreOf(t *testing.T, work string) string {
	t.Helper()
	var all strings.Builder
	err := filepath.Walk(filepath.Join(work, "aes", "storage", "core"), func(path string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			return err
		}
		b, err := os.ReadFile(path) // #nosec G304 G122 -- of the tests
		all.WriteString(path + string(b))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

// proven sees whose proof is in the record of a drill, and in its roster.
func proven(t *testing.T, work, id string, want ...string) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(work, "*-"+id+"-drill"))
	if err != nil || len(found) != 1 {
		t.Fatalf("records: %v, %v", found, err)
	}
	var files [2][]byte
	for i, name := range []string{"roster.json", "transcript.jsonl"} {
		if files[i], err = os.ReadFile(filepath.Join(found[0], name)); err != nil {
			t.Fatal(err)
		}
	}
	ro, err := custodian.Decode(files[0])
	if err != nil {
		t.Fatal(err)
	}
	set, _ := ro.ValidSet()
	var got []string
	_, err = transcript.Scan(bytes.NewReader(files[1]), func(e transcript.Event) error {
		if e.Kind == "proven" {
			h := set.Holdings[e.Facts.Number("number")-1]
			if h.Custodian != e.Claimed || h.Proven != e.Time.UTC().Format(time.RFC3339) {
				t.Errorf("%s: %v, and the roster has %+v", id, e.Time, h)
			}
			got = append(got, e.Claimed)
		}
		return nil
	})
	if err != nil || strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("%s: proven by %q, want %q; %v", id, got, want, err)
	}
}
