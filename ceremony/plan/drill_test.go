package plan_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"conclave/ceremony/plan"
)

// drill is one of the shares, on a local vault.
func drill() plan.Request {
	return plan.Request{Kind: plan.Drill, ID: "KC-2026-018", Storage: "/var/lib/openbao", Operator: "Olga Example", Witness: "Wim Waters",
		Custodians: []string{"Alice Adams", "Bob Baker"}}
}

// TestDrill: a drill as usual needs no HSM and weakens nothing. A quorum is only
// by name, and an override.
func TestDrill(t *testing.T) {
	server := &plan.Server{Address: "https://bao.example:8200"}
	for name, c := range map[string]struct {
		change    func(*plan.Request)
		hsm       bool
		quorum    bool
		overrides string
	}{
		"as usual": {func(*plan.Request) {}, false, false, ""},
		"shares":   {func(q *plan.Request) { q.Drilling.Proof = plan.ProofShare }, false, false, ""},
		"keys": {func(q *plan.Request) {
			q.Drilling.Proof, q.RecoveryKeys = plan.ProofKey, []plan.File{key(t, "alice", day)}
		}, false, false, ""},
		"a quorum":          {func(q *plan.Request) { q.Drilling.Proof = plan.ProofQuorum }, true, true, "quorum-in-memory"},
		"the key compared":  {func(q *plan.Request) { q.Drilling.CompareKey = true }, true, false, ""},
		"signed by the HSM": {func(q *plan.Request) { q.SignRecord.Label = "records" }, true, false, ""},
		"an anchor":         {func(q *plan.Request) { q.Anchor = "hsm" }, true, false, ""},
		"at a server":       {func(q *plan.Request) { q.Server, q.Storage = server, server.Address }, false, false, ""},
		"a backup":          {func(q *plan.Request) { q.Drilling.Proof = plan.ProofHSM }, true, false, ""},
		"a quorum at a server": {func(q *plan.Request) {
			q.Server, q.Storage, q.Drilling.Proof = server, server.Address, plan.ProofQuorum
		}, false, true, "quorum-in-memory"},
	} {
		t.Run(name, func(t *testing.T) {
			q := drill()
			q.Values = []plan.Value{{Name: "hsm-pin", Text: "[secret]", Source: "configuration"}}
			q.Overrides = []plan.Override{{ID: "given-pin", Sentence: "Single control."}}
			if c.hsm {
				c.overrides = strings.TrimSpace("given-pin " + c.overrides)
			}
			c.change(&q)
			p, err := q.Resolve(day)
			if err != nil {
				t.Fatal(err)
			}
			var ids []string
			for _, o := range p.Overrides {
				ids = append(ids, o.ID)
				if !slices.Contains(plan.Acceptable, o.ID) {
					t.Errorf("a plan cannot accept %s", o.ID)
				}
			}
			if p.UsesHSM() != c.hsm || p.NeedsQuorum() != c.quorum || strings.Join(ids, " ") != c.overrides {
				t.Errorf("HSM %v, quorum %v, overrides %q", p.UsesHSM(), p.NeedsQuorum(), ids)
			}
			if got := strings.Contains(strings.Join(p.Text(), "\n"), "hsm-pin"); got != c.hsm {
				t.Errorf("the PIN is in the plan: %v", got)
			}
			if !strings.Contains(strings.Join(p.Text(), "\n"), "proof = "+p.Proof+" (") {
				t.Errorf("the proof is not read aloud: %q", p.Text())
			}
		})
	}
}

