package plan_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"conclave/ceremony/plan"
	"conclave/ceremony/signature"
	"conclave/hsm/softhsm/need"
)

var five = []string{"Alice Adams", "Bob Baker", "Carol Chen", "Dora Dean", "Erik Esser"}

// sshKeys are public keys that nobody signs with here.
var sshKeys = []string{
	"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f",
	"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICAhIiMkJSYnKCkqKywtLi8wMTIzNDU2Nzg5Ojs8PT4/",
}

func approvers(t *testing.T, names ...string) []plan.ApproverKey {
	t.Helper()
	var list []plan.ApproverKey
	for i, name := range names {
		list = append(list, plan.ApproverKey{Name: name, Key: plan.File{Name: "the plan", Data: []byte(sshKeys[i])}})
	}
	return list
}

var made = map[string]plan.File{} // keys cost time

func keysOf(t *testing.T, ids ...string) []plan.File {
	t.Helper()
	var list []plan.File
	for _, id := range ids {
		if _, ok := made[id]; !ok {
			made[id] = key(t, id, day.AddDate(-1, 0, 0))
		}
		list = append(list, made[id])
	}
	return list
}

// signer makes a key with ssh-keygen, and signs with it.
func signer(t *testing.T) (public plan.File, sign func(text []byte, namespace string) plan.File) {
	t.Helper()
	tool, dir := need.Tool(t, "ssh-keygen"), t.TempDir()
	run := func(args ...string) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		c := exec.CommandContext(ctx, tool, args...) // #nosec G204 -- of the tests
		c.Dir = dir
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	read := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	run("-q", "-t", "ed25519", "-N", "", "-C", "", "-f", "id")
	made := 0
	return plan.File{Name: "id.pub", Data: read("id.pub")}, func(text []byte, namespace string) plan.File {
		made++
		name := fmt.Sprintf("text%d", made)
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
		run("-q", "-Y", "sign", "-f", "id", "-n", namespace, name)
		return plan.File{Name: name + ".sshsig", Data: read(name + ".sig")}
	}
}

