package plan_test

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"conclave/ceremony/plan"
	"conclave/vaultstate/pgp"
)

const whole = `ceremony "init" {
  id      = "KC-2026-017"
  purpose = "First initialisation of the payments vault"
  vault {
    config = "bao.hcl"
  }
  recovery {
    shares    = 2
    threshold = 2
  }
  custodian "Alice Example" {
    pgp_key     = "keys/alice.asc"
    fingerprint = "%s"
  }
  custodian "Bob Example" {
    pgp_key     = "keys/bob.asc"
    fingerprint = "%s"
  }
  witness "Wim Example" {
    organisation = "Audit"
  }
  operator "Olga Example" {}
  accept "no-spare-share" {
    reason = "A trial of two weeks"
  }
  accept "two-quorums" {
    reason = "never needed"
  }
  accept "one-witness" {
    reason = "The other is ill"
  }
  accept "near-witness" {
    reason = "Audit is ours"
  }
}
`

var someFingerprint = strings.Repeat("9f3c ", 10)

func parse(t *testing.T, src string) *plan.Document {
	t.Helper()
	d, err := plan.Parse("/plans/day.hcl", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDocument(t *testing.T) {
	d := parse(t, fmt.Sprintf(whole, someFingerprint, someFingerprint))
	var got []string
	for _, s := range d.Settings {
		got = append(got, fmt.Sprintf("%s=%s (%s)", s.Flag, s.Text, d.Source(s)))
	}
	want := []string{"id=KC-2026-017 (plan line 2)", "purpose=First initialisation of the payments vault (plan line 3)",
		"config=/plans/bao.hcl (plan line 5)", "recovery-shares=2 (plan line 8)", "recovery-threshold=2 (plan line 9)"}
	if !slices.Equal(got, want) {
		t.Errorf("settings %q, want %q", got, want)
	}
	if len(d.People) != 4 || d.People[0].KeyFile != "/plans/keys/alice.asc" || d.People[0].Fingerprint != strings.Repeat("9f3c", 10) {
		t.Errorf("people %+v", d.People)
	}
	if d.Organisations()["Wim Example"] != "Audit" || !d.Accepts("no-spare-share") || d.Accepts("no-witness") {
		t.Error("organisations or acceptances are not what the file says")
	}
}

// Every mistake is told at once, with its line.
func TestDocumentMistakes(t *testing.T) {
	src, err := os.ReadFile("testdata/mistakes.hcl")
	if err != nil {
		t.Fatal(err)
	}
	_, err = plan.Parse("mistakes.hcl", src)
	var m *plan.Mistakes
	if !errors.As(err, &m) {
		t.Fatalf("%v: no Mistakes", err)
	}
	if *update {
		if err := os.WriteFile("testdata/mistakes.txt", []byte(m.Text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/mistakes.txt")
	if err != nil {
		t.Fatal(err)
	}
	if m.Text+"\n" != string(want) {
		t.Errorf("got\n%s", m.Text)
	}
}

func TestDocumentRefused(t *testing.T) {
	for _, c := range []struct{ name, src, want string }{
		{"empty", "", "No ceremony"},
		{"two", "ceremony \"rotate\" {}\nceremony \"rotate\" {}\n", "More than one ceremony"},
		{"unknown", "ceremony \"destroy\" {}\n", "Unknown ceremony"},
		{"nobody acts on it", "ceremony \"rotate\" {\n weather = 7\n}\n", "weather"},
		{"block", "ceremony \"rotate\" {\n cook \"A\" {}\n}\n", "cook"},
		{"of another ceremony", "ceremony \"rotate\" {\n root_token = \"none\"\n}\n", "A rotate has no root_token"},
		{"a token's key without its fingerprint", "ceremony \"generate-root\" {\n root_token_pgp_key = \"rita.asc\"\n}\n", "The key for the root token needs its fingerprint"},
		{"variable", "ceremony \"rotate\" {\n id = day\n}\n", "Variables not allowed"},
		{"list", "ceremony \"rotate\" {\n id = [1]\n}\n", "Not a text"},
		{"null", "ceremony \"rotate\" {\n id = null\n}\n", "Not a text"},
		{"control", "ceremony \"rotate\" {\n purpose = \"a\\u001b[2J\"\n}\n", "Control character"},
		{"large", strings.Repeat("#", plan.MaxDocument+1), "more than"},
		{"screen", "ceremony \"rotate\" { \x1b[2J }\n", `\x1b[2J`},
	} {
		_, err := plan.Parse("p.hcl", []byte(c.src))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		} else if strings.Contains(err.Error(), "\x1b") {
			t.Errorf("%s: an escape goes to the terminal", c.name)
		}
	}
}

// TestBind: keys are those of the fingerprints, and what weakens a rule needs a
// reason, which is in the agreed plan.
func TestBind(t *testing.T) {
	key := func(name string) (plan.File, string) {
		_, k, err := pgp.GenerateKey(name, day)
		if err != nil {
			t.Fatal(err)
		}
		b, err := k.Armor(false)
		if err != nil {
			t.Fatal(err)
		}
		return plan.File{Name: name + ".asc", Data: b}, k.Fingerprint
	}
	aliceFile, alice := key("Alice Example")
	bobFile, bob := key("Bob Example")
	q := good()
	q.RecoveryShares, q.RecoveryThreshold = n(2), n(2)
	q.Custodians = []string{"Alice Example", "Bob Example"}
	q.RecoveryKeys = []plan.File{aliceFile, bobFile}
	q.SecondMedium = "/media/custodians"
	for _, c := range []struct{ name, src, want string }{
		{"good", fmt.Sprintf(whole, alice, bob), ""},
		{"swapped file", fmt.Sprintf(whole, alice, alice), "the plan says that Bob Example's is " + alice},
		{"no reason", strings.ReplaceAll(fmt.Sprintf(whole, alice, bob), "no-spare-share", "one-organisation"), "Not accepted: no-spare-share"},
	} {
		p, err := q.Resolve(day)
		if err != nil {
			t.Fatal(err)
		}
		before := p.HashHex()
		err = parse(t, c.src).Bind(p)
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.want == "" && (p.HashHex() == before || !strings.Contains(strings.Join(p.Text(), "\n"), "Accepted: A trial of two weeks")):
			t.Errorf("%s: the reason is not in the plan", c.name)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(fmt.Sprintf(whole, someFingerprint, someFingerprint)))
	f.Add([]byte("ceremony \"rotate\" {\n id = null\n}\n"))
	f.Add([]byte("ceremony \"init\" { custodian \"\" {} }"))
	f.Fuzz(func(t *testing.T, src []byte) {
		d, err := plan.Parse("p.hcl", src)
		if (d == nil) == (err == nil) {
			t.Fatal("either a document or mistakes")
		}
		if err != nil {
			if strings.ContainsAny(err.Error(), "\x1b\x07\x00\r") {
				t.Fatalf("%q: control characters in a message", err.Error())
			}
			return
		}
		if id, ok := d.Setting("id"); !ok || id.Text == "" || len(d.People) == 0 {
			t.Fatal("a document without an id or without people")
		}
	})
}

func TestDocumentPINHolders(t *testing.T) {
	doc, err := plan.Parse("unseal.hcl", []byte(`ceremony "unseal" {
  id = "KC-1"
  vault { storage = "/v" }
  operator "Olga" {}
  pin_holder "Pat" { organisation = "Ops" }
  pin_holder "Quinn" {}
}`))
	if err != nil {
		t.Fatal(err)
	}
	if got := doc.PINHolders(); len(got) != 2 || got[1] != "Quinn" || doc.Organisations()["Pat"] != "Ops" {
		t.Errorf("got %q, %v", got, doc.Organisations())
	}
}
