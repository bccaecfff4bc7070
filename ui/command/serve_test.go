//go:build cgo

package command_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"conclave/ceremony/signature"
	"conclave/hsm/softhsm/need"
)

// TestServeApproved: a session begins only with every approval that its plan
// demands, as nobody is there to decide otherwise; the record keeps them.
func TestServeApproved(t *testing.T) {
	s := newSite(t)
	keygen := need.Tool(t, "ssh-keygen")
	sh := func(args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), keygen, args...)
		cmd.Dir = s.dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("ssh-keygen %v: %v\n%s", args, err, out)
		}
	}
	sh("-q", "-t", "ed25519", "-N", "", "-C", "", "-f", "anna")
	name := s.plan("init", "approved", threeInPlain+`  approver "Anna Board" {
    key = "anna.pub"
  }
`)
	p := &player{dir: s.dir, env: s.env}
	serve := []string{"serve", "-plan", name, "-dir", filepath.Join(s.dir, "records"), "-hsm-pin-file", filepath.Join(s.dir, "pin"), "-allow-software-token"}
	p.says(t, 2, []string{"1 of the 1 approvals that it demands are not there"}, serve...)
	text := filepath.Join(s.dir, "text")
	p.says(t, 0, nil, "plan", "sign", name, "-text", text)
	sh("-q", "-Y", "sign", "-f", "anna", "-n", signature.PlanNamespace, text)
	p.says(t, 0, []string{"approvals: 1 of 1"}, "plan", "sign", name, "-signature", text+".sig")
	r := s.byPlan(name)
	if last, code := r.stop(); code != 0 || !strings.Contains(last, "0 changes") {
		t.Errorf("the end: %d %s", code, last)
	}
	kept, err := filepath.Glob(filepath.Join(s.dir, "records", "*-approved-serve", "approvals", "*"))
	if err != nil || len(kept) != 2 {
		t.Errorf("in the record: %v, %v", kept, err)
	}
	record := filepath.Dir(filepath.Dir(kept[0]))
	p.says(t, 0, []string{"CONSISTENT"}, "transcript", "verify", record)
	p.says(t, 0, []string{"approved by Anna Board"}, "transcript", "report", record)
}

// TestServeRefuses: what the command line shows to be wrong is a mistake, and
// nothing begins.
func TestServeRefuses(t *testing.T) {
	s := newSite(t)
	for why, x := range map[string]struct {
		code int
		args []string
	}{
		"-allow=seal is not known":            {2, []string{"-allow=init,seal"}},
		"-allow=init: only a plan":            {2, []string{"-allow=init"}},
		"-allow=rotate: only a plan":          {2, []string{"-allow=rotate"}},
		"name one, and begin another session": {2, []string{"-allow=rekey,generate-root"}},
		"-allow=rekey,rekey: a session":       {2, []string{"-allow=rekey", "-allow=rekey"}},
		"does not say api = true":             {2, []string{"-plan=" + s.plan("rotate", "people", "-")}},
		"Not accepted: api-session":           {2, []string{"-plan=" + s.plan("rotate", "unread", "!")}},
		"-plan and -allow":                    {2, []string{"-allow=rekey", "-plan=" + s.plan("init", "both", threeInPlain)}},
		"a session's is of an init":           {2, []string{"-plan=" + s.plan("rekey", "other", "-")}},
		"it waits up to 15m0s":                {2, []string{"-idle=16m"}},
		"no loopback address":                 {2, []string{"-listen=0.0.0.0:8200"}},
		"-listen and -socket":                 {2, []string{"-listen=127.0.0.1:0", "-socket=/x"}},
		"-token-file: only":                   {2, []string{"-token-file=/x"}},
		"a session lasts up to":               {2, []string{"-for=240h"}},
		"others can look into it":             {1, []string{"-socket=" + filepath.Join(s.dir, "open", "api.sock")}},
		"allow it with -allow-software-token": {1, []string{"-allow-software-token=false"}},
		"where the server of this":            {2, []string{"-config=" + filepath.Join(s.dir, "bao.hcl"), "-listen=127.0.0.1:8211"}},
		"nobody is asked for a PIN":           {2, []string{"-hsm-pin-file="}},
	} {
		p := &player{dir: s.dir, env: s.env}
		_ = os.Mkdir(filepath.Join(s.dir, "open"), 0o755)
		if err := os.WriteFile(filepath.Join(s.dir, "bao.hcl"), []byte("listener \"tcp\" {\n  address = \"127.0.0.1:8211\"\n  tls_disable = true\n}\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		code, out, err := p.run(append(s.args, x.args...)...)
		if err != nil || code != x.code || !strings.Contains(string(out), why) {
			t.Errorf("%v: %d, %v, want %d %q in\n%s", x.args, code, err, x.code, why, out)
		}
	}
	if left, err := os.ReadDir(filepath.Join(s.dir, "records")); err != nil || len(left) > 0 {
		t.Errorf("a record began: %v, %v", left, err)
	}
}

// TestServeByPlan: an init over the API is that of the plan, or none; the next
// session's id must be another.
func TestServeByPlan(t *testing.T) {
	s := newSite(t)
	name := s.plan("init", "made", threeInPlain)
	r := s.byPlan(name, "-for=1m")
	if code, said := r.put("sys/init", `{"recovery_shares":5,"recovery_threshold":3}`); code != 400 || !strings.Contains(said, "the plan of this session says 3 recovery shares, 2 needed, and the request 5 and 3") {
		t.Errorf("another init: %d %s", code, said)
	}
	if code, said := r.put("sys/rotate", ""); code != 403 {
		t.Errorf("a rotation that nobody planned: %d %s", code, said)
	}
	code, said := r.put("sys/init", `{"recovery_shares":3,"recovery_threshold":2}`)
	var made struct {
		Keys []string `json:"recovery_keys"`
		Root string   `json:"root_token"`
	}
	if err := json.Unmarshal([]byte(said), &made); err != nil || code != 200 || len(made.Keys) != 3 || made.Root == "" {
		t.Fatalf("the init: %d, %v", code, err)
	}
	if last, code := r.stop(); code != 0 || !strings.Contains(last, "1 change") {
		t.Errorf("the end: %d %s", code, last)
	}
	s.recorded(made.Keys[0], made.Root)
	p := &player{dir: s.dir, env: s.env}
	p.says(t, 2, []string{"there is a record with this id"}, "serve", "-plan", name, "-dir", filepath.Join(s.dir, "records"), "-hsm-pin-file", filepath.Join(s.dir, "pin"), "-allow-software-token")
	p.says(t, 2, []string{"this ceremony has no such value"}, "init", "-plan", name, "-dir", filepath.Join(s.dir, "records"), "-plain", "-allow-piped-secrets")
	report, err := filepath.Glob(filepath.Join(s.dir, "records", "*-made-serve", "report.txt"))
	if err != nil || len(report) != 1 {
		t.Fatal(report, err)
	}
	src, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	keptNamed(t, filepath.Dir(report[0]), filepath.Base(name), string(src))
	b, err := os.ReadFile(report[0])
	if err != nil || !strings.Contains(strings.Join(strings.Fields(string(b)), " "), "recovery-shares = 3 (plan line 5)") {
		t.Errorf("the plan is not in the record: %v\n%s", err, b)
	}
}
