package plain_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"conclave/ceremony"
	"conclave/hsm/secret"
	"conclave/ui/plain"
)

var update = flag.Bool("update", false, "write the golden files")

var (
	olga  = ceremony.Person{Name: "Olga Example", Role: ceremony.Operator}
	wim   = ceremony.Person{Name: "Wim Waters", Role: ceremony.Witness, Organisation: "Audit"}
	alice = ceremony.Person{Name: "Alice Adams", Role: ceremony.Custodian, Number: 1}
)

// aShare is 33 bytes in hex: 01 02 03 …
var aShare = func() string {
	var b strings.Builder
	for i := range 33 {
		fmt.Fprintf(&b, "%02x", i+1)
	}
	return b.String()
}()

func prompts() []ceremony.Prompt {
	return []ceremony.Prompt{
		{Kind: ceremony.Read, StepID: "brief", Title: "Briefing", By: olga, Heading: "Olga Example: read this aloud",
			Text: []string{"The vault gets its keys.", "Evil \x1b[2J text."}, Recorded: "that it was read, by whom, when."},
		{Kind: ceremony.People, StepID: "people", Title: "People", By: olga, Heading: "Olga Example: mark who is here",
			People: []ceremony.Attendance{{Person: olga}, {Person: wim}, {Person: alice}}},
		{Kind: ceremony.Ask, StepID: "people", Title: "People", By: olga, Heading: "Who is the witness?", Field: "witness", Default: "Wim"},
		{Kind: ceremony.AskSecret, StepID: "hsm", Title: "HSM", By: olga, Heading: "Olga Example: type the PIN", Field: "PIN",
			Facts:   []ceremony.Fact{{Label: "token", Value: "practice"}},
			Problem: &ceremony.Problem{Happened: "The token refused the PIN.", State: "Nothing was changed.", Do: "Type it again.", Code: "CKR_PIN_INCORRECT"}},
		{Kind: ceremony.HandOver, StepID: "shares", Title: "Shares", By: alice, From: "Olga Example", Heading: "Pass the keyboard to Alice Adams", Word: "ALICE"},
		{Kind: ceremony.AskShare, StepID: "shares", Title: "Shares", By: alice, Heading: "Alice Adams: type your share", Entry: ceremony.Entry{Given: 0, Needed: 3, Bytes: 33}},
		{Kind: ceremony.Confirm, StepID: "go", Title: "Go", By: olga, Heading: "Olga Example: read the three lines", Badge: "CHANGES THE VAULT",
			Action: "Replace the root key", Changes: "one key", Stays: "all data", Undo: "the rollback copy", Word: "REKEY"},
		{Kind: ceremony.Work, StepID: "commit", Title: "Commit", By: ceremony.Person{Role: ceremony.Program}, Heading: "The program works.",
			Lines: []ceremony.Line{{Mark: ceremony.Good, Text: "staged", Took: 1300 * time.Millisecond}, {Text: "swapped in"}}, IfPowerFails: "the vault is as it was."},
		{Kind: ceremony.Show, StepID: "hand-out", Title: "Hand out", By: alice, Heading: "Alice Adams: share 1 of 5",
			Reveal: &ceremony.Reveal{What: "share", Text: secret.Take([]byte("798114Z20C50FG02E")), Group: 7, Offers: true, Words: []string{"uncut", "insurgent"}}},
		{Kind: ceremony.Show, StepID: "token", Title: "Token", By: olga, Heading: "Olga Example: the root token",
			Reveal: &ceremony.Reveal{What: "root token", Text: secret.Take([]byte("s.practiceToken"))}},
		{Kind: ceremony.Choose, StepID: "rollback", Title: "Old state", By: olga, Heading: "What becomes of it?", Choices: []ceremony.Choice{
			{ID: "remove", Title: "Remove it", Consequence: "it is gone"}, {ID: "keep", Title: "Keep it"}}},
		{Kind: ceremony.Attest, StepID: "close", Title: "Close", By: olga, Heading: "Each witness writes rows A to H on paper."},
	}
}

// feed gives In all lines at once.
func feed(t *testing.T, lines ...string) *os.File {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	if _, err := w.WriteString(strings.Join(lines, "\n") + "\n"); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return r
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs:\n%s", name, got)
	}
}

