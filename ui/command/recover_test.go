//go:build cgo

package command_test

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"conclave/ceremony/folder"
	"conclave/ceremony/signature"
	"conclave/ceremony/transcript"
	"conclave/hsm/softhsm/need"
	"conclave/ui/command"
)

// lossVault is a vault that a real OpenBao made, with two ceremonies behind it
// that people approved: KC-1, which handed out the shares, and KC-2.
type lossVault struct {
	*testing.T
	lib, work, keygen string
	player            *player
	head              string            // of KC-1, as the witnesses wrote it down
	held              map[string]string // the shares of KC-1
}

func newLossVault(t *testing.T) *lossVault {
	t.Helper()
	v := &lossVault{T: t, lib: need.Tool(t, "softhsm"), keygen: need.Tool(t, "ssh-keygen"), work: t.TempDir(), held: map[string]string{}}
	e := &testscript.Env{WorkDir: v.work}
	if err := fixtures(v.lib)(e); err != nil {
		t.Fatal(err)
	}
	// Two people type the PIN: the server's configuration does not have it.
	v.config("pin.hcl", `pin = "user-1234"`)
	v.config("bao.hcl", "")
	v.player = newPlayer(v.work, v.work)
	v.player.pin = "user-1234"
	for _, who := range []string{"anna", "ben", "carla", "mallory"} {
		v.tool(v.keygen, "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", who)
	}
	old, err := known("testdata/aes/known.json")
	if err != nil {
		t.Fatal(err)
	}
	v.player.shares = old[:3]
	v.run(0, nil, v.planned("recovery-rekey", "KC-1", shares3, "anna", "ben")...)
	for who, s := range v.player.shown {
		v.held[who] = s
	}
	v.player.shares = []string{v.held["ALICE"], v.held["BOB"]}
	v.run(0, nil, v.planned("rotate", "KC-2", "", "carla")...)
	v.head = v.headOf("KC-1")
	return v
}

func (v *lossVault) config(name, pin string) {
	v.write(name, `storage "file" { path = "`+filepath.Join(v.work, "aes", "storage")+`" }
listener "tcp" { address = "127.0.0.1:18210" tls_disable = true }
seal "pkcs11" { lib = "`+v.lib+`" token_label = "ceremony" key_label = "bao-aes" key_id = "01" `+pin+` }
`)
}

func (v *lossVault) write(name, text string) {
	v.Helper()
	if err := os.WriteFile(filepath.Join(v.work, name), []byte(text), 0o600); err != nil {
		v.Fatal(err)
	}
}

