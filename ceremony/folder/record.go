package folder

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"conclave/ceremony/transcript"
)

// Record is a ceremony's directory opened to read it. Nothing is locked and
// nothing is changed.
type Record struct {
	dir      string
	practice bool
	root     *os.Root
}

// OpenRecord opens a directory that holds a transcript.
func OpenRecord(dir string) (*Record, error) {
	practice, err := isPractice(dir)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("opening a record: %w", err)
	}
	return &Record{dir: dir, practice: practice, root: root}, nil
}

// Close ends the use of the record.
func (r *Record) Close() error { return r.root.Close() }

// Dir is the directory's path.
func (r *Record) Dir() string { return r.dir }

// Get reads a file of the record.
func (r *Record) Get(name string) ([]byte, error) {
	if !fs.ValidPath(name) {
		return nil, fmt.Errorf("reading %q: this is not a name in the record", name)
	}
	b, err := read(r.root, onDisk(name, r.practice))
	if err != nil {
		return nil, fmt.Errorf("reading %q of the record: %w", name, err)
	}
	return b, nil
}

// Transcript opens the transcript to read it.
func (r *Record) Transcript() (io.ReadCloser, error) {
	f, err := openRead(r.root, onDisk(transcriptName, r.practice))
	if err != nil {
		return nil, fmt.Errorf("opening the transcript of the record: %w", err)
	}
	return f, nil
}

// Verify reads the transcript, compares it with head.txt where that is there,
// and hands each event to see, which may be nil. A closed transcript without
// head.txt, and a head.txt that cannot be read as one, are noted in the report.
func (r *Record) Verify(see func(transcript.Event) error) (transcript.Report, error) {
	t, err := r.Transcript()
	if err != nil {
		return transcript.Report{}, err
	}
	rep, err := transcript.Scan(t, see)
	if err = errors.Join(err, t.Close()); err != nil {
		return rep, fmt.Errorf("verifying the record: %w", err)
	}
	b, err := r.Get(headName)
	if errors.Is(err, fs.ErrNotExist) {
		return rep, nil
	}
	if err != nil {
		return rep, err
	}
	head, practice, err := transcript.ParseHeadText(b)
	switch {
	case err != nil:
		rep.Refuse("head.txt: " + err.Error())
	case rep.Head.Count > 0 && practice != rep.Header.Practice:
		rep.Refuse("head.txt and the transcript disagree whether this is practice")
	default:
		rep.Compare(head, headName, false)
	}
	return rep, nil
}

// Events reads all events of the record, for reports and rosters. They are to
// be trusted as far as the report says.
func (r *Record) Events() ([]transcript.Event, transcript.Report, error) {
	var list []transcript.Event
	rep, err := r.Verify(func(ev transcript.Event) error {
		list = append(list, ev)
		return nil
	})
	return list, rep, err
}