// TestDrillDefault: keys are proven where they are there, given or in a record.
// One in a record that cannot be used any more is said to be left out.
func TestDrillDefault(t *testing.T) {
	good := key(t, "alice", day)
	good.FromRecord = true
	for name, c := range map[string]struct {
		keys        []plan.File
		proof       string
		used, noted int
	}{
		"none":                 {nil, plan.ProofShare, 0, 0},
		"one that was given":   {[]plan.File{key(t, "alice", day)}, plan.ProofKey, 1, 0},
		"one of a record":      {[]plan.File{good}, plan.ProofKey, 1, 0},
		"one has ended":        {[]plan.File{good, expiredKey(t)}, plan.ProofKey, 1, 1},
		"the only one has":     {[]plan.File{expiredKey(t)}, plan.ProofShare, 0, 1},
		"one is damaged":       {[]plan.File{{Name: "x.asc", Data: []byte("!"), FromRecord: true}}, plan.ProofShare, 0, 1},
		"one holds two others": {[]plan.File{{Name: "two.asc", Data: testKey(t, "two"), FromRecord: true}, good}, plan.ProofKey, 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			q := drill()
			q.RecoveryKeys = c.keys
			p, err := q.Resolve(day)
			if err != nil {
				t.Fatal(err)
			}
			if p.Proof != c.proof || len(p.Keys) != c.used || strings.Count(strings.Join(p.Warnings, "\n"), "It is not challenged: its holder types the share.") != c.noted {
				t.Errorf("%s, %d keys, %q", p.Proof, len(p.Keys), p.Warnings)
			}
		})
	}
}

func testKey(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "keys", name+".asc"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func expiredKey(t *testing.T) plan.File {
	t.Helper()
	return plan.File{Name: "expired.asc", Data: testKey(t, "expired"), FromRecord: true}
}

// TestDrillRefused: what a drill cannot be.
func TestDrillRefused(t *testing.T) {
	server := &plan.Server{Address: "https://bao.example:8200"}
	for name, c := range map[string]struct {
		change func(*plan.Request)
		field  string
	}{
		"another proof":     {func(q *plan.Request) { q.Drilling.Proof = "word" }, "proof"},
		"keys without keys": {func(q *plan.Request) { q.Drilling.Proof = plan.ProofKey }, "proof"},
		"shares with keys": {func(q *plan.Request) {
			q.RecoveryKeys, q.Drilling.Proof = []plan.File{key(t, "alice", day)}, plan.ProofShare
		}, "recovery-pgp-keys"},
		"keys that ended": {func(q *plan.Request) {
			q.RecoveryKeys, q.Drilling.Proof = []plan.File{expiredKey(t)}, plan.ProofKey
		}, "proof"},
		"a server's backup":       {func(q *plan.Request) { q.Server, q.Drilling.Proof = server, plan.ProofHSM }, "proof"},
		"a server's key compared": {func(q *plan.Request) { q.Server, q.Drilling.CompareKey = server, true }, "proof"},
		"new shares":              {func(q *plan.Request) { q.RecoveryShares = n(5) }, "recovery-shares"},
		"a root token":            {func(q *plan.Request) { q.RootToken = "initial" }, "root-token"},
	} {
		t.Run(name, func(t *testing.T) {
			q := drill()
			c.change(&q)
			if _, fields, text := problems(t, q); !slices.Equal(fields, []string{c.field}) {
				t.Errorf("%q: %s", fields, text)
			}
		})
	}
}

// TestDrillFile: a plan's file says the proof, and only that of a drill does.
func TestDrillFile(t *testing.T) {
	text := func(kind, more string) []byte {
		return []byte("ceremony \"" + kind + "\" {\n  id = \"KC-1\"\n  " + more + "\n  vault {\n    storage = \"/vault\"\n  }\n  operator \"Olga Example\" {}\n  witness \"Wim Waters\" {}\n}\n")
	}
	d, err := plan.Parse("drill.hcl", text("drill", "proof = \"quorum\"\n  compare_recovery_key = true"))
	if err != nil {
		t.Fatal(err)
	}
	for flag, want := range map[string]string{"proof": "quorum", "compare-recovery-key": "true"} {
		if s, ok := d.Setting(flag); !ok || s.Text != want {
			t.Errorf("%s: %+v", flag, s)
		}
	}
	for name, src := range map[string][]byte{
		"of another ceremony": text("rotate", `proof = "share"`),
		"not true":            text("drill", `compare_recovery_key = "often"`),
		"new shares":          text("drill", "recovery {\n    shares = 5\n  }"),
	} {
		if _, err := plan.Parse("drill.hcl", src); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}