func (v *lossVault) tool(name string, args ...string) {
	v.Helper()
	c := exec.CommandContext(v.Context(), name, args...) // #nosec G204 -- of the tests
	c.Dir = v.work
	if out, err := c.CombinedOutput(); err != nil {
		v.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
}

func (v *lossVault) read(name string) string {
	v.Helper()
	b, err := os.ReadFile(filepath.Join(v.work, name)) // #nosec G304 -- of the tests
	if err != nil {
		v.Fatal(err)
	}
	return string(b)
}

func (v *lossVault) record(id string) string {
	v.Helper()
	dirs, err := filepath.Glob(filepath.Join(v.work, "2*-"+id+"-*"))
	if err != nil || len(dirs) != 1 {
		v.Fatalf("the records of %s: %v, %v", id, dirs, err)
	}
	return dirs[0]
}

func (v *lossVault) headOf(id string) string {
	v.Helper()
	for line := range strings.Lines(v.read(filepath.Join(filepath.Base(v.record(id)), "head.txt"))) {
		for _, f := range strings.Fields(line) {
			if len(f) == 64 {
				return f
			}
		}
	}
	v.Fatalf("no head of %s", id)
	return ""
}

const (
	holders = `  pin_holder "Pat Pine" {}
  pin_holder "Quinn Quick" {}
`
	shares3 = `  recovery {
    shares    = 3
    threshold = 2
  }
  accept "plain-shares" { reason = "a test" }
  accept "plain-display" { reason = "a test" }
`
)

var names = map[string]string{"anna": "Anna Board", "ben": "Ben Board", "carla": "Carla Board", "mallory": "Mallory Board"}

// plan is a plan's file with approvers, of whom some sign.
func (v *lossVault) plan(kind, id, more string, approvers, signers []string) []string {
	v.Helper()
	text := fmt.Sprintf("ceremony %q {\n  id = %q\n  vault {\n    config = \"bao.hcl\"\n  }\n  operator \"Olga Example\" {}\n  witness \"Wim Waters\" {}\n", kind, id) + more
	if !strings.Contains(more, "pin_holder") && !strings.Contains(more, "# no PIN holders") {
		text += holders
	}
	for _, who := range []string{"Alice Adams", "Bob Baker", "Carol Chen"} {
		text += fmt.Sprintf("  custodian %q {}\n", who)
	}
	for _, who := range approvers {
		text += fmt.Sprintf("  approver %q {\n    key = %q\n  }\n", names[who], who+".pub")
	}
	for _, accepted := range []string{"one-witness", "near-witness", "piped-secrets", "new-approver"} {
		text += fmt.Sprintf("  accept %q {\n    reason = \"a test\"\n  }\n", accepted)
	}
	name := id + ".hcl"
	v.write(name, text+"}\n")
	_ = os.RemoveAll(filepath.Join(v.work, name+".approvals"))
	if len(signers) > 0 {
		_ = os.Remove(filepath.Join(v.work, "text"))
		v.run(0, nil, "plan", "sign", name, "-text", "text")
		add := []string{"plan", "sign", name}
		for _, who := range signers {
			_ = os.Remove(filepath.Join(v.work, "text.sig"))
			v.tool(v.keygen, "-q", "-Y", "sign", "-f", who, "-n", signature.PlanNamespace, "text")
			v.write(who+".sig", v.read("text.sig"))
			add = append(add, "-signature", who+".sig")
		}
		v.run(0, nil, add...)
	}
	command := []string{kind}
	if kind == "recovery-rekey" {
		command = []string{"rekey", "-target=recovery"}
	}
	return append(command, "-plan", name, "-plain", "-allow-piped-secrets")
}

// planned is one that all of its approvers have signed.
func (v *lossVault) planned(kind, id, more string, approvers ...string) []string {
	return v.plan(kind, id, more, approvers, approvers)
}

// run is what the program says; see player.says.
func (v *lossVault) run(want int, has []string, args ...string) string {
	v.Helper()
	return v.player.says(v.T, want, has, args...)
}

// state is every byte of the storage.
func (v *lossVault) state() string {
	v.Helper()
	var all strings.Builder
	err := filepath.WalkDir(filepath.Join(v.work, "aes", "storage"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path) // #nosec G304 -- of the tests
		fmt.Fprintf(&all, "%s %x\n", path, b)
		return err
	})
	if err != nil {
		v.Fatal(err)
	}
	return all.String()
}

