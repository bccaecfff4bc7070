package command_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"conclave/ceremony/folder"
	"conclave/ceremony/transcript"
	"conclave/ui/command"
)

const initPlan = `ceremony "init" {
  id = "KC-7"
  vault {
    storage = "/nowhere"
  }
  hsm {
    lib         = "/lib/none.so"
    token_label = "t"
    key_label   = "k"
  }
  recovery {
    shares    = 5
    threshold = 3
  }
  witness "Wim Example" {}
  operator "Olga Example" {}
}
`

// begun makes a record of an id that a plan file began, and says where it lies;
// last is its last event, "" for an interrupted one.
func begun(t *testing.T, dir, id, planText, last string) string {
	t.Helper()
	f, err := folder.Create(dir, "2026-11-24-"+id+"-init", false)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	sum := sha256.Sum256([]byte(planText))
	entries := []transcript.Entry{{Kind: "header", Step: "open", Evidence: transcript.ByProgram, Facts: transcript.Facts{"format": 1, "ceremony": "init", "id": id,
		"practice": false, "program": "test", "vault": "/nowhere", "plan": []string{"plan = p.hcl, SHA-256 " + hex.EncodeToString(sum[:]) + " (flag -plan)"}}}}
	switch last {
	case "closed":
		entries = append(entries, transcript.Entry{Kind: last, Step: "close", Evidence: transcript.ByProgram, Facts: transcript.Facts{"verdict": "done.", "overrides": []string{}}})
	case "aborted":
		entries = append(entries, transcript.Entry{Kind: last, Step: "people", Evidence: transcript.ByProgram, Facts: transcript.Facts{"reason": "fire"}})
	}
	for _, e := range entries {
		if _, err := f.Append(e); err != nil {
			t.Fatal(err)
		}
	}
	return f.Dir()
}

// TestTakeUp: an id is used up by a record that came to an end, by one of
// another plan, by one that is broken and by one that is held now; not by one
// that was cut off.
func TestTakeUp(t *testing.T) {
	stdin, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stdin.Close() }() // only read
	for name, c := range map[string]struct {
		make func(dir string)
		says string
	}{
		"interrupted":           {func(dir string) { begun(t, dir, "KC-7", initPlan, "") }, ""},
		"interrupted twice":     {func(dir string) { begun(t, dir, "KC-7", initPlan, ""); begun(t, dir, "KC-7.2", initPlan, "") }, ""},
		"another plan's number": {func(dir string) { begun(t, dir, "KC-7", initPlan, ""); begun(t, dir, "KC-7.2", "x", "closed") }, ""},
		"closed":                {func(dir string) { begun(t, dir, "KC-7", initPlan, "closed") }, "KC-7 was closed: the ceremony was held"},
		"closed the second time": {func(dir string) { begun(t, dir, "KC-7", initPlan, ""); begun(t, dir, "KC-7.2", initPlan, "closed") },
			"KC-7.2 was closed"},
		"aborted":         {func(dir string) { begun(t, dir, "KC-7", initPlan, "aborted") }, "KC-7 was stopped by its people"},
		"of another plan": {func(dir string) { begun(t, dir, "KC-7", "another", "") }, "KC-7 was begun with another plan file"},
		"broken": {func(dir string) {
			name := filepath.Join(begun(t, dir, "KC-7", initPlan, "closed"), "transcript.jsonl")
			b, err := os.ReadFile(name)
			if err == nil {
				err = os.WriteFile(name, bytes.Replace(b, []byte("done."), []byte("dune."), 1), 0o600)
			}
			if err == nil {
				err = os.WriteFile(filepath.Join(filepath.Dir(name), "head.txt"), []byte("2 "+strings.Repeat("0", 64)+"\n"), 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}, "is not what it claims"},
		"held now": {func(dir string) {
			f, _, err := folder.Resume(begun(t, dir, "KC-7", initPlan, ""))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = f.Close() })
		}, "KC-7 is held at this moment"},
	} {
		dir := t.TempDir()
		plan := filepath.Join(t.TempDir(), "plan.hcl")
		if err := os.WriteFile(plan, []byte(initPlan), 0o600); err != nil {
			t.Fatal(err)
		}
		c.make(dir)
		var out, errs bytes.Buffer
		code := command.Run([]string{"init", "-plan", plan, "-dir", dir, "-plain"}, stdin, &out, &errs, nil)
		said := errs.String()
		if c.says == "" { // what is wrong next, is the input
			if strings.Contains(said, "used up") || strings.Contains(said, "moment") || !strings.Contains(said, "standard input is no terminal") {
				t.Errorf("%s: code %d, %s", name, code, said)
			}
			continue
		}
		if code != 2 || !strings.Contains(said, c.says) {
			t.Errorf("%s: code %d, %s; want %q", name, code, said, c.says)
		}
	}
	// Without a plan's file an id is used once.
	dir := t.TempDir()
	begun(t, dir, "KC-7", initPlan, "")
	var out, errs bytes.Buffer
	if code := command.Run([]string{"init", "-id", "KC-7", "-dir", dir, "-plain", "-storage", "/nowhere", "-hsm-lib", "/lib/none.so", "-hsm-token-label", "t", "-hsm-key-label", "k"}, stdin, &out, &errs, nil); code != 2 || !strings.Contains(errs.String(), "an id is used once") {
		t.Errorf("code %d, %s", code, &errs)
	}
}

