package ui

import (
	"strings"
	"testing"

	"conclave/ui/term"
)

func TestShareEntry(t *testing.T) {
	hex := strings.Repeat("0aB1", 16) + "01"
	for _, tc := range []struct{ name, typed, want string }{
		{"groups", shareText, shareText},
		{"hex", hex, hex},
		{"base64", strings.Repeat("Ab9/", 10) + "Ab9B", strings.Repeat("Ab9/", 10) + "Ab9B"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := stageOf(t, sharePrompt())
			s.type_(tc.typed[:20])
			s.tap.enter()
			s.drive()
			if len(s.run.answers) != 0 {
				t.Fatal("half a share was an answer")
			}
			s.type_(tc.typed[20:])
			s.tap.enter()
			s.drive()
			if len(s.run.answers) != 1 {
				t.Fatalf("the share was not taken:\n%s", s.View())
			}
			got := s.run.answers[0]
			if string(got.Secret.Expose()) != tc.want || got.Source != "typed or scanned" {
				t.Errorf("the answer is not what was typed (source %q)", got.Source)
			}
			if s.tap.armed {
				t.Error("the tap is still armed on the next page")
			}
		})
	}
}

// A wrong group is named while the share is typed, and typed again alone.
func TestRetypeGroup(t *testing.T) {
	s := stageOf(t, sharePrompt())
	wrong := []byte(shareText)
	wrong[45] = '1'
	s.type_(string(wrong))
	if v := s.View(); !strings.Contains(v, "Group 7 does not check.") || !strings.Contains(v, "ctrl+g group 7 again") {
		t.Fatalf("the wrong group is not named:\n%s", v)
	}
	s.tap.enter()
	s.drive()
	if len(s.run.answers) != 0 {
		t.Fatal("a share with a wrong group was an answer")
	}
	s.tap.tell(term.KeyRetype)
	s.drive()
	s.type_(shareText[42:45])
	if v := s.View(); !strings.Contains(v, "✓  ✓  ✓  ✓  ✓  ✓  ▸  ✓  ✓  ✓  ✓") || !strings.Contains(v, "group 7     • • •   · · ·   ·") {
		t.Errorf("group 7 is not being typed again:\n%s", v)
	}
	s.tap.enter()
	s.drive()
	if v := s.View(); !strings.Contains(v, "Group 7 is not finished.") {
		t.Errorf("an unfinished group is not said:\n%s", v)
	}
	s.type_(shareText[45:49])
	s.tap.enter()
	s.drive()
	if len(s.run.answers) != 1 || string(s.run.answers[0].Secret.Expose()) != shareText {
		t.Fatalf("the mended share was not taken:\n%s", s.View())
	}
}
