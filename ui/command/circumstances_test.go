package command_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"conclave/ceremony/plan"
	"conclave/hsm/secret"
	"conclave/ui/command"
	"conclave/ui/term"
)

// TestOfTheMachine: what in a real ceremony is an override. A screen that keeps
// what was shown is one already, that -allow-recorder allows.
func TestOfTheMachine(t *testing.T) {
	seen := []term.Recorder{{Name: "ssh", Sentence: "a"}, {Name: "tmux", Sentence: "b"}, {Name: "console", Sentence: "c"}, {Name: "screen", Sentence: "d", Refuse: true}}
	want := []plan.Override{{ID: plan.OverSSH, Sentence: "a"}, {ID: plan.InMultiplexer, Sentence: "b"}, {ID: plan.SwapOn, Sentence: secret.SwapOn}}
	if got := command.OfTheMachine(seen, []string{"Core dumps are on.", secret.SwapOn}); !slices.Equal(got, want) {
		t.Errorf("the overrides are %v", got)
	}
	both := []term.Recorder{{Name: "screen", Sentence: "a"}, {Name: "tmux", Sentence: "b"}}
	if got := command.OfTheMachine(both, nil); !slices.Equal(got, []plan.Override{{ID: plan.InMultiplexer, Sentence: "a b"}}) {
		t.Errorf("of two in one another: %v", got)
	}
	if got := command.OfTheMachine(nil, nil); len(got) != 0 {
		t.Errorf("of nothing: %v", got)
	}
}

// TestOverSSH: a ceremony over the network asks why, and verify says so; a plan
// that does not accept it is refused.
func TestOverSSH(t *testing.T) {
	t.Parallel()
	v := newAESVault(t)
	v.env = append(v.env, "SSH_CONNECTION=192.0.2.1 1 192.0.2.2 22")
	v.shares = v.old[:3]
	v.want(0, "why is the ceremony held here all the same?", []string{"rotate", "-id", "one", "-dir", "..", "-plain", "-allow-piped-secrets",
		"-operator", "Olga", "-witness", "Wim", "-custodian", "Alice", "-custodian", "Bob", "-custodian", "Carol"}, v.config())
	found, err := filepath.Glob(filepath.Join(v.work, "*-one-rotate"))
	if err != nil || len(found) != 1 {
		t.Fatalf("the record: %v, %v", found, err)
	}
	v.want(0, "operator. It comes over the network.", []string{"transcript", "verify", found[0]})
	v.want(0, "a real ceremony asks why: over-ssh", []string{"doctor"})

	if err := os.WriteFile(filepath.Join(v.dir, "plan.hcl"), []byte(rekeyPlan), 0o600); err != nil {
		t.Fatal(err)
	}
	v.want(2, "Not accepted: over-ssh", []string{"rekey", "-target=recovery", "-plan", "plan.hcl", "-dir", "..", "-plain", "-allow-piped-secrets"})
}
