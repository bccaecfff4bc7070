package command_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"conclave/ceremony/custodian"
	"conclave/ceremony/transcript"
	"conclave/hsm/softhsm/need"
)

// TestDrill holds drills on a real vault and its SoftHSM token. The shares are
// proven without the HSM, which is not even named; a quorum through it. What was
// replaced and who is not here is in the record, and nothing was changed.
func TestDrill(t *testing.T) {
	t.Parallel()
	lib := need.Tool(t, "softhsm")
	work := t.TempDir()
	e := &testscript.Env{WorkDir: work}
	if err := fixtures(lib)(e); err != nil {
		t.Fatal(err)
	}
	old, err := known("testdata/aes/known.json")
	if err != nil {
		t.Fatal(err)
	}
	p := &player{dir: filepath.Join(work, "aes"), env: []string{"SOFTHSM2_CONF=" + filepath.Join(work, "softhsm2.conf"), "HOME=" + work, "TERM=dumb"},
		shown: map[string]string{}}
	people := []string{"-dir", "..", "-plain", "-allow-piped-secrets", "-operator", "Olga", "-witness", "Wim"}
	custodians := []string{"-custodian", "Alice", "-custodian", "Bob", "-custodian", "Carol"}
	hsm := []string{"-config", "bao.hcl", "-hsm-lib", lib}
	run := func(want int, has string, parts ...[]string) string {
		t.Helper()
		var args []string
		for _, part := range parts {
			args = append(args, part...)
		}
		code, text, err := p.run(args...)
		if err != nil || code != want || !strings.Contains(string(text), has) {
			t.Fatalf("conclave %s: code %d, %v; want code %d and %q in\n%s", strings.Join(args, " "), code, err, want, has, text)
		}
		return string(text)
	}
	drill := []string{"drill", "-storage", "storage"}

	run(2, "no record says which shares were handed out", drill, people)
	run(2, "HSM is not named whole", drill, people, custodians, []string{"-proof=quorum"})

	p.shares = old[:3]
	run(0, "recovery key and its shares are replaced", []string{"rekey", "-target=recovery", "-key-shares=3", "-key-threshold=2", "-id", "one"}, hsm, people, custodians)
	before := coreOf(t, work)

	p.shares = []string{p.shown["ALICE"], p.shown["BOB"], p.shown["CAROL"]}
	text := run(0, "3 of 3 shares are proven. Nothing was changed.", drill, people, []string{"-id", "two"})
	if strings.Contains(text, "[hsm]") || strings.Contains(text, "PIN:") {
		t.Errorf("the HSM was asked:\n%s", text)
	}
	proven(t, work, "two", "Alice", "Bob", "Carol")

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
		if err := os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("drill.hcl", "  vault {\n    storage = \"storage\"\n  }")
	write("quorum.hcl", "  proof = \"quorum\"\n  vault {\n    config = \"bao.hcl\"\n  }\n  hsm {\n    lib = \""+lib+"\"\n  }")
	checked := run(0, "proof = share (default)", []string{"plan", "check", "drill.hcl", "-dir", ".."})
	printed := run(0, "Prove shares", []string{"plan", "print", "drill.hcl", "-dir", ".."})
	if strings.Contains(checked+printed, "hsm-pin") || strings.Contains(printed, "HSM   ") || !strings.Contains(printed, "wiped before the next person") {
		t.Errorf("%s\n%s", checked, printed)
	}
	run(2, "Not accepted: quorum-in-memory", []string{"plan", "check", "quorum.hcl", "-dir", ".."})

	// Bob types the other's share first, and is asked for his own; of Carol the
	// command says nothing.
	p.shares = []string{p.shown["ALICE"], p.shown["CAROL"], p.shown["BOB"]}
	run(0, "2 of 3 shares are proven; not proven: Carol. Nothing was changed.", drill, people, custodians[:4], []string{"-id", "three"})
	proven(t, work, "three", "Alice", "Bob")

	// Through the HSM, two of three together; the third alone.
	p.shares = []string{p.shown["ALICE"], p.shown["BOB"], p.shown["CAROL"]}
	run(0, "3 of 3 shares are proven. Nothing was changed.", []string{"drill", "-proof=quorum", "-compare-recovery-key", "-id", "four"}, hsm, people)
	proven(t, work, "four", "Alice", "Bob", "Carol")
	if coreOf(t, work) != before {
		t.Error("a drill changed the vault")
	}
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
