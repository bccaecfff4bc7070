package ui

import (
	"strings"
	"testing"

	"conclave/assets/words"
	"conclave/ceremony"
	"conclave/ui/term"
)

// TestFourWords: the constant is what the list of words says.
func TestFourWords(t *testing.T) {
	even, odd := 0, 0
	for b := range 256 {
		w := words.Words([]byte{byte(b), byte(b)})
		even, odd = max(even, len(w[0])), max(odd, len(w[1]))
	}
	if want := 2*even + 2*odd + 3; fourWords != want {
		t.Errorf("four words are %d columns at most, not %d", want, fourWords)
	}
}

// TestWordsStayInPlace: a page with a receipt stands beside the script or alone
// whatever its words are, and each row of words is one line.
func TestWordsStayInPlace(t *testing.T) {
	shorter := [2]string{"tiger Pegasus ahead ammo", "acme adroitness orca Eskimo"}
	longest := [2]string{"preshrunk millionaire snowslide stethoscope", "stagehand belowground southward performance"}
	ack, card := receiptPrompt(), receiptPrompt()
	ack.Text = ack.Text[:1]
	card.Kind, card.Choices, card.Text = ceremony.Attest, nil, card.Text[2:]
	for _, size := range []struct{ w, h int }{{80, 24}, {100, 30}, {120, 40}, {90, 50}} {
		for _, p := range []ceremony.Prompt{ack, card} {
			var drawn [2]string
			for i, pair := range [][2]string{shorter, longest} {
				p.Facts = []ceremony.Fact{{Label: "receipt", Value: "event 76"}, {Label: "words", Value: pair[0]}, {Value: pair[1]}}
				s := newStage(t, initAt(12, "1 of 5", p), at("10:30:01"), term.PlainLook(true), size.w, size.h)
				drawn[i] = s.View()
				for _, row := range pair {
					if !strings.Contains(drawn[i], row) {
						t.Errorf("at %dx%d the row %q is not one line", size.w, size.h, row)
					}
				}
				drawn[i] = strings.NewReplacer(pair[0], "FOUR", pair[1], "FOUR", " ", "").Replace(drawn[i])
			}
			if drawn[0] != drawn[1] {
				t.Errorf("at %dx%d the page has two forms:\n%s\n%s", size.w, size.h, drawn[0], drawn[1])
			}
		}
	}
}

// TestHeaderWhole: the id of a rehearsal of the longest name is whole in the
// first row of the smallest screen.
func TestHeaderWhole(t *testing.T) {
	run := initAt(12, "1 of 5", receiptPrompt())
	run.header = ceremony.Header{Title: "RECOVERY REKEY", ID: "PR-2026-11-26-150405", Vault: "practice", Step: 12, Steps: 18, Practice: true, Recorded: true}
	s := newStage(t, run, at("10:30:01"), term.PlainLook(true), 80, 24)
	row, _, _ := strings.Cut(s.View(), "\n")
	if !strings.Contains(row, "PR-2026-11-26-150405 ") || !strings.HasSuffix(row, " 12 of 18   10:30:02 UTC ") {
		t.Errorf("the first row is %q", row)
	}
}