// TestApprove: a good signature counts once and is in the agreed plan; one that
// is none is refused with its file and the reason.
func TestApprove(t *testing.T) {
	anna, sign := signer(t)
	_, strange := signer(t)
	resolve := func(change func(*plan.Request)) *plan.Plan {
		q := good()
		q.Approvers = []plan.ApproverKey{{Name: "Anna Board", Organisation: "Board", Key: anna}, {Name: "Ben Board", Key: plan.File{Name: "the plan", Data: []byte(sshKeys[0])}}}
		if change != nil {
			change(&q)
		}
		p, err := q.Resolve(day)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	p := resolve(nil)
	if p.Approvals != 2 || p.Unapproved() != 2 {
		t.Errorf("%d approvals are demanded, %d fail", p.Approvals, p.Unapproved())
	}
	good := sign(p.ApprovableText(), signature.PlanNamespace)
	before := p.HashHex()
	if err := p.Approve([]plan.File{good}, day); err != nil {
		t.Fatal(err)
	}
	sum, of := sha256.Sum256(p.ApprovableText()), sha256.Sum256(good.Data)
	want := fmt.Sprintf("approved by Anna Board: ssh signature, SHA-256 %x, of the text with SHA-256 %x", of, sum)
	if text := p.Text(); p.Unapproved() != 1 || p.HashHex() == before || !slices.Contains(text, want) {
		t.Errorf("the agreed plan does not have %q:\n%s", want, strings.Join(text, "\n"))
	}
	if a := p.Approved(); len(a) != 1 || a[0].Approval.Text != hex.EncodeToString(sum[:]) || !strings.HasPrefix(a[0].Key.ID, "SHA256:") {
		t.Errorf("approved is %+v", a)
	}
	for _, c := range []struct {
		name, want string
		file       plan.File
		change     func(*plan.Request)
	}{
		{"another plan", "text1.sshsig: it is no signature of this text", good, func(q *plan.Request) { q.RecoveryThreshold = n(4) }},
		{"a record's", `it was made for "conclave-ceremony", not for "conclave-plan"`, sign(p.ApprovableText(), signature.Namespace(false)), nil},
		{"a stranger's", "it is by another key, SHA256:", strange(p.ApprovableText(), signature.PlanNamespace), nil},
		{"garbage", "x: it is no signature by ssh-keygen, OpenPGP or minisign", plan.File{Name: "x", Data: []byte("yes")}, nil},
		{"another kind", "no approver of the plan has a key of the kind minisign", plan.File{Name: "x", Data: []byte("untrusted comment: x\n")}, nil},
		{"changed by a byte", "x: ", plan.File{Name: "x", Data: append(slices.Clone(good.Data[:60]), append([]byte{good.Data[60] ^ 1}, good.Data[61:]...)...)}, nil},
	} {
		p := resolve(c.change)
		err := p.Approve([]plan.File{c.file}, day)
		if err == nil || !strings.Contains(err.Error(), c.want) || len(p.Approved()) != 0 {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	if err := p.Approve([]plan.File{good}, day); err == nil || !strings.Contains(err.Error(), "there already") {
		t.Errorf("one approval counts twice: %v", err)
	}
}

// TestApprovable: what is only known on the day changes nothing in what was
// signed; everything else does.
func TestApprovable(t *testing.T) {
	text := func(change func(*plan.Request)) string {
		q := good()
		q.Approvers = approvers(t, "Anna Board")
		change(&q)
		p, err := q.Resolve(day)
		if err != nil {
			t.Fatal(err)
		}
		return string(p.ApprovableText())
	}
	first := text(func(*plan.Request) {})
	if !strings.HasPrefix(first, "Conclave: the plan of a key ceremony, for approval\nceremony = init (command)\n") ||
		!strings.Contains(first, "\napprover = Anna Board, ssh key SHA256:") || !strings.Contains(first, "\napprovals = 1 of 1 approvers (default)\n") {
		t.Errorf("it is\n%s", first)
	}
	for name, change := range map[string]func(*plan.Request){
		"run": func(q *plan.Request) {
			q.Values = append(q.Values, plan.Value{Name: "run", Text: "3", Source: "counted", Day: true})
		},
		"terminal": func(q *plan.Request) {
			q.Overrides = append(q.Overrides, plan.Override{ID: "plain-display", Sentence: "x"})
		},
	} {
		if text(change) != first {
			t.Errorf("%s, known on the day, is in what approvers sign", name)
		}
	}
	for name, change := range map[string]func(*plan.Request){
		"value":    func(q *plan.Request) { q.Values = append(q.Values, plan.Value{Name: "x", Text: "3", Source: "flag"}) },
		"people":   func(q *plan.Request) { q.Witnesses = []string{"Vera Vance"} },
		"holder":   func(q *plan.Request) { q.Custodians = slices.Clone(five); q.Custodians[0] = "Anna" },
		"approver": func(q *plan.Request) { q.Approvers[0].Key.Data = []byte(sshKeys[1]) },
		"demanded": func(q *plan.Request) { q.Approvers = approvers(t, "Anna Board", "Ben Board") },
		"key":      func(q *plan.Request) { q.RecoveryKeys = keysOf(t, five...) },
		"purpose":  func(q *plan.Request) { q.Purpose = "another" },
	} {
		if text(change) == first {
			t.Errorf("%s is not in what approvers sign", name)
		}
	}
}

// TestKnownApprovers: an approver's key is held against earlier records.
func TestKnownApprovers(t *testing.T) {
	q := good()
	q.Approvers, q.Earlier = approvers(t, "Anna Board"), true
	p, err := q.Resolve(day)
	if err != nil {
		t.Fatal(err)
	}
	id := p.Approvers[0].Key.ID
	for _, c := range []struct {
		name, want, level string
		known             []plan.Known
	}{
		{"the same", "is the one that KC-1 has", "I", []plan.Known{{Name: "anna board", Key: id, Ceremony: "KC-1"}}},
		{"another key", "is another than in KC-1: there it was SHA256:x", "W", []plan.Known{{Name: "Anna Board", Key: "SHA256:x", Ceremony: "KC-1"}}},
		{"changed and back", "is the one that KC-2 has", "I", []plan.Known{{Name: "Anna Board", Key: "SHA256:x", Ceremony: "KC-1"}, {Name: "Anna Board", Key: id, Ceremony: "KC-2"}}},
		{"somebody else's", "is that of Mallory in KC-1", "W", []plan.Known{{Name: "Mallory", Key: id, Ceremony: "KC-1"}}},
		{"nobody's", "is in no earlier record", "W", nil},
	} {
		p.Known = c.known
		i := slices.IndexFunc(p.Judge(), func(f plan.Finding) bool { return strings.Contains(f.Sentence, c.want) })
		if i < 0 || p.Judge()[i].Level != c.level {
			t.Errorf("%s: %v", c.name, p.Judge())
		}
	}
}

// TestApproversInPlan: what a plan's file says of them.
func TestApproversInPlan(t *testing.T) {
	const head = "ceremony \"rotate\" {\n id = \"KC-1\"\n vault { storage = \"/v\" }\n operator \"Olga\" {}\n witness \"Wim\" {}\n witness \"Vera\" { email = \"vera@example.org\" }\n"
	d := parse(t, head+"approvals = 1\napprover \"Anna\" {\n key = \"keys/anna.pub\"\n organisation = \"Board\"\n}\napprover \"Ben\" {\n key = \""+sshKeys[0]+"\"\n}\n}\n")
	a := d.Approvers()
	if len(a) != 2 || a[0].KeyFile != "/plans/keys/anna.pub" || a[0].Organisation != "Board" || a[1].KeyText != sshKeys[0] || a[1].KeyFile != "" {
		t.Errorf("approvers %+v", a)
	}
	if d.Mail()["Vera"] != "vera@example.org" || len(d.With("witness")) != 2 {
		t.Errorf("people %+v", d.People)
	}
	for _, c := range []struct{ name, src, want string }{
		{"no key", "approver \"Anna\" {}\n", "How is the signature of Anna known?"},
		{"the operator", "approver \"olga\" { key = \"k\" }\n", "olga is already operator"},
		{"more than there are", "approvals = 2\napprover \"Anna\" { key = \"k\" }\n", "of which there are 1"},
		{"none", "approvals = 0\napprover \"Anna\" { key = \"k\" }\n", "approvals is 1 to"},
		{"of nobody", "approvals = 1\n", "of which there are 0"},
		{"address", "auditor \"Ada\" { email = \"ada\" }\n", "one @"},
	} {
		if _, err := plan.Parse("p.hcl", []byte(head+c.src+"}\n")); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

// TestApproveWithGPG: an approver's OpenPGP key, and a detached signature by the
// real gpg, in armor or binary; by another key, or over another text, it is none.
func TestApproveWithGPG(t *testing.T) {
	tool := need.Tool(t, "gpg")
	home, err := os.MkdirTemp("", "gpg") //nolint:usetesting // its paths are too long for the agent's socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = exec.CommandContext(context.WithoutCancel(t.Context()), "gpgconf", "--homedir", home, "--kill", "gpg-agent").Run()
		_ = os.RemoveAll(home)
	})
	gpg := func(args ...string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		c := exec.CommandContext(ctx, tool, append([]string{"--homedir", home, "--batch", "--quiet", "--no-tty", "--yes", "--passphrase", ""}, args...)...) // #nosec G204 -- of the tests
		c.Dir = home
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("gpg %v: %v\n%s", args, err, out)
		}
	}
	file := func(name string) plan.File {
		t.Helper()
		b, err := os.ReadFile(filepath.Join(home, name)) // #nosec G304 -- of the tests
		if err != nil {
			t.Fatal(err)
		}
		return plan.File{Name: name, Data: b}
	}
	const anna, ben = "Anna Board <anna@example.org>", "Ben Board <ben@example.org>"
	for _, who := range []string{anna, ben} {
		gpg("--quick-gen-key", who, "ed25519", "sign", "never")
	}
	gpg("--armor", "--output", "anna.asc", "--export", anna)
	q := good()
	q.Approvers = []plan.ApproverKey{{Name: "Anna Board", Organisation: "Board", Key: file("anna.asc")}}
	p, err := q.Resolve(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"text": p.ApprovableText(), "other": []byte("another plan\n")} {
		if err := os.WriteFile(filepath.Join(home, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	gpg("--armor", "--local-user", ben, "--output", "ben.sig", "--detach-sign", "text")
	gpg("--armor", "--local-user", anna, "--output", "other.sig", "--detach-sign", "other")
	for _, c := range []struct{ file, says string }{{"ben.sig", "which is of no approver of the plan"}, {"other.sig", "it is of another plan"}} {
		if err := p.Approve([]plan.File{file(c.file)}, time.Now()); err == nil || !strings.Contains(err.Error(), c.says) || p.Unapproved() != 1 {
			t.Errorf("%s: %v, want %q", c.file, err, c.says)
		}
	}
	for i, format := range [][]string{{"--armor"}, nil} {
		p, err := q.Resolve(time.Now())
		if err != nil {
			t.Fatal(err)
		}
		name := fmt.Sprintf("anna%d.sig", i)
		gpg(append(format, "--local-user", anna, "--output", name, "--detach-sign", "text")...)
		if err := p.Approve([]plan.File{file(name)}, time.Now()); err != nil || p.Unapproved() != 0 {
			t.Errorf("%s: %v, %d approvals fail", name, err, p.Unapproved())
		}
	}
}
