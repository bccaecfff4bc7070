package rehearse_test

import (
	"strings"
	"testing"

	"conclave/ui/rehearse"
)

// TestReadAnswers: what a file may hold. How it is played is in ui/command's
// script answers.
func TestReadAnswers(t *testing.T) {
	for text, want := range map[string]string{
		"rest\n": "",
		"# all\n\n  until  shares\nuntil shares Alice\nshares Alice  one two \n": "",
		"":                              "it has no answer",
		"# nothing\n":                   "it has no answer",
		"shares Alice\n":                "f:1: want STEP WHO ANSWER",
		"rest\nuntil\n":                 "f:2: want STEP WHO ANSWER",
		"rest of it\n":                  "",
		"until shares Alice please\n":   "",
		strings.Repeat("rest\n", 10001): "more than 10000 answers",
		strings.Repeat("x", 1<<17):      "token too long",
	} {
		_, err := rehearse.ReadAnswers("f", strings.NewReader(text))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%.40q: %v, want %q", text, err, want)
		}
	}
}

func FuzzReadAnswers(f *testing.F) {
	f.Add("until hsm\nhsm Olga 999999\nrest\n")
	f.Fuzz(func(t *testing.T, text string) {
		a, err := rehearse.ReadAnswers("f", strings.NewReader(text))
		if (a == nil) == (err == nil) {
			t.Errorf("%v, %v", a, err)
		}
	})
}
