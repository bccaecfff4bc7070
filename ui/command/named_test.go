package command

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"conclave/ceremony/plan"
	"conclave/vaultstate"
	"conclave/vaultstate/pgp"
)

const namedPlan = `ceremony "rotate" {
  id         = "KC-9"
  attendance = 2
  vault {
    config = "bao.hcl"
  }
  operator "Olga Example" {}
  witness "Wim Waters" {
    pgp_key     = "wim.asc"
    fingerprint = "%s"
  }
  custodian "Alice Adams" {}
  accept "piped-secrets" {
    reason = "a test"
  }
  accept "given-pin" {
    reason = "a test"
  }
  accept "one-witness" {
    reason = "a test"
  }
  accept "near-witness" {
    reason = "a test"
  }
}
`

// TestOfflinePlan: a plan that says offline is refused while an interface is up, or
// nobody can tell; and a job can look again.
func TestOfflinePlan(t *testing.T) {
	up := []net.Interface{{Name: "lo", Flags: net.FlagUp | net.FlagLoopback}, {Name: "eth0"}}
	var unknown error
	p := &Process{Network: func() ([]net.Interface, error) { return up, unknown }}
	if err := p.offline(&plan.Plan{Offline: true}); err != nil {
		t.Errorf("offline: %v", err)
	}
	up[1].Flags = net.FlagUp
	for _, unknown = range []error{nil, errors.New("no list of eth0")} {
		err := p.offline(&plan.Plan{Offline: true})
		if err == nil || !strings.Contains(err.Error(), "eth0") || !strings.Contains(err.Error(), "Nothing was touched") {
			t.Errorf("online: %v", err)
		}
		if err := p.offline(&plan.Plan{}); err != nil {
			t.Errorf("where the plan does not say it: %v", err)
		}
	}
	doc, err := plan.Parse("x.hcl", []byte(strings.Replace(fmt.Sprintf(namedPlan, strings.Repeat("ab", 20)), "attendance = 2", "offline = true", 1)))
	if err != nil {
		t.Fatal(err)
	}
	f := p.flagsOf(vaultstate.Rotate)
	if err := f.take(doc); err != nil {
		t.Fatal(err)
	}
	var q plan.Request
	f.doc = doc
	if err := f.arrange(&q); err != nil || !q.Offline {
		t.Errorf("the plan's offline is not asked for: %v", err)
	}
}

// TestJobNames: a job has every file that its plan names, as it was read, and the
// plan that is read aloud says who else could have changed one.
func TestJobNames(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		t.Helper()
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(name, mode); err != nil {
			t.Fatal(err)
		}
		return name
	}
	_, k, err := pgp.GenerateKey("Wim Waters", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	armored, err := k.Armor(false)
	if err != nil {
		t.Fatal(err)
	}
	write("bao.hcl", "storage \"file\" { path = \"/none\" }\nseal \"pkcs11\" {\n lib = \"l\"\n token_label = \"t\"\n key_label = \"k\"\n pin = \"4711\"\n}\n", 0o640)
	write("wim.asc", string(armored), 0o664)
	name := write("rotate.hcl", fmt.Sprintf(namedPlan, k.Fingerprint), 0o600)
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	p := &Process{Now: time.Now, Stdin: null}
	f := p.flagsOf(vaultstate.Rotate)
	f.plan, f.dir, f.plain, f.piped = name, dir, true, true
	digest, err := f.readPlan(vaultstate.Rotate)
	if err != nil {
		t.Fatal(err)
	}
	at, err := f.target()
	if err != nil {
		t.Fatal(err)
	}
	defer at.Wipe()
	at.values = append(at.values, digest...)
	j, err := p.job(vaultstate.Rotate, f, at)
	if err != nil {
		t.Fatal(err)
	}
	defer j.PIN.Wipe()
	var got []string
	for _, n := range j.Named {
		got = append(got, n.What+" "+n.Keep)
		if strings.Contains(string(n.Data), "4711") {
			t.Errorf("the PIN is in what is kept of %s", n.Name)
		}
	}
	if list := strings.Join(got, ", "); list != "plan rotate.hcl, config bao.hcl, witness-pgp-key wim.asc" {
		t.Errorf("the job has %s", list)
	}
	if text := strings.Join(j.Plan.Text(), "\n"); !strings.Contains(text, "wim.asc: a group can write it (mode 0664)") || strings.Contains(text, "4711") {
		t.Errorf("the plan says\n%s", text)
	}
	if strings.Contains(strings.Join(j.Plan.Approvable(), "\n"), "can write") {
		t.Error("approvers sign the mode of a file, which is only known on the day")
	}
}