// TestOneBuffer answers every kind of prompt from one write into a pipe, slips
// included.
func TestOneBuffer(t *testing.T) {
	in := feed(t, "what?", "", "2, 9", "2", "", "", "1234 5\x1b[A", "1234 5", "", "other", aShare+"\r", "rekey", "no", "show", "oops", "", "Show", "", "3", "keep", "")
	var out screen
	f := &fake{t: t, practice: true, prompts: prompts()}
	if got := plain.Run(t.Context(), f, plain.Options{In: in, Out: &out}); got.Code != 0 || !f.Done() {
		t.Errorf("the outcome is %+v", got)
	}
	golden(t, "dialogue.txt", out.String())
	want := []ceremony.Input{{}, {Present: []bool{true, false, true}}, {Text: "Wim", Source: "typed"}, {Source: "pipe"}, {Choice: "other"},
		{Source: "pipe"}, {Text: "rekey", Source: "typed"}, {}, {}, {}, {Choice: "keep"}, {}}
	for i := range f.got {
		f.got[i].Stamp = ceremony.Stamp{}
	}
	if fmt.Sprint(f.got) != fmt.Sprint(want) {
		t.Errorf("the answers are\n%+v, want\n%+v", f.got, want)
	}
	if f.secrets[3] != "1234 5" || f.secrets[5] != aShare {
		t.Errorf("the secrets are %q", f.secrets)
	}
	for _, s := range []string{"1234", aShare} {
		if out.has(s) {
			t.Errorf("the output has the secret %q", s)
		}
	}
}

// TestAuto has all people played.
func TestAuto(t *testing.T) {
	var out screen
	f := &fake{t: t, practice: true, prompts: prompts()}
	f.prompts[3].Problem = nil
	auto := func(p ceremony.Prompt) (ceremony.Input, bool) {
		in := ceremony.Input{Text: p.Word, Source: "auto"}
		if len(p.Choices) > 0 {
			in.Choice = p.Choices[0].ID
		}
		return in, p.Problem == nil
	}
	if got := plain.Run(t.Context(), f, plain.Options{Out: &out, Auto: auto}); got.Code != 0 || !f.Done() {
		t.Errorf("the outcome is %+v", got)
	}
	golden(t, "auto.txt", out.String())

	f = &fake{t: t, practice: true, prompts: prompts()} // with the refused PIN
	got := plain.Run(t.Context(), f, plain.Options{Out: &out, Auto: auto})
	if want := "the program: in an automatic run: The token refused the PIN."; got.Sentence != want {
		t.Errorf("the outcome is %q, want %q", got.Sentence, want)
	}
}

// TestShow sees that nothing is printed before the word.
func TestShow(t *testing.T) {
	var out screen
	f := &fake{t: t, practice: true, prompts: prompts()[8:9]}
	got := plain.Run(t.Context(), f, plain.Options{In: feed(t, "", "no", "sho\nSHO"), Out: &out})
	if got.Sentence != "the program: the input has ended" || out.has("798114") {
		t.Errorf("the outcome is %+v, and the output\n%s", got, out.String())
	}
}

func TestPipedSecrets(t *testing.T) {
	for _, tt := range []struct{ practice, piped, taken bool }{{true, false, true}, {false, true, true}, {false, false, false}} {
		var out screen
		f := &fake{t: t, practice: tt.practice, prompts: prompts()[3:4]}
		got := plain.Run(t.Context(), f, plain.Options{In: feed(t, "1234"), Out: &out, Piped: tt.piped})
		if (len(f.secrets) == 1) != tt.taken {
			t.Errorf("practice %v, piped %v: %d secrets were taken, outcome %+v", tt.practice, tt.piped, len(f.secrets), got)
		}
		if !tt.taken && !strings.Contains(got.Sentence, "-allow-piped-secrets") {
			t.Errorf("the outcome is %+v", got)
		}
	}
}

func TestLongLines(t *testing.T) {
	var out screen
	f := &fake{t: t, prompts: prompts()[2:3]}
	plain.Run(t.Context(), f, plain.Options{In: feed(t, strings.Repeat("x", 30000), "Anna"), Out: &out})
	if len(f.got) != 1 || f.got[0].Text != "Anna" || !out.has("too long") {
		t.Errorf("the answers are %+v, the output %.300s", f.got, out.String())
	}
}

// TestStops ends a ceremony in every way while a line is waited for, and while
// a job runs.
func TestStops(t *testing.T) {
	for _, tt := range []struct {
		name string
		end  func(sig chan os.Signal, cancel func(), w *os.File)
		want string
	}{
		{"SIGINT", func(s chan os.Signal, _ func(), _ *os.File) { s <- os.Interrupt }, "the program: ctrl+c"},
		{"SIGTERM", func(s chan os.Signal, _ func(), _ *os.File) { s <- syscall.SIGTERM }, "the program: the program was told to end (terminated)"},
		{"context", func(_ chan os.Signal, cancel func(), _ *os.File) { cancel() }, "the program: the program was told to end"},
		{"end of input", func(_ chan os.Signal, _ func(), w *os.File) { w.Close() }, "the program: the input has ended"},
	} {
		for _, working := range []bool{false, true} {
			if working && tt.name == "end of input" {
				continue
			}
			t.Run(fmt.Sprintf("%s working=%v", tt.name, working), func(t *testing.T) {
				r, w, err := os.Pipe()
				if err != nil {
					t.Fatal(err)
				}
				defer r.Close()
				defer w.Close()
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				signals := make(chan os.Signal)
				var out screen
				f := &fake{t: t, prompts: prompts()[:2]}
				end := func() { go tt.end(signals, cancel, w) }
				if working {
					f.work = func(ctx context.Context, _ int) {
						end()
						<-ctx.Done() // the job is asked to end
					}
					if _, err := w.WriteString("\n"); err != nil {
						t.Fatal(err)
					}
				} else {
					end()
				}
				got := plain.Run(ctx, f, plain.Options{In: r, Out: &out, Signals: signals})
				if got.Code != ceremony.CodeStopped || got.Sentence != tt.want {
					t.Errorf("the outcome is %+v, want %q", got, tt.want)
				}
			})
		}
	}
}

