package folder_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"conclave/ceremony/folder"
	"conclave/ceremony/transcript"
)

// begin makes a run with its number in the header, and ends it as last says.
func begin(t *testing.T, parent, name string, last ...transcript.Entry) (folder.Run, string) {
	t.Helper()
	f, err := folder.Create(parent, name, false)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := folder.Enter(parent, name, false)
	if err != nil {
		t.Fatal(err)
	}
	h := header(false)
	h.Facts["id"], h.Facts["run"] = name, r.Number
	add(t, f, h)
	add(t, f, last...)
	head := f.Head
	_, sum := head()
	return r, transcript.Head{SHA256: sum}.String()
}

func aborted() transcript.Entry {
	return transcript.Entry{Kind: "aborted", Step: "plan", Claimed: "Olga", Evidence: transcript.ByKeyboard, Facts: transcript.Facts{"reason": "the safe is jammed"}}
}

func TestRuns(t *testing.T) {
	dir := t.TempDir()
	first, one := begin(t, dir, "a", closed())
	second, two := begin(t, dir, "b", aborted())
	third, three := begin(t, dir, "c")
	if err := os.RemoveAll(filepath.Join(dir, "c")); err != nil {
		t.Fatal(err)
	}
	fourth, _ := begin(t, dir, "d", closed())
	// The list is gone, too: the numbers of the records count.
	if err := os.Remove(filepath.Join(dir, "runs.txt")); err != nil {
		t.Fatal(err)
	}
	fifth, err := folder.NextRun(dir, false)
	if err != nil {
		t.Fatal(err)
	}
	fifth.Head = ""
	for i, got := range []folder.Run{first, second, third, fourth, fifth} {
		want := []folder.Run{{Number: 1}, {2, "a", one, "closed"}, {3, "b", two, "aborted"}, {4, "c", "", "gone"}, {5, "d", "", "closed"}}[i]
		if got != want {
			t.Errorf("run %d is %+v, want %+v (%s)", i+1, got, want, three)
		}
	}
	if r, err := folder.NextRun(dir, true); err != nil || r.Number != 1 {
		t.Errorf("the first rehearsal is %+v, %v", r, err)
	}
}

func TestInterruptedRun(t *testing.T) {
	dir := t.TempDir()
	_, one := begin(t, dir, "a")
	if got, _ := folder.NextRun(dir, false); got != (folder.Run{2, "a", one, "interrupted"}) {
		t.Errorf("%+v", got)
	}
}

func TestListOfRuns(t *testing.T) {
	for text, want := range map[string]struct {
		n   int
		bad bool
	}{
		"1  a\n2  b\n":        {n: 3},
		"7  a\n":              {n: 8},
		"1  a\n2  b":          {n: 2}, // torn: it never began
		"1  a\n1  b\n":        {bad: true},
		"2  a\n1  b\n":        {bad: true},
		"01  a\n":             {bad: true},
		"1 a\n":               {bad: true},
		"1  ../a\n":           {bad: true},
		"1  \x1b[2J\n":        {bad: true},
		"1  a\n\n2  b\n":      {bad: true},
		"99999999999999  a\n": {bad: true},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "runs.txt"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := folder.NextRun(dir, false)
		if errors.Is(err, folder.ErrRuns) != want.bad || r.Number != want.n {
			t.Errorf("%q: %+v, %v", text, r, err)
		}
		if want.bad {
			continue
		}
		if _, err := folder.Create(dir, "next", false); err != nil {
			t.Fatal(err)
		}
		if r, err = folder.Enter(dir, "next", false); err != nil || r.Number != want.n {
			t.Errorf("%q: entered as %+v, %v", text, r, err)
		}
		list, err := folder.Runs(dir, false)
		if err != nil || list[len(list)-1] != (folder.Listed{want.n, "next"}) {
			t.Errorf("%q: the list is %v, %v", text, list, err)
		}
	}
}

func TestListOfRunsElsewhere(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "runs.txt")); err != nil {
		t.Fatal(err)
	}
	if _, err := folder.NextRun(dir, false); err == nil {
		t.Error("a link was followed")
	}
	if _, err := folder.Enter(dir, "x", false); err == nil {
		t.Error("a link was written through")
	}
}