// TestRecover: what a recover asks for is missing, one thing at a time: it is
// refused before anything is changed, with the sentence that says what. With all
// of it there are new shares, the old ones are worth nothing, and every later
// record says how it came.
func TestRecover(t *testing.T) {
	t.Parallel()
	v := newLossVault(t)
	head := fmt.Sprintf("  reason = \"loss\"\n  head = %q\n", v.head)
	before := v.state()
	both := []string{"anna", "ben"}
	for _, c := range []struct {
		name               string
		more               string
		approvers, signers []string
		code               int
		says               string
	}{
		{"no reason", "  head = \"" + v.head + "\"\n", both, nil, 2, "why are the shares re-created?"},
		{"nobody signed", head, both, nil, 2, "0 of 2 approvals count that a recover needs"},
		{"one signed", head, both, both[:1], 2, "1 of 2 approvals count that a recover needs, by keys of an earlier record that something outside of it confirms: Ben Board: has not signed."},
		{"nobody approves", head, nil, nil, 2, "the plan names no approver"},
		{"a key that no record has", head, []string{"anna", "mallory"}, []string{"anna", "mallory"}, 2, "Mallory Board: the key is in no earlier record"},
		{"a key of a record that nothing confirms", head, []string{"anna", "carla"}, []string{"anna", "carla"}, 2, "Carla Board: the key is in KC-2 alone, which nothing outside of it confirms"},
		{"no head", "  reason = \"loss\"\n", both, both, 2, "No record that something outside of it confirms has the set that is replaced"},
		{"a head of no record", strings.Replace(head, v.head, strings.Repeat("ab", 32), 1), both, nil, 4, "The head that was given is that of no record of this vault here"},
		{"no records", "  reason = \"loss\"\n  previous = \"none\"\n", both, both, 2, "No record that something outside of it confirms has the set that is replaced"},
		{"a compromise", strings.Replace(head, "loss", "compromise", 1), both, both, 2, "A compromise is suspected, and the ceremony before was no rewrap"},
		{"one PIN holder", head + "  pin_holder \"Pat Pine\" {}\n", both, nil, 2, "Not two PIN holders"},
		{"the operator types the PIN", head + "  # no PIN holders\n", both, both, 1, "One person typed the whole PIN"},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := *v
			v.T = t
			v.run(c.code, []string{c.says}, v.plan("recover", "KC-3", shares3+c.more, c.approvers, c.signers)...)
		})
	}
	// A signature on a record does as a head does, by a key that lies elsewhere.
	v.write("trusted", "Wim "+v.read("mallory.pub"))
	v.plan("recover", "KC-3", shares3+strings.Replace(head, "head = \""+v.head+"\"", "trust = \"trusted\"", 1), both, both)
	v.run(0, []string{"lacking: No record that something outside of it confirms"}, "plan", "check", "KC-3.hcl")
	v.tool("sh", "-c", v.keygen+" -q -Y sign -f mallory -n conclave-ceremony < "+v.record("KC-1")+"/checkpoint.note > wim.sshsig")
	v.run(0, nil, "transcript", "sign", v.record("KC-1"), "-signature", "wim.sshsig", "-name", "Wim")
	_ = os.RemoveAll(filepath.Join(v.work, "KC-3.hcl.approvals")) // what was signed did not have that
	if said := v.run(0, []string{"confirmed by = the signature of Wim, by the key", "replaces = the set"}, "plan", "check", "KC-3.hcl"); strings.Contains(said, "lacking: No record") {
		t.Errorf("the signature confirms nothing: %s", said)
	}
	// The one without PIN holders began: a plan's id is used once.
	if v.state() != before {
		t.Fatal("something was changed")
	}
	v.config("bao.hcl", `pin = "user-1234"`)
	v.run(2, []string{"The PIN comes from the configuration"}, v.planned("recover", "KC-4", shares3+head+"  accept \"given-pin\" { reason = \"a test\" }\n", both...)...)
	v.config("bao.hcl", "")

	v.run(0, []string{"approved by Anna Board, by a key of an earlier record", "these records are confirmed by the head of KC-1", "the PIN: typed in two parts",
		"The recovery key and its shares are re-created without a quorum."}, v.planned("recover", "KC-5", shares3+head, both...)...)
	fresh := map[string]string{"ALICE": v.player.shown["ALICE"], "BOB": v.player.shown["BOB"]}
	const sentence = "without a quorum, approved by Anna Board and Ben Board."
	notice := strings.Join(strings.Fields(v.read(filepath.Join(filepath.Base(v.record("KC-5")), "notices", "1-alice-adams.txt"))), " ")
	for _, want := range []string{"NOTICE to Alice Adams: you held share 1 of the set that KC-1 handed out.", sentence, "Why: loss.", "Pat Pine, pin holder", "conclave transcript verify DIR -receipt"} {
		if !strings.Contains(notice, want) {
			t.Errorf("the notice does not say %q: %s", want, notice)
		}
	}
	v.run(0, []string{sentence, "old holder 1 Alice Adams, was here, without the share as it was entered: no keys yet", "notice 5 for Ben Board, approver, in notices/5-ben-board.txt"}, "transcript", "report", v.record("KC-5"))
	v.run(0, []string{sentence, "CONSISTENT"}, "transcript", "verify", v.record("KC-5"))

	// The new shares authorise, and their ceremony's record says how they came.
	v.player.shares = []string{fresh["ALICE"], fresh["BOB"]}
	v.run(0, []string{"data encryption key is rotated", sentence}, v.planned("rotate", "KC-6", "", "anna")...)
	v.run(0, []string{sentence, "CONSISTENT"}, "transcript", "verify", v.record("KC-6"))
	v.run(0, []string{sentence}, "transcript", "report", v.record("KC-6"))
	v.run(0, []string{sentence}, "status", "-config", "bao.hcl")
	// The old ones do not, and are known when they are typed.
	v.player.shares = []string{v.held["ALICE"], v.held["BOB"]}
	v.player.use = true
	v.run(3, []string{"This is an old share.", "which KC-5 replaced", "These shares together do not make the recovery key."}, v.planned("rotate", "KC-7", "", "anna")...)
}

