package ceremony_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"conclave/ceremony"
	"conclave/ceremony/plan"
	"conclave/ceremony/record"
	"conclave/ceremony/signature"
	"conclave/hsm/softhsm/need"
)

const bensKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"

// approved is a plan of two approvers, of whom one has signed with ssh-keygen.
func approved(t *testing.T, q plan.Request, demanded int) *plan.Plan {
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
	q.Approvers = []plan.ApproverKey{{Name: "Anna Board", Organisation: "Board", Key: plan.File{Name: "anna.pub", Data: read("id.pub")}},
		{Name: "Ben Board", Key: plan.File{Name: "the plan", Data: []byte(bensKey)}}}
	q.Approvals = plan.Number{Value: demanded, Given: true}
	p, err := q.Resolve(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "text"), p.ApprovableText(), 0o600); err != nil {
		t.Fatal(err)
	}
	run("-q", "-Y", "sign", "-f", "id", "-n", signature.PlanNamespace, "text")
	if err := p.Approve([]plan.File{{Name: "anna.sshsig", Data: read("text.sig")}}, time.Now()); err != nil {
		t.Fatal(err)
	}
	return p
}

// TestApprovals: with fewer approvals than the plan demands the ceremony goes on
// only after somebody who is not the operator decided it, as a deviation; those
// that are there are in record, report and roster.
func TestApprovals(t *testing.T) {
	s := initialised(t)
	q := s.request(ceremony.Rotate)
	p := approved(t, q, 2)
	m := s.openWith(ceremony.Rotate, q, func(e *ceremony.Env) { e.Plan = p })
	asks := func(p ceremony.Prompt) bool { return p.Field == "decided by" }
	m.drive(asks)
	for _, c := range []struct{ text, says string }{
		{"", "A name is needed"}, {"olga  EXAMPLE", "operator does not approve"}, {"hvs.CAESIJ1234567890abcdefghijk", "looks like a share"},
	} {
		m.answer(ceremony.Input{Text: c.text})
		if now := m.run.Prompt(); !asks(now) || now.Problem == nil || !strings.Contains(now.Problem.Happened, c.says) {
			t.Fatalf("%q: %+v", c.text, now.Problem)
		}
	}
	if n := len(m.find("deviation")) + len(m.find("approval")); n != 0 {
		t.Errorf("%d events before anybody decided", n)
	}
	m.answer(ceremony.Input{Text: "Carla Chief"})
	s.must(m)
	if d := m.find("deviation"); len(d) != 1 || d[0].Facts.Text("decided_by") != "Carla Chief" || !strings.Contains(d[0].Facts.Text("happened"), "1 is there: Anna Board") {
		t.Errorf("deviations %+v", d)
	}
	a := m.find("approval")
	if len(a) != 1 || a[0].Claimed != "Anna Board" || a[0].Evidence != "signature" || a[0].Facts.Text("key") != p.Approvers[0].Key.ID || a[0].Facts.Text("text_sha256") != p.Approvers[0].Approval.Text {
		t.Fatalf("approvals %+v", a)
	}
	if !bytes.Equal(m.shelf.files["approvals/plan.txt"], p.ApprovableText()) || !bytes.Equal(m.shelf.files[a[0].Facts.Text("file")], p.Approvers[0].Approval.Data) {
		t.Errorf("beside the transcript lie %d files", len(m.shelf.files))
	}
	if l := s.roster.Approvers; len(l) != 1 || l[0].Name != "Anna Board" || l[0].Key != p.Approvers[0].Key.ID || l[0].Ceremony != q.ID {
		t.Errorf("the roster has %+v", l)
	}
	rep, events := m.events()
	var out bytes.Buffer
	if err := record.New(events, rep).Text(&out); err != nil {
		t.Fatal(err)
	}
	if text := strings.Join(strings.Fields(out.String()), " "); !strings.Contains(text, "approver Anna Board, Board, approved the plan before the day, ssh signature (event") ||
		!strings.Contains(text, "decided by: Carla Chief") {
		t.Errorf("the report does not say it:\n%s", &out)
	}
}

// TestApprovedWhole: with all approvals nobody is asked, and nothing deviates.
func TestApprovedWhole(t *testing.T) {
	s := initialised(t)
	q := s.request(ceremony.Rotate)
	p := approved(t, q, 1)
	m := s.openWith(ceremony.Rotate, q, func(e *ceremony.Env) { e.Plan = p })
	s.must(m)
	if len(m.find("deviation")) != 0 || len(m.find("approval")) != 1 {
		t.Errorf("deviations %+v, approvals %+v", m.find("deviation"), m.find("approval"))
	}
}

// TestUnapprovedStops: whoever does not decide stops.
func TestUnapprovedStops(t *testing.T) {
	s := initialised(t)
	q := s.request(ceremony.Rotate)
	p := approved(t, q, 2)
	m := s.openWith(ceremony.Rotate, q, func(e *ceremony.Env) { e.Plan = p })
	m.drive(func(p ceremony.Prompt) bool { return p.Field == "decided by" })
	m.abort()
	m.expect(ceremony.CodeStopped)
	if len(m.find("quorum")) != 0 {
		t.Error("somebody was asked for a share")
	}
}
