package command

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"conclave/assets/clean"
	"conclave/ceremony/folder"
	"conclave/ceremony/transcript"
)

// runs is what lies in one directory of ceremonies, or in its rehearsals: all
// runs that began there, of whatever vault.
type runs struct {
	dir      string
	practice bool
	listed   []folder.Listed
	found    map[int][]folder.Found // by number
	old      int                    // records from before there were numbers
	noLine   []string               // runs that ended before their first event

	ended   []string // runs that were aborted, with their reasons
	gaps    []string
	changed []string
}

// readRuns reads the runs of a directory and says what is wrong with them. nil
// if it has none.
func readRuns(dir string, practice bool) (*runs, error) {
	r := &runs{dir: dir, practice: practice, found: map[int][]folder.Found{}}
	var err error
	if r.listed, err = folder.Runs(dir, practice); err != nil {
		r.changed = append(r.changed, err.Error())
	}
	found, err := folder.Find(dir)
	if err != nil {
		return nil, err
	}
	for _, f := range found {
		name := filepath.Base(f.Dir)
		switch n := folder.RunNumber(f.Report); {
		case strings.HasPrefix(name, "PRACTICE-") != practice:
		case f.Report.Head.Count == 0:
			r.noLine = append(r.noLine, name)
		case n == 0:
			r.old++
		case !slices.ContainsFunc(r.found[n], func(g folder.Found) bool { return g.Report.Head == f.Report.Head }):
			r.found[n] = append(r.found[n], f)
		}
	}
	if len(r.listed) == 0 && len(r.found) == 0 && len(r.changed) == 0 {
		return nil, nil
	}
	r.judge()
	return r, nil
}

// judge goes through all numbers, from the first that there can be.
func (r *runs) judge() {
	listed := map[int]string{}
	first, last := 1, 0
	for _, l := range r.listed {
		listed[l.Number] = l.Name
		last = max(last, l.Number)
	}
	for n := range r.found {
		last = max(last, n)
	}
	// Records from before there were numbers have the first of them.
	first += r.old
	missing := 0
	for n := first; n <= last; n++ {
		name, here := listed[n], r.found[n]
		switch {
		case len(here) > 1:
			r.changed = append(r.changed, fmt.Sprintf("%d records are run %d", len(here), n))
		case len(here) == 1 && name != "" && name != filepath.Base(here[0].Dir):
			r.changed = append(r.changed, fmt.Sprintf("run %d was %s, and is now in %s", n, name, filepath.Base(here[0].Dir)))
		case len(here) == 0 && slices.Contains(r.noLine, name):
			r.gaps = append(r.gaps, fmt.Sprintf("run %d, %s, ended before its first event", n, name))
		case len(here) == 0:
			if missing++; missing <= maxMissing {
				r.gaps = append(r.gaps, strings.TrimSuffix(fmt.Sprintf("run %d is missing: %s", n, name), ": "))
			}
		case len(r.listed) > 0 && n >= r.listed[0].Number && name == "":
			r.changed = append(r.changed, fmt.Sprintf("run %d is not in the list of runs", n))
		}
		if len(here) > 0 {
			r.ending(here[0], n)
			r.follows(here[0], n)
		}
	}
	if missing > maxMissing {
		r.gaps = append(r.gaps, fmt.Sprintf("and %d more runs are missing", missing-maxMissing))
	}
}

// maxMissing bounds what a hostile record makes us print.
const maxMissing = 100

// ending names a run that did not come to its end.
func (r *runs) ending(f folder.Found, n int) {
	id := f.Report.Header.Facts.Text("id")
	switch {
	case f.Report.State == transcript.Closed && f.Report.Last.Kind == "aborted":
		last := f.Report.Last.Facts
		r.ended = append(r.ended, fmt.Sprintf("run %d, %s, in step %s: %s", n, id, cmp.Or(last.Text("step"), "none"), last.Text("reason")))
	case f.Report.State == transcript.Interrupted:
		r.gaps = append(r.gaps, fmt.Sprintf("run %d, %s, has no end: it was interrupted", n, id))
	case f.Report.Code() == CodeChanged:
		r.changed = append(r.changed, fmt.Sprintf("run %d, %s: %s", n, id, f.Report.Problem))
	}
}

// follows compares what a run says of the run before it with that.
func (r *runs) follows(f folder.Found, n int) {
	head := f.Report.Header.Facts.Text("run_before")
	before := r.found[n-1]
	if head == "" || len(before) != 1 || before[0].Report.Code() == CodeChanged {
		return
	}
	b := before[0].Report
	end := folder.Outcome(b)
	said := f.Report.Header.Facts.Text("run_before_outcome")
	switch {
	case head != b.Head.String():
		r.changed = append(r.changed, fmt.Sprintf("run %d names another record before it than run %d: that was changed, or went on, after run %d began", n, n-1, n))
	case said != end:
		r.changed = append(r.changed, fmt.Sprintf("run %d says that run %d was %s, and it is %s", n, n-1, said, end))
	}
}

// print writes the list. Nothing from a record begins a line.
func (r *runs) print(p *Process) {
	kind := "ALL RUNS"
	if r.practice {
		kind = "PRACTICE: ALL REHEARSALS"
	}
	fmt.Fprintf(p.Stdout, "%s\n  in %s: %d\n", kind, clean.Clean(r.dir), len(r.found)+r.old)
	for _, part := range []struct {
		label string
		list  []string
	}{{"aborted", r.ended}, {"gap", r.gaps}, {"problem", r.changed}} {
		for _, s := range part.list {
			fmt.Fprintf(p.Stdout, "  %-8s %s\n", part.label, clean.Clean(s))
		}
	}
	verdict := "NUMBERED: every run that was written down here is here."
	switch {
	case len(r.changed) > 0:
		verdict = "CHANGED: these runs are not numbered as Conclave numbers them."
	case len(r.gaps) > 0:
		verdict = "GAPS: runs were begun here that are not here, or have no end."
	}
	fmt.Fprintf(p.Stdout, "\n%s\nThe last runs could be gone with their lines in the list: only paper shows that.\n\n", verdict)
}

// verifyRuns prints the runs of each directory that holds ceremonies.
func (p *Process) verifyRuns(dirs []string) (code int, err error) {
	for _, dir := range dirs {
		if rec, err := folder.OpenRecord(dir); err == nil {
			_ = rec.Close() // only looked at: it is a record, not a directory of them
			continue
		}
		for _, practice := range []bool{false, true} {
			r, err := readRuns(dir, practice)
			if err != nil {
				return CodeFailed, err
			}
			if r == nil {
				continue
			}
			r.print(p)
			switch {
			case len(r.changed) > 0:
				code = CodeChanged
			case len(r.gaps) > 0:
				code = max(code, CodeStopped)
			}
		}
	}
	return code, nil
}
