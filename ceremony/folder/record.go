package folder

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

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

// Path is where a file of the record lies, for people.
func (r *Record) Path(name string) string {
	return filepath.Join(r.dir, filepath.FromSlash(onDisk(name, r.practice)))
}

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

// Names are the regular files of a directory of the record, "." for its own, by
// the names that Get takes. A directory that is not there has none.
func (r *Record) Names(dir string) ([]string, error) {
	entries, err := fs.ReadDir(r.root.FS(), dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing %q of the record: %w", dir, err)
	}
	var names []string
	for _, e := range entries {
		name := e.Name()
		if r.practice {
			name = strings.TrimPrefix(name, practicePrefix)
		}
		if isRegular(e) && onDisk(name, r.practice) == e.Name() {
			names = append(names, path.Join(dir, name))
		}
	}
	return names, nil
}

// Verify reads the transcript, compares it with head.txt and checkpoint.note
// where they are there, and hands each event to see, which may be nil. Files
// that cannot be read as such are noted in the report.
func (r *Record) Verify(see func(transcript.Event) error) (transcript.Report, error) {
	t, err := r.Transcript()
	if err != nil {
		return transcript.Report{}, err
	}
	rep, err := transcript.Scan(t, see)
	if err = errors.Join(err, t.Close()); err != nil {
		return rep, fmt.Errorf("verifying the record: %w", err)
	}
	if err := r.beside(&rep); err != nil {
		return rep, err
	}
	return rep, nil
}

// beside compares the transcript with head.txt and checkpoint.note.
func (r *Record) beside(rep *transcript.Report) error {
	b, err := r.Get(headName)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	default:
		head, practice, err := transcript.ParseHeadText(b)
		switch {
		case err != nil:
			rep.Refuse("head.txt: " + err.Error())
		case rep.Head.Count > 0 && practice != rep.Header.Practice:
			rep.Refuse("head.txt and the transcript disagree whether this is practice")
		default:
			rep.Compare(head, headName, false)
		}
	}
	b, err = r.Get(checkpointName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	c, _, err := transcript.ParseCheckpoint(b)
	switch {
	case err != nil:
		rep.Refuse("checkpoint.note: " + err.Error())
	case c != rep.Checkpoint() || rep.Torn > 0:
		rep.Refuse("checkpoint.note names another transcript")
	}
	return nil
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
