package command_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"conclave/ceremony/folder"
	report "conclave/ceremony/record"
	"conclave/ceremony/transcript"
	"conclave/hsm/softhsm/need"
	"conclave/ui/command"
)

// unrehearsed are the rows of record.Sources that no rehearsal by itself gives:
// of things that go wrong, or that only a plan can say. record's own tests have
// them.
var unrehearsed = []string{"files that were named, and their SHA-256", "retries", "sets that never counted", "aborted or interrupted run",
	"happened, decided, by whom", "expected; step and time", "approval", "arrivals, departures, breaks",
	// Of a running server: TestOnServer looks for them.
	"server's version, address, cluster", "nonces of a server", "requests to a server, with its ids of them"}

// TestSources holds rehearsals and looks in their records for every row that a
// record must have.
func TestSources(t *testing.T) {
	need.Tool(t, "softhsm")
	dir := filepath.Join(t.TempDir(), "D")
	stdin, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stdin.Close() }() // only read
	var events []transcript.Event
	rows := []string{"init", "rekey -target=recovery", "generate-root"} // of the README's table
	for i, args := range [][]string{{"init", "-with-medium"}, {"recovery-rekey"}, {"generate-root"}} {
		var out, errs bytes.Buffer
		args = append(append([]string{"rehearse"}, args...), "-auto", "-plain", "-dir", dir)
		if code := command.Run(args, stdin, &out, &errs, nil); code != 0 {
			t.Fatalf("%q: exit code %d\n%s%s", args, code, &errs, &out)
		}
		asInReadme(t, rows[i], out.String())
	}
	// Shares on the screen, which is an override.
	var out, errs bytes.Buffer
	if code := command.Run([]string{"rehearse", "init", "-auto", "-plain", "-dir", dir + "2", "-shares-on-screen"}, stdin, &out, &errs, nil); code != 0 {
		t.Fatalf("exit code %d\n%s%s", code, &errs, &out)
	}
	for _, d := range []string{dir, dir + "2"} {
		found, err := folder.Find(d)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range found {
			rec, err := folder.OpenRecord(f.Dir)
			if err != nil {
				t.Fatal(err)
			}
			list, rep, err := rec.Events()
			if err != nil || rep.State != transcript.Closed {
				t.Fatalf("%s is %s, %v", f.Dir, rep.State, err)
			}
			events = append(events, list...)
			if err := rec.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	if n := len(slices.DeleteFunc(slices.Clone(events), func(e transcript.Event) bool { return e.Kind != "carried" || !e.Facts.Flag("same") })); n != 5 {
		t.Errorf("%d of 5 share files were read from the second medium", n)
	}
	for _, s := range report.Sources {
		if len(s.From) > 0 && !slices.Contains(unrehearsed, s.Field) && !slices.ContainsFunc(events, s.In) {
			t.Errorf("%s, %s: no event of four rehearsals has it", s.Group, s.Field)
		}
		if len(s.From) == 0 && s.Elsewhere == "" {
			t.Errorf("%s, %s: where is it? from %q, elsewhere %q", s.Group, s.Field, s.From, s.Elsewhere)
		}
	}
}
