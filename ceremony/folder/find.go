package folder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"conclave/ceremony/transcript"
)

// Found is a ceremony's directory that Find came upon.
type Found struct {
	Dir    string
	Report transcript.Report
}

// Kept is a file of some record.
type Kept struct {
	Path string
	Data []byte
}

// FindFile reads the file of this name in the records of a directory, from the
// record that is last by name, so by time. Which record it is must not matter:
// nothing of it is verified. Without such a file the error is fs.ErrNotExist.
func FindFile(parent, name string, practice bool) (Kept, error) {
	entries, err := os.ReadDir(parent)
	if err != nil {
		return Kept{}, fmt.Errorf("looking for %s: %w", name, err)
	}
	for _, e := range slices.Backward(entries) {
		if !e.IsDir() || strings.HasPrefix(e.Name(), practicePrefix) != practice {
			continue
		}
		rec, err := OpenRecord(filepath.Join(parent, e.Name()))
		if errors.Is(err, ErrNoRecord) {
			continue
		}
		if err != nil {
			return Kept{}, err
		}
		b, err := rec.Get(name)
		if err = errors.Join(err, rec.Close()); err == nil {
			return Kept{rec.Path(name), b}, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return Kept{}, err
		}
	}
	return Kept{}, fmt.Errorf("looking for %s in %s: %w", name, parent, fs.ErrNotExist)
}

// Find lists the ceremonies directly below parent, by name: those that are
// finished and those that are not.
func Find(parent string) ([]Found, error) {
	entries, err := os.ReadDir(parent)
	if err != nil {
		return nil, fmt.Errorf("looking for ceremonies: %w", err)
	}
	var list []Found
	for _, e := range entries {
		if !e.IsDir() || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		dir := filepath.Join(parent, e.Name())
		rec, err := OpenRecord(dir)
		if errors.Is(err, ErrNoRecord) {
			continue
		}
		if err != nil {
			return nil, err
		}
		rep, err := rec.Verify(nil)
		if err = errors.Join(err, rec.Close()); err != nil {
			return nil, err
		}
		list = append(list, Found{Dir: dir, Report: rep})
	}
	return list, nil
}
