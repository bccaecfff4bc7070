package storage

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
)

// write makes a new file with mode and owner, and puts its bytes on disk. The
// name is on disk after a syncDir of its directory.
func (s *Store) write(name string, data []byte, mode fs.FileMode, as Info) error {
	return s.make(name, data, mode, as, File.Sync)
}

// put is write without the disk: a syncfs for many files follows.
func (s *Store) put(name string, data []byte, mode fs.FileMode, as Info) error {
	return s.make(name, data, mode, as, func(File) error { return nil })
}

func (s *Store) make(name string, data []byte, mode fs.FileMode, as Info, sync func(File) error) error {
	f, err := s.fs.Create(name, 0o600)
	if err != nil {
		return fmt.Errorf("writing %q: %w", name, err)
	}
	_, err = f.Write(data)
	if err == nil {
		err = s.dress(name, mode, as)
	}
	if err == nil {
		err = sync(f)
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("writing %q: %w", name, err)
	}
	return nil
}

func (s *Store) mkdir(name string, mode fs.FileMode, as Info) error {
	if err := s.fs.Mkdir(name, 0o700); err != nil {
		return fmt.Errorf("making %q: %w", name, err)
	}
	return s.dress(name, mode, as)
}

// dress gives what was just made (never a link) its owner and mode.
func (s *Store) dress(name string, mode fs.FileMode, as Info) error {
	st, err := s.fs.Lstat(name)
	if err != nil {
		return err
	}
	if st.UID != as.UID || st.GID != as.GID {
		if err := s.fs.Chown(name, as.UID, as.GID); err != nil {
			return fmt.Errorf("giving it to the storage's owner (run as that user, or as root): %w", err)
		}
	}
	if st.Mode.Perm() != mode {
		return s.fs.Chmod(name, mode)
	}
	return nil
}

// mkdirs makes what is missing of root/rel and lists it in made.
func (s *Store) mkdirs(root, rel string, as Info, made *[]string) error {
	if rel == "." {
		return nil
	}
	at := root
	for part := range strings.SplitSeq(rel, "/") {
		at = filepath.Join(at, part)
		err := s.mkdir(at, 0o700, as)
		switch {
		case err == nil:
			*made = append(*made, at)
		case errors.Is(err, fs.ErrExist):
			st, err := s.fs.Lstat(at)
			if err != nil {
				return fmt.Errorf("making %q: %w", at, err)
			}
			if !st.Mode.IsDir() {
				return fmt.Errorf("making %q: there is something else of that name", at)
			}
		default:
			return err
		}
	}
	return nil
}

func (s *Store) syncDir(dir string) error {
	if err := s.fs.SyncDir(dir); err != nil {
		return fmt.Errorf("writing %q to disk: %w", dir, err)
	}
	return nil
}
