package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"conclave/vaultstate/server/servertest"
)

// TestServerByHand is a whole init, recovery rekey and generate-root in a terminal
// of 80x24 against a running server, with a share that is wrong and a quorum that
// the server refuses on the way. CONCLAVE_SERVER is the address of one that is
// not initialised; without it the server is in memory.
func TestServerByHand(t *testing.T) {
	t.Parallel()
	address := os.Getenv("CONCLAVE_SERVER")
	if address == "" {
		address = servertest.New(t, servertest.Dialects[0]).URL
	}
	in := workplace(t)
	common := []string{"-address", address, "-operator", "Olga Onda", "-witness", "Wim Waters",
		"-custodian", "Alice Adams", "-custodian", "Bob Baker", "-custodian", "Carol Chen"}
	shares := map[string]string{}
	hold := func(hooks []hook, args ...string) *ptyScreen {
		t.Helper()
		s := openPTY(t, in, append(args, common...)...)
		p := &people{t: t, s: s, shares: shares, hooks: hooks}
		p.hold()
		if code := s.code(); code != 0 {
			t.Fatalf("%s ended with %d:\n%s", args[0], code, s.text())
		}
		p.allDone(3)
		return s
	}
	plain := hook{"why are shares shown", func(p *people, page string) {
		p.s.send("no keys yet" + enter)
		p.turned(page)
	}}
	backup := hook{"what the program cannot see", func(p *people, page string) {
		p.s.send(strings.Repeat("\x1b[B", 5) + "1234 5678 9abc def0, in the safe" + "\x12") // past five lines that may stay empty
		p.turned(page)
	}}
	seen := func(text string) hook { return hook{text, func(*people, string) {}} }
	hold([]hook{plain, backup, seen("CHANGES THE SERVER"), seen("is this the server that was meant"), seen("Is the root token's work done?")},
		"init", "-recovery-shares=3", "-recovery-threshold=2")
	first := map[string]string{"Alice": shares["Alice"], "Bob": shares["Bob"], "Carol": shares["Carol"]}

	hold([]hook{plain, backup, {"Alice Adams: type your share", func(p *people, page string) {
		p.s.send(strings.Repeat("5a", 32) + "07" + enter) // of no set
		p.turned(page)
	}}, seen("shares is wrong")}, "rekey", "-target=recovery", "-key-shares=3", "-key-threshold=2", "-previous", "none")
	for name, share := range first {
		if shares[name] == share {
			t.Errorf("%s has the old share", name)
		}
	}

	s := hold([]hook{backup, seen("Have a root token made"), seen("Revoke it now")}, "generate-root")
	for name, share := range shares {
		if holds([]byte(s.wrote()), share) {
			t.Errorf("what %s typed was sent to the terminal", name)
		}
	}
	found, err := filepath.Glob(filepath.Join(in, "*-*-*", "transcript.jsonl"))
	if err != nil || len(found) != 3 {
		t.Fatal(found, err)
	}
	nowhere(t, in, shares)
	verified(t, in, 3)
}