// TestNote notes a deviation where a line, a word, a number and a secret are
// asked for. What is refused is asked for again; the answer comes after it.
func TestNote(t *testing.T) {
	f := &fake{t: t, practice: true, prompts: []ceremony.Prompt{
		{Kind: ceremony.Attest, StepID: "a"},
		{Kind: ceremony.Confirm, StepID: "b", Word: "GO", Again: true},
		{Kind: ceremony.AskSecret, StepID: "c", Field: "PIN"},
		{Kind: ceremony.Attest, StepID: "d", Final: true},
	}}
	secretive := &ceremony.Refusal{Field: "decided", Why: "This looks like a share."}
	f.refused = []*ceremony.Refusal{nil, secretive, nil, nil}
	out := &screen{}
	plain.Run(t.Context(), f, plain.Options{In: feed(t, strings.Split("!\ndark\nlight\nto wait\nOlga\n1\n\n"+
		"!\ndark again\nlight\n798114Z\nWim\n3\nto wait longer\n3\nGO\n"+
		"!\n\n!\nx\n\ny\nz\n2\n1234\n"+
		"!\n", "\n")...), Out: out})
	want := []ceremony.Deviation{
		{Expected: "light", Happened: "dark", Decided: "to wait", By: "Olga", Effect: ceremony.GoOn},
		{Expected: "light", Happened: "dark again", Decided: "798114Z", By: "Wim", Effect: ceremony.DoAgain},
		{Expected: "light", Happened: "dark again", Decided: "to wait longer", By: "Wim", Effect: ceremony.DoAgain},
		{Happened: "x", Decided: "y", By: "z", Effect: ceremony.StopNow},
	}
	if !slices.Equal(f.noted, want) {
		t.Errorf("noted %+v", f.noted)
	}
	if len(f.got) != 4 || f.got[1].Text != "GO" || f.secrets[2] != "1234" {
		t.Errorf("answers %+v, secrets %q", f.got, f.secrets)
	}
	for _, s := range []string{"NOT ACCEPTED. decided: This looks like a share.", "Nothing was noted.", "The deviation is in the record.", "the record is closed"} {
		if !out.has(s) {
			t.Errorf("%q was not printed:\n%s", s, out)
		}
	}
}

// TestAsides: the same line offers a break and who comes and goes, where the
// page does; what cannot begin says why.
func TestAsides(t *testing.T) {
	all := []ceremony.Aside{{Interlude: ceremony.Break, Title: "A break", Not: "A share is being typed."}, {Interlude: ceremony.Leaves, Title: "Somebody leaves"}}
	f := &fake{t: t, practice: true, prompts: []ceremony.Prompt{
		{Kind: ceremony.Attest, StepID: "a", Asides: all},
		{Kind: ceremony.Rest, StepID: "a", Word: "OLGA", Heading: "A break"},
		{Kind: ceremony.Attest, StepID: "b", Asides: all},
	}}
	out := &screen{}
	plain.Run(t.Context(), f, plain.Options{In: feed(t, strings.Split("!\n\n!\n2\n!\n9\n!\n1\ndark\n\nto wait\nOlga\n1\n!\n3\nOLGA\n\n", "\n")...), Out: out})
	if !slices.Equal(f.interludes, []ceremony.Interlude{ceremony.Leaves}) || len(f.noted) != 1 || f.noted[0].Happened != "dark" {
		t.Errorf("began %v, noted %+v\n%s", f.interludes, f.noted, out)
	}
	if len(f.got) != 2 || f.got[0].Text != "OLGA" {
		t.Errorf("answers %+v", f.got)
	}
	for _, s := range []string{"2 = A break", "3 = Somebody leaves", "A share is being typed.", "That is not one of the numbers.", "Type OLGA to end the break"} {
		if !out.has(s) {
			t.Errorf("%q was not printed:\n%s", s, out)
		}
	}
}
