package ui

import (
	"slices"
	"strings"
	"testing"

	"conclave/ceremony"
	"conclave/ui/term"
)

var asides = []ceremony.Aside{{Interlude: ceremony.Break, Title: "A break"}, {Interlude: ceremony.Leaves, Title: "Somebody leaves"},
	{Interlude: ceremony.Arrives, Title: "Somebody arrives"}}

// aside is a share's page at which a break cannot begin.
func asidePrompt() ceremony.Prompt {
	p := sharePrompt()
	p.Asides = slices.Clone(asides)
	p.Asides[0].Not = "A share is being typed: there is no break now. Finish it first, or note that Bob leaves."
	return p
}

func breakPrompt() ceremony.Prompt {
	return ceremony.Prompt{Kind: ceremony.Form, By: olga, Heading: "Olga Example: a break",
		Text: []string{"The program logs out of the token, and only the break is on the screen. Afterwards: who is here is marked, the vault is compared, the PIN is typed anew.",
			"All lines empty: no break, and nothing is recorded."},
		Fields:   []ceremony.Field{{ID: "reason", Label: "reason"}, {ID: "back", Label: "expected back"}, {ID: "decided by", Label: "decided by"}},
		Lines:    []ceremony.Line{{Mark: ceremony.Warn, Text: "2 of 3 shares are in. They are wiped: those who gave them type them again. If the last is typed before the break, nobody does."}},
		Recorded: "these lines, and when it began."}
}

func restPrompt() ceremony.Prompt {
	return ceremony.Prompt{Kind: ceremony.Rest, By: olga, Heading: "Break", Word: "OLGA",
		Facts: []ceremony.Fact{{Label: "since", Value: "14:32 UTC"}, {Label: "expected back", Value: "half past one, after lunch"}, {Label: "decided by", Value: "Olga and Wim"}},
		Text: []string{"The program is logged out of the token. It waits for as long as it takes.",
			"Nothing counts yet: the vault is as it was. The new shares are void if the ceremony stops here."}, Recorded: "when it ends, and who is here then."}
}

func lackingPrompt() ceremony.Prompt {
	why := "Without Carol Chen the ceremony cannot go on: 2 custodians are here; the vault needs the shares of 3."
	return ceremony.Prompt{Kind: ceremony.Choose, By: olga, Heading: why,
		Problem: &ceremony.Problem{Badge: "STOPPED", Happened: why, State: "Nothing is changed: the vault is as it was.", Do: "Wait for them in a break, or stop."},
		Choices: []ceremony.Choice{{ID: "break", Title: "A break", Consequence: "it ends once everybody who is needed is here"},
			{ID: "back", Title: "Carol Chen is back", Consequence: "the ceremony goes on, and the record says so"},
			{ID: "stop", Title: "Stop", Consequence: "Nothing is changed: the vault is as it was."}},
		Recorded: "what you choose."}
}

func identityPrompt() ceremony.Prompt {
	return ceremony.Prompt{Kind: ceremony.Form, By: olga, Heading: "Olga Example: who checked that these people are who they say?",
		Text: []string{"One name for all. Whoever was checked by another, like the one who checks, stands under \"but for\": first names, with commas. " +
			"An empty line is recorded as not stated. No numbers of documents."},
		Facts:    []ceremony.Fact{{Label: "here", Value: "Olga Example, Wim Waters, Alice Adams, Bob Baker, Carol Chen, Dora Dean and Erik Esser"}},
		Fields:   []ceremony.Field{{ID: "checked by", Label: "checked by"}, {ID: "others", Label: "but for"}, {ID: "others by", Label: "who by"}},
		Recorded: "checked by whom, for each person. No number of a document."}
}

// TestAsides: the key for a deviation offers the others, too; what cannot begin
// says why, and esc goes back to what was half typed.
func TestAsides(t *testing.T) {
	s := stageOf(t, asidePrompt(), readPrompt())
	s.tap.press("798114Z")
	s.tap.tell(term.KeyNote)
	s.drive()
	if !s.tap.paused || !strings.Contains(s.View(), "Somebody arrives") {
		t.Fatalf("ctrl+n at a share: paused %v\n%s", s.tap.paused, s.View())
	}
	s.keys("down", "enter")
	if v := s.View(); !strings.Contains(v, "A share is being typed") || len(s.run.interludes) != 0 {
		t.Errorf("a break at a share:\n%s", v)
	}
	s.keys("esc")
	if s.tap.paused || s.tap.n != 7 {
		t.Errorf("esc: paused %v, %d characters", s.tap.paused, s.tap.n)
	}
	s.clock.advance(grace)
	s.tap.tell(term.KeyNote)
	s.drive()
	s.keys("enter")
	if !strings.Contains(s.View(), "Note a deviation in step 8") {
		t.Errorf("no form of a deviation:\n%s", s.View())
	}
	s.keys("esc")
	s.clock.advance(grace)
	s.tap.tell(term.KeyNote)
	s.drive()
	s.keys("down", "down", "enter")
	if !slices.Equal(s.run.interludes, []ceremony.Interlude{ceremony.Leaves}) || s.cover != uncovered || s.prompt.Kind != ceremony.Read || s.tap.armed {
		t.Errorf("began %v, armed %v:\n%s", s.run.interludes, s.tap.armed, s.View())
	}
}

// TestRest: a break neither locks nor ends by itself; a word ends it.
func TestRest(t *testing.T) {
	s := stageOf(t, restPrompt(), readPrompt())
	s.clock.advance(3 * idleLeave)
	s.drive(tickMsg{})
	if s.quit || s.cover != uncovered || len(s.run.aborted) != 0 {
		t.Fatalf("after three hours: cover %v, aborted %q", s.cover, s.run.aborted)
	}
	s.keys("enter")
	if len(s.run.answers) != 0 {
		t.Fatal("enter alone ends the break")
	}
	s.write("Olga", "")
	if len(s.run.answers) != 1 || s.run.answers[0].Text != "Olga" {
		t.Errorf("answered %+v", s.run.answers)
	}
	// The pages after it lock again, but not at once.
	s.drive(tickMsg{})
	if s.cover != uncovered {
		t.Error("the page after the break is locked")
	}
}
