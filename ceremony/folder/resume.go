package folder

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"conclave/ceremony/transcript"
)

// Resume opens the directory of an interrupted ceremony to go on with it. The
// report is of the transcript as it was found. A torn last line is first copied
// to transcript.torn, then cut off; the event "resumed", which Resume appends,
// says so. A transcript that is closed or broken is refused, and nothing is
// changed.
func Resume(dir string) (*Folder, transcript.Report, error) { return resume(dir, Clock) }

func resume(dir string, clock transcript.Clock) (*Folder, transcript.Report, error) {
	practice, err := isPractice(dir)
	if err != nil {
		return nil, transcript.Report{}, err
	}
	f, err := open(dir, practice)
	if err != nil {
		return nil, transcript.Report{}, err
	}
	rep, err := f.goOn(clock)
	if err != nil {
		f.Close()
		return nil, rep, fmt.Errorf("resuming the ceremony in %q: %w", dir, err)
	}
	return f, rep, nil
}

func (f *Folder) goOn(clock transcript.Clock) (transcript.Report, error) {
	file, err := f.root.OpenFile(f.name(transcriptName), os.O_RDWR|os.O_APPEND, 0)
	if err != nil {
		return transcript.Report{}, err
	}
	f.file = file
	rep, err := transcript.Verify(file)
	switch {
	case err != nil:
		return rep, err
	case rep.State == transcript.Broken:
		return rep, fmt.Errorf("the transcript is broken in line %d: %s", rep.Line, rep.Problem)
	case rep.State != transcript.Interrupted:
		return rep, fmt.Errorf("the transcript is %s", rep.State)
	}
	facts := transcript.Facts{}
	if rep.Torn > 0 {
		name, err := f.cutTorn(int64(rep.Torn))
		if err != nil {
			return rep, fmt.Errorf("moving the torn last line away: %w", err)
		}
		facts["torn"], facts["torn_file"] = rep.Torn, name
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return rep, err
	}
	if f.journal, err = transcript.Continue(file, file, clock); err != nil {
		return rep, err
	}
	if rep.Head.Count == 0 {
		return rep, nil // the header is still to be written
	}
	_, err = f.journal.Append(transcript.Entry{Kind: "resumed", Step: rep.Last.Step, Evidence: transcript.ByProgram, Facts: facts})
	return rep, err
}

// cutTorn copies the last n bytes of the transcript aside and cuts them off.
func (f *Folder) cutTorn(n int64) (string, error) {
	info, err := f.file.Stat()
	if err != nil {
		return "", err
	}
	tail := make([]byte, n)
	if _, err := f.file.ReadAt(tail, info.Size()-n); err != nil {
		return "", err
	}
	name := tornName
	for i := 2; ; i++ {
		err := f.put(f.name(name), tail)
		if err == nil {
			break
		}
		if !errors.Is(err, fs.ErrExist) || i > 1000 {
			return "", err
		}
		name = fmt.Sprintf("%s.%d", tornName, i)
	}
	if err := f.file.Truncate(info.Size() - n); err != nil {
		return "", err
	}
	return f.name(name), f.file.Sync()
}

// InUse says by ErrLocked that another process writes to a ceremony's directory.
func InUse(dir string) error {
	f, err := open(dir, false)
	if err != nil {
		return err
	}
	return f.Close()
}

// isPractice tells by the transcript's name whether a directory is of a
// rehearsal. ErrNoRecord says that it holds none.
func isPractice(dir string) (bool, error) {
	for _, practice := range []bool{false, true} {
		info, err := os.Lstat(filepath.Join(dir, onDisk(transcriptName, practice)))
		switch {
		case err == nil && info.Mode().IsRegular():
			return practice, nil
		case err == nil:
			return false, fmt.Errorf("looking at %q: the transcript is not a regular file", dir)
		case !errors.Is(err, fs.ErrNotExist):
			return false, fmt.Errorf("looking for a transcript: %w", err)
		}
	}
	return false, fmt.Errorf("looking at %q: %w", dir, ErrNoRecord)
}