const rekeyPlan = `ceremony "recovery-rekey" {
  id = "KC-7"
  vault {
    config = "bao.hcl"
  }
  recovery {
    shares    = 3
    threshold = 2
  }
  operator "Olga" {}
  witness "Wim" {}
  custodian "Alice" {}
  custodian "Bob" {}
  custodian "Carol" {}
  accept "one-witness" {
    reason = "a test"
  }
  accept "near-witness" {
    reason = "a test"
  }
  accept "given-pin" {
    reason = "a fixture"
  }
  accept "piped-secrets" {
    reason = "a test"
  }
  accept "plain-shares" {
    reason = "a test"
  }
  accept "plain-display" {
    reason = "a test"
  }
}
`

// keptNamed looks for a file that was named in the record, as it was read.
func keptNamed(t *testing.T, record, name, want string) {
	t.Helper()
	kept, err := filepath.Glob(filepath.Join(record, "named", "*-"+name))
	if err != nil || len(kept) != 1 {
		t.Fatalf("of %s the record has %q, %v", name, kept, err)
	}
	if b, err := os.ReadFile(kept[0]); err != nil || string(b) != want {
		t.Errorf("the record keeps of %s %q, %v", name, b, err)
	}
}

// TestPlanAgain kills a recovery rekey that a plan file began. The same file
// goes on with it, as KC-7.2; a changed one does not, and after the end neither.
func TestPlanAgain(t *testing.T) {
	t.Parallel()
	v := newAESVault(t)
	for name, text := range map[string]string{"plan.hcl": rekeyPlan, "other.hcl": rekeyPlan + "\n"} {
		if err := os.WriteFile(filepath.Join(v.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := func(want int, has, file string) {
		t.Helper()
		v.want(want, has, []string{"rekey", "-target=recovery", "-plan", file, "-dir", "..", "-plain", "-allow-piped-secrets"})
	}
	v.shares, v.killAt = v.old[:3], 2
	run(-1, "[prove]", "plan.hcl")
	v.killAt = 0
	run(2, "KC-7 was begun with another plan file", "other.hcl")
	run(0, "Go on with it: 1 of 3 shares are proven", "plan.hcl")
	checkHolders(t, filepath.Join(v.work, "*-KC-7.2-recovery-rekey"), "Alice", "Bob", "Carol")
	run(2, "KC-7.2 was closed", "plan.hcl")
}
