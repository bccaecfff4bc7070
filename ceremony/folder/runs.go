package folder

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"conclave/assets/clean"
	"conclave/ceremony/transcript"
)

// runsName is the list of all runs in a directory of ceremonies, one a line:
// the number, two blanks, the name of the run's directory. A run is written
// down before its record begins, so that one whose directory is gone is missed.
const runsName = "runs.txt"

// maxRuns bounds the list.
const maxRuns = 1 << 20

// Run is one run of a ceremony among all in a directory, of whatever vault. A
// rehearsal counts among rehearsals.
type Run struct {
	Number  int
	Before  string // the run before: its id, "" if this is the first
	Head    string // of the transcript of the run before, as it is now
	Outcome string // of the run before: "closed", "aborted", "interrupted", "not what it claims", "gone"
}

// Text is the run for the plan that is read aloud.
func (r Run) Text() string {
	s := fmt.Sprintf("number %d", r.Number)
	if r.Before == "" {
		return s + ", the first"
	}
	s += ", after " + r.Before + ", " + r.Outcome
	if r.Head != "" {
		s += ", head " + r.Head
	}
	return s
}

// NextRun is the run that would begin now.
func NextRun(parent string, practice bool) (Run, error) {
	return run(parent, practice, "", func(Run) error { return nil })
}

// Enter gives the run in the directory name, which Create has made, its number
// and writes it down.
func Enter(parent, name string, practice bool) (r Run, err error) {
	list, err := os.OpenFile(filepath.Join(parent, onDisk(runsName, practice)), os.O_RDWR|os.O_APPEND|os.O_CREATE|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o600) // #nosec G304 -- the operator's choice
	if err != nil {
		return Run{}, fmt.Errorf("opening the list of runs: %w", err)
	}
	defer func() { err = errors.Join(err, list.Close()) }()
	if err := unix.Flock(int(list.Fd()), unix.LOCK_EX); err != nil { // #nosec G115 -- a descriptor
		return Run{}, fmt.Errorf("locking the list of runs: %w", err)
	}
	return run(parent, practice, name, func(r Run) error {
		b, err := readRuns(list)
		if err == nil {
			// A line that a loss of power cut off names no run that began.
			err = list.Truncate(int64(bytes.LastIndexByte(b, '\n') + 1))
		}
		if err == nil {
			_, err = fmt.Fprintf(list, "%d  %s\n", r.Number, name)
		}
		if err == nil {
			err = list.Sync()
		}
		if err == nil {
			err = syncDir(parent)
		}
		if err != nil {
			return fmt.Errorf("writing the list of runs: %w", err)
		}
		return nil
	})
}

// run finds the number after all that are written down or in a record, and
// what the run before was.
func run(parent string, practice bool, own string, use func(Run) error) (Run, error) {
	list, err := Runs(parent, practice)
	if err != nil {
		return Run{}, err
	}
	found, err := Find(parent)
	if err != nil {
		return Run{}, err
	}
	r := Run{}
	names := map[string]Found{}
	last := ""
	old := 0 // records from before there were numbers
	for _, f := range found {
		name := filepath.Base(f.Dir)
		if name == own || strings.HasPrefix(name, practicePrefix) != practice {
			continue
		}
		names[name] = f
		n := RunNumber(f.Report)
		if n == 0 {
			old++
		}
		if n > r.Number {
			r.Number, last = n, name
		}
	}
	for _, l := range list {
		if l.Number >= r.Number {
			r.Number, last = l.Number, l.Name
		}
	}
	r.Number = max(r.Number, old) + 1
	switch f, there := names[last]; {
	case there:
		r.Before, r.Outcome = clean.Clean(f.Report.Header.Facts.Text("id")), Outcome(f.Report)
		if r.Before == "" {
			r.Before = last // it ended before its first line
		}
		if f.Report.Head.Count > 0 {
			r.Head = f.Report.Head.String()
		}
	case last != "":
		r.Before, r.Outcome = last, "gone"
	}
	return r, use(r)
}

// RunNumber is the number that a record has among all runs of its directory, 0
// if it is from before there were any.
func RunNumber(rep transcript.Report) int { return rep.Header.Facts.Number("run") }

// Outcome is how a record ended, as the header of the next names it.
func Outcome(rep transcript.Report) string {
	switch rep.State {
	case transcript.Closed:
		return rep.Last.Kind
	case transcript.Interrupted:
		return "interrupted"
	case transcript.Broken, transcript.Changed, transcript.Open:
		// A chain of custody is no ceremony.
	}
	return "not what it claims"
}

// Listed is one line of the list of runs.
type Listed struct {
	Number int
	Name   string // of the run's directory
}

// ErrRuns says that the list of runs is not one.
var ErrRuns = errors.New("this is no list of runs")

// Runs reads the list of runs of a directory. One that is not there is empty.
func Runs(parent string, practice bool) ([]Listed, error) {
	name := filepath.Join(parent, onDisk(runsName, practice))
	f, err := os.OpenFile(name, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0) // #nosec G304 -- the operator's choice
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the list of runs: %w", err)
	}
	defer f.Close()
	b, err := readRuns(f)
	if err != nil {
		return nil, fmt.Errorf("reading the list of runs %q: %w", name, err)
	}
	list, err := parseRuns(b)
	if err != nil {
		return nil, fmt.Errorf("reading %q: %w", name, err)
	}
	return list, nil
}

func readRuns(f *os.File) ([]byte, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("this is not a regular file")
	}
	b, err := io.ReadAll(io.LimitReader(f, maxRuns+1))
	if err == nil && len(b) > maxRuns {
		err = errors.New("the file is too large")
	}
	return b, err
}

// parseRuns reads the whole lines.
func parseRuns(b []byte) ([]Listed, error) {
	var list []Listed
	for i := 1; len(b) > 0; i++ {
		line, rest, whole := bytes.Cut(b, []byte("\n"))
		if !whole {
			return list, nil
		}
		number, name, ok := strings.Cut(string(line), "  ")
		n, err := strconv.ParseUint(number, 10, 31)
		switch {
		case !ok || err != nil || n == 0 || fmt.Sprint(n) != number || name != clean.Clean(name) || name != filepath.Base(name):
			return list, fmt.Errorf("%w: line %d has not the number and the name of a run", ErrRuns, i)
		case len(list) > 0 && int(n) <= list[len(list)-1].Number: // #nosec G115 -- at most 31 bits
			return list, fmt.Errorf("%w: line %d goes back to number %d", ErrRuns, i, n)
		}
		list = append(list, Listed{int(n), name}) // #nosec G115 -- at most 31 bits
		b = rest
	}
	return list, nil
}