// TestGlassBroken: without any record and without anybody, by the word alone. It
// runs, and the next ceremony's record, its verdict and the status say so.
func TestGlassBroken(t *testing.T) {
	t.Parallel()
	lib, work := need.Tool(t, "softhsm"), t.TempDir()
	e := &testscript.Env{WorkDir: work}
	if err := fixtures(lib)(e); err != nil {
		t.Fatal(err)
	}
	v := &lossVault{T: t, lib: lib, work: work}
	v.config("bao.hcl", "")
	v.player = newPlayer(work, work)
	v.player.pin = "user-1234"
	people := []string{"-config", "bao.hcl", "-plain", "-allow-piped-secrets", "-operator", "Olga", "-witness", "Wim", "-custodian", "Alice", "-custodian", "Bob"}
	recovers := append([]string{"recover", "-reason", "loss", "-recovery-shares=2", "-recovery-threshold=2"}, people...)
	before := v.state()
	v.run(2, []string{"the plan names no approver", "-break-glass RECREATE does without"}, recovers...)
	v.run(2, []string{"is not the word: RECREATE"}, append(recovers, "-break-glass", "yes")...)
	v.run(2, []string{"none of this vault was found"}, append(recovers, "-break-glass", "RECREATE", "-head", strings.Repeat("ab", 32))...)
	if v.state() != before {
		t.Fatal("something was changed")
	}
	const sentence = "without anybody who held it before."
	v.run(0, []string{"warning: 0 of 2 approvals count", "warning: One person typed the whole PIN", sentence}, append(recovers, "-break-glass", "RECREATE", "-id", "KC-1")...)
	v.run(0, []string{sentence, "LACKING"}, "transcript", "report", v.record("KC-1"))
	v.player.shares = []string{v.player.shown["ALICE"], v.player.shown["BOB"]}
	v.run(0, []string{sentence}, append([]string{"rotate", "-id", "KC-2"}, people...)...)
	v.run(0, []string{sentence + " (KC-1)", "CONSISTENT"}, "transcript", "verify", v.record("KC-2"))
	v.run(0, []string{sentence + " (KC-1)"}, "status", "-config", "bao.hcl")
}

// TestKeysOfRecords: keys count from the record of a ceremony that changed the
// vault and came to its end, and from no other.
func TestKeysOfRecords(t *testing.T) {
	entry := func(kind string, f transcript.Facts) transcript.Entry {
		return transcript.Entry{Kind: kind, Step: "s", Evidence: transcript.ByProgram, Facts: f}
	}
	header := func(practice bool) transcript.Entry {
		return entry("header", transcript.Facts{"format": 1, "ceremony": "init", "id": "KC-1", "practice": practice, "program": "test", "vault": "/v"})
	}
	people := []transcript.Entry{
		entry("approval", transcript.Facts{"name": "Anna", "kind": "ssh", "key": "a", "text_sha256": strings.Repeat("0", 64)}),
		entry("pgp-key", transcript.Facts{"custodian": "Wim", "fingerprint": "w", "result": "same"}),
		entry("pgp-key", transcript.Facts{"custodian": "Mallory", "fingerprint": "m", "result": "other"}),
		entry("share", transcript.Facts{"number": 1, "custodian": "Alice", "set": "s", "fingerprint": "f", "delivery": "pgp", "pgp": "p"}),
		entry("share", transcript.Facts{"number": 2, "custodian": "Bob", "set": "s", "fingerprint": "f", "delivery": "screen"}),
	}
	outcome := entry("outcome", transcript.Facts{"digest": "d"})
	closed := entry("closed", transcript.Facts{"verdict": "done.", "overrides": []string{}})
	aborted := entry("aborted", transcript.Facts{"reason": "fire"})
	for _, c := range []struct {
		name     string
		practice bool
		events   []transcript.Entry
		want     string
	}{
		{"closed", false, []transcript.Entry{outcome, closed}, "Anna a, Wim w, Alice p"},
		{"it changed nothing", false, []transcript.Entry{closed}, ""},
		{"stopped", false, []transcript.Entry{aborted}, ""},
		{"stopped after its change", false, []transcript.Entry{outcome, aborted}, ""},
		{"cut off", false, []transcript.Entry{outcome}, ""},
		{"a rehearsal", true, []transcript.Entry{outcome, closed}, ""},
	} {
		f, err := folder.Create(t.TempDir(), "2026-11-24-KC-1-init", c.practice)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range append(append([]transcript.Entry{header(c.practice)}, people...), c.events...) {
			if _, err := f.Append(e); err != nil {
				t.Fatal(err)
			}
		}
		dir := f.Dir()
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		list, err := command.KeysOf(dir)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		var got []string
		for _, k := range list {
			got = append(got, k.Name+" "+k.Key)
			if !k.Anchored || k.Ceremony != "KC-1" {
				t.Errorf("%s: %+v", c.name, k)
			}
		}
		if s := strings.Join(got, ", "); s != c.want {
			t.Errorf("%s: %q, want %q", c.name, s, c.want)
		}
	}
}
