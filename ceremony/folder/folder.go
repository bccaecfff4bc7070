// Package folder is a ceremony's directory on disk.
//
//	2026-11-24-KC-2026-017-init/
//	  transcript.jsonl   one event a line, see ceremony/transcript
//	  shares/…           one encrypted share a custodian, and other artefacts
//	  head.txt           count and SHA-256 of the last line, written at the end
//	  checkpoint.note    the same as a C2SP checkpoint: what people sign
//	  sha256sums         of every file above, for sha256sum -c
//	  signatures/…       by people, added later; see Attach
//	  transcript.torn    the torn last line of an interrupted run, if there was one
//
// In a rehearsal the directory's name and every file's begin with PRACTICE-, so
// that a file shows what it is also where it lies alone. Callers use the plain
// names.
//
// It promises: the directory is 0700 and files are 0600; a file is written
// once, never over another and never through a link that leads outside; it is synced, with its
// directory, and was read back and compared when Put or Append returns (of a file
// that is put, the system is told to forget its copy first; a line of the
// transcript may come from its cache). One process at a time writes to
// the directory. No program of ours removes one.
//
// It does not promise that a file which is removed is gone from the medium.
package folder

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"conclave/ceremony/transcript"
)

const (
	transcriptName = "transcript.jsonl"
	headName       = "head.txt"
	checkpointName = "checkpoint.note"
	sumsName       = "sha256sums"
	tornName       = "transcript.torn"
	practicePrefix = "PRACTICE-"
)

// The errors that callers branch on.
var (
	ErrLocked   = errors.New("another Conclave works in this directory")
	ErrNoRecord = errors.New("this directory holds no transcript")
)

// Folder is the open directory of a ceremony that is under way. It is a
// ceremony's Journal and Shelf.
type Folder struct {
	path     string
	practice bool
	root     *os.Root
	lock     *os.File // the directory itself
	file     *os.File // the transcript, opened to append
	journal  *transcript.Writer
}

// Name is the name of a ceremony's directory. What a file name should not hold
// becomes a hyphen.
func Name(day time.Time, id, ceremony string, practice bool) string {
	name := day.UTC().Format(time.DateOnly) + "-" + safe(id) + "-" + safe(ceremony)
	if practice {
		name = practicePrefix + name
	}
	return name
}

// FileName makes a part of a file's name from a person's name or the like:
// "alice-example".
func FileName(s string) string { return strings.ToLower(safe(s)) }

func safe(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_', r == '.':
			return r
		}
		return '-'
	}, s)
	for strings.Contains(s, "--") {
		s = strings.ReplaceAll(s, "--", "-")
	}
	if s = strings.Trim(s, "-."); s == "" {
		return "x"
	}
	return s[:min(len(s), 80)]
}

// Create makes the directory name in parent, which must exist, and starts the
// transcript. A directory of that name is an error: a plan's id is used once.
func Create(parent, name string, practice bool) (*Folder, error) {
	return create(parent, name, practice, Clock)
}

func create(parent, name string, practice bool, clock transcript.Clock) (*Folder, error) {
	dir := filepath.Join(parent, name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the ceremony's directory: %w", err)
	}
	if err := syncDir(parent); err != nil {
		return nil, err
	}
	f, err := open(dir, practice)
	if err != nil {
		return nil, err
	}
	f.file, err = f.root.OpenFile(f.name(transcriptName), os.O_WRONLY|os.O_APPEND|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		err = syncDir(dir)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("making the transcript: %w", err)
	}
	f.journal = transcript.NewWriter(f.file, clock)
	return f, nil
}

// open locks a directory.
func open(dir string, practice bool) (*Folder, error) {
	lock, err := os.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0) // #nosec G304 -- the operator's choice
	if err != nil {
		return nil, fmt.Errorf("opening the ceremony's directory: %w", err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil { // #nosec G115 -- a descriptor
		lock.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("locking %q: %w", dir, ErrLocked)
		}
		return nil, fmt.Errorf("locking %q: %w", dir, err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		lock.Close()
		return nil, fmt.Errorf("opening the ceremony's directory: %w", err)
	}
	return &Folder{path: dir, practice: practice, root: root, lock: lock}, nil
}

// Close releases the directory. It writes nothing.
func (f *Folder) Close() error {
	var errs []error
	if f.file != nil {
		errs = append(errs, f.file.Close())
	}
	return errors.Join(append(errs, f.root.Close(), unlock(f.lock))...)
}

// unlock gives back what Flock gave, and closes. Closing alone would not do while
// a child of this process is between fork and exec: it has the descriptor, too.
func unlock(f *os.File) error {
	return errors.Join(unix.Flock(int(f.Fd()), unix.LOCK_UN), f.Close()) // #nosec G115 -- a descriptor
}

// Dir is the directory's path.
func (f *Folder) Dir() string { return f.path }

// Append writes one event to the transcript; it is on disk on return.
func (f *Folder) Append(e transcript.Entry) (transcript.Event, error) { return f.journal.Append(e) }

// Head is the number of events so far and the SHA-256 of the last line.
func (f *Folder) Head() (uint64, [sha256.Size]byte) {
	h := f.journal.Head()
	return h.Count, h.SHA256
}

// name is the name on disk of a file that callers know as name.
func (f *Folder) name(name string) string { return onDisk(name, f.practice) }

func onDisk(name string, practice bool) string {
	if !practice {
		return name
	}
	dir, file := path.Split(name)
	return dir + practicePrefix + file
}

// Path is where a file lies, for people; "." is the directory itself.
func (f *Folder) Path(name string) string {
	if name == "." {
		return f.path
	}
	return filepath.Join(f.path, filepath.FromSlash(f.name(name)))
}

func syncDir(dir string) error {
	d, err := os.Open(dir) // #nosec G304 -- the operator's choice
	if err != nil {
		return fmt.Errorf("syncing a directory: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("syncing the directory %q: %w", dir, err)
	}
	return nil
}

// isRegular tells whether an entry is a plain file.
func isRegular(d fs.DirEntry) bool { return d.Type().IsRegular() }
