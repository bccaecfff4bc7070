package ui

import (
	"strings"
	"testing"

	"conclave/ui/gpg"
	"conclave/ui/term"
)

// TestDecrypt: the file's name is public, what gpg yields is the answer with the
// program's path and hash, and an error leaves the entry open; esc goes back to
// typing; a share is no file's name.
func TestDecrypt(t *testing.T) {
	run := rekeyAt(8, "0 of 5", challengePrompt(), challengePrompt())
	s := newStage(t, run, at("11:02:00"), term.PlainLook(true), 80, 24)
	s.tap.press("GHJK")
	s.ask()
	s.keys("esc")
	if s.tap.n != 0 || !s.tap.armed {
		t.Error("esc does not go back to an empty entry")
	}
	s.ask()
	for _, c := range strings.Repeat("0f3a", 17)[:66] {
		s.keys(string(c))
	}
	s.keys("enter")
	if len(s.asked) > 0 || strings.Contains(s.View(), "0f3a0f3a") {
		t.Error("a share was taken for a file's name, or stays on the screen")
	}
	s.err = &gpg.Failure{Said: "No secret key"}
	s.keys("enter")
	if len(run.answers) > 0 || !strings.Contains(s.View(), "gpg did not decrypt the file.") || !s.tap.armed {
		t.Errorf("after a failure:\n%s", s.View())
	}
	s.err = nil
	s.ask()
	s.keys("enter")
	if len(run.answers) != 1 || run.answers[0].Source != "gpg" || run.answers[0].Program != "/usr/bin/gpg" || run.answers[0].ProgramSHA256 != "ab" {
		t.Fatalf("%+v", run.answers)
	}
	if got := s.asked[len(s.asked)-1]; got != challengePrompt().Sealed.File {
		t.Errorf("gpg was run on %s", got)
	}
}
