package storage

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
)

// Delete removes one entry below sys/token/, as a server does, and brings that to
// disk. One that is not there is no error. It is one unlink: at every instant a
// server that starts finds the entry whole or not at all. The caller has the
// lock, and knows that no server runs.
func (s *Store) Delete(key string) error {
	if err := checkAdded(key); err != nil {
		return err
	}
	name, err := s.path(key)
	if err != nil {
		return err
	}
	if err := s.fs.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing %q: %w", key, err)
	}
	return s.prune(filepath.Dir(name))
}
