package storage

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
)

// Remove removes the staging directory, and what was added if the set never
// became live. core/ is not touched. "Removed" is all that can be said of it: a
// file system keeps what it likes.
func (st *Staged) Remove() error {
	is, err := st.Standing()
	switch {
	case err != nil:
		return err
	case is == Ready || is == Stale:
		if err := st.removeAdded(); err != nil {
			return err
		}
	default:
		// A run that was killed after its exchange may not have brought it to
		// disk: what is removed now must not be what core/ is there.
		if err := st.s.syncDir(st.s.root); err != nil {
			return err
		}
	}
	return st.remove()
}

func (st *Staged) removeAdded() error {
	for i, a := range slices.Backward(st.Added) {
		there, err := st.added(i)
		if err != nil {
			return err
		}
		name := filepath.Join(st.s.root, fileOf(a.Key))
		if there {
			if err := st.s.fs.Remove(name); err != nil {
				return fmt.Errorf("removing %q: %w", a.Key, err)
			}
		}
		// Directories that were made for it may be there without it.
		if err := st.s.prune(filepath.Dir(name)); err != nil {
			return err
		}
	}
	return nil
}

// prune removes empty directories from dir upwards, as a server does, and
// brings the first that stays to disk.
func (s *Store) prune(dir string) error {
	for ; dir != s.root; dir = filepath.Dir(dir) {
		names, err := s.fs.ReadDir(dir)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("removing %q: %w", dir, err)
		}
		if len(names) > 0 {
			break
		}
		if err := s.fs.Remove(dir); err != nil {
			return fmt.Errorf("removing %q: %w", dir, err)
		}
	}
	return s.syncDir(dir)
}

// remove takes the directory away, stage.json first: what is left of it after
// a crash is rubble and never taken for a staged set.
func (st *Staged) remove() error {
	s, top := st.s, filepath.Dir(st.dir)
	switch _, err := s.fs.Lstat(st.dir); {
	case errors.Is(err, fs.ErrNotExist): // an earlier try came so far
		return s.removed(top)
	case err != nil:
		return fmt.Errorf("removing what was staged: %w", err)
	}
	for _, name := range []string{metaName, metaName + ".new"} {
		if err := s.fs.Remove(filepath.Join(st.dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing what was staged: %w", err)
		}
	}
	if err := s.syncDir(st.dir); err != nil {
		return err
	}
	if err := s.removeTree(st.dir); err != nil {
		return err
	}
	return s.removed(top)
}

// removed brings to disk that a staging directory is gone, and the directory of
// all of them if it was the last.
func (s *Store) removed(top string) error {
	err := s.syncDir(top)
	if errors.Is(err, fs.ErrNotExist) {
		return s.syncDir(s.root)
	}
	if err != nil {
		return err
	}
	return s.prune(top)
}

func (s *Store) removeTree(dir string) error {
	names, err := s.fs.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("removing %q: %w", dir, err)
	}
	for _, name := range names {
		full := filepath.Join(dir, name)
		st, err := s.fs.Lstat(full)
		if err == nil && st.Mode.IsDir() {
			err = s.removeTree(full)
		} else if err == nil {
			err = s.fs.Remove(full)
		}
		if err != nil {
			return fmt.Errorf("removing %q: %w", full, err)
		}
	}
	if err := s.fs.Remove(dir); err != nil {
		return fmt.Errorf("removing %q: %w", dir, err)
	}
	return nil
}
