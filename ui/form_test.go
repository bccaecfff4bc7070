package ui

import (
	"slices"
	"strings"
	"testing"

	"conclave/ceremony"
	"conclave/ui/term"
)

func roomPrompt() ceremony.Prompt {
	return ceremony.Prompt{Kind: ceremony.Form, By: olga, Heading: "Olga Example: what the program cannot see",
		Text: []string{"An empty line is recorded as not stated; the backup's is never empty. Hash: its first and last four groups, from the witness's own check. Watches: what they show then, like 14:02:30.",
			"Read aloud: If this HSM and its backups are lost, these shares open nothing. Key's backup: who, how, where, last restored; or NO BACKUP."},
		Fields: []ceremony.Field{{ID: "place", Label: "place"}, {ID: "bags", Label: "bags opened", Default: "A 4471"}, {ID: "equipment", Label: "equipment"},
			{ID: "value", Label: "news of today"}, {ID: "hash", Label: "program's hash"}, {ID: "backup", Label: "key's backup"},
			{ID: "watch 1", Label: "Olga's watch"}, {ID: "watch 2", Label: "Wim's watch"}},
		Recorded: "every line, and how far the watches are off this machine's clock."}
}

// TestForm: lines keep what was there, may stay empty, and are given together.
func TestForm(t *testing.T) {
	s := stageOf(t, roomPrompt())
	s.write("Room 7", ", A 4472")
	s.keys("up")
	s.write("b")
	s.keys("ctrl+r")
	want := []string{"Room 7b", "A 4471, A 4472", "", "", "", "", "", ""}
	if len(s.run.answers) != 1 || !slices.Equal(s.run.answers[0].Fields, want) {
		t.Errorf("answered %+v", s.run.answers)
	}
}

// TestFormFault: after a refusal the cursor stands on the line at fault, which
// was not kept.
func TestFormFault(t *testing.T) {
	p := roomPrompt()
	p.Fields[0].Default, p.Fields[6].Default = "Room 7", "14:02:30"
	p.Problem = &ceremony.Problem{Happened: "This is not the hash that the program reports of itself.", Field: "hash"}
	s := stageOf(t, p)
	s.write("4A21")
	s.keys("ctrl+r")
	want := []string{"Room 7", "A 4471", "", "", "4A21", "", "14:02:30", ""}
	if len(s.run.answers) != 1 || !slices.Equal(s.run.answers[0].Fields, want) {
		t.Errorf("answered %+v", s.run.answers)
	}
}

// TestFormEnds: enter goes on line by line, and from the last one it answers.
func TestFormEnds(t *testing.T) {
	s := stageOf(t, roomPrompt())
	for i := range 8 {
		if len(s.run.answers) != 0 {
			t.Fatalf("answered after %d lines", i)
		}
		s.keys("enter")
	}
	if len(s.run.answers) != 1 {
		t.Error("not answered after the last line")
	}
}

// TestFormShort: in a window that is too short the line that is written on is
// seen, and what went wrong.
func TestFormShort(t *testing.T) {
	p := roomPrompt()
	p.Problem = &ceremony.Problem{Happened: "A watch shows hours, minutes and seconds.", State: "Nothing was recorded.", Do: "Type what it shows now.", Field: "watch 2"}
	s := newForm(p)
	a := area{w: 80, h: 14, text: 3, look: term.PlainLook(true)}
	for s.at >= 0 {
		rows, _ := lay(s.view(a), a, 0)
		seen := strings.Join(rows, "\n")
		if !strings.Contains(seen, p.Fields[s.at].Label) || !strings.Contains(seen, "Nothing was recorded.") {
			t.Errorf("line %d:\n%s", s.at, seen)
		}
		s.at--
	}
}
