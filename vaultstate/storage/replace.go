package storage

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"

	"conclave/vaultstate"
)

func (st *Staged) replaceDir() string { return filepath.Join(st.dir, "replace") }

// Replace puts other values in the place of entries outside core/, which must be
// there. All of them are written into the staging directory first and brought to
// disk by one syncfs; only then is each renamed over the old one, with its owner
// and mode. So after a power cut every entry is whole, the old one or the new.
// The new names are on disk after the next Replace, or after SyncReplaced.
//
// It fits changes of which any part may stay: an entry that is as readable as
// before. The caller has the lock, and knows that no server runs.
func (st *Staged) Replace(list []Entry) error {
	if len(list) == 0 {
		return nil
	}
	if err := st.emptyReplaceDir(); err != nil {
		return err
	}
	names := make([]string, len(list))
	for i, e := range list {
		if strings.HasPrefix(e.Key, coreName+"/") {
			return fmt.Errorf("replacing %q: what lies in core/ is exchanged with it", e.Key)
		}
		name, err := st.s.path(e.Key)
		if err != nil {
			return err
		}
		old, err := st.s.fs.Lstat(name)
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("replacing %q: %w: it is not there any more", e.Key, vaultstate.ErrChanged)
		} else if err != nil {
			return fmt.Errorf("replacing %q: %w", e.Key, err)
		}
		data, err := encodeEntry(e.Value)
		if err != nil {
			return err
		}
		if err := st.s.put(st.replaceFile(i), data, old.Mode.Perm(), old); err != nil {
			return err
		}
		names[i] = name
	}
	if err := st.SyncReplaced(); err != nil {
		return err
	}
	for i, name := range names {
		if err := st.s.fs.Rename(st.replaceFile(i), name, Replace); err != nil {
			return fmt.Errorf("replacing %q: %w", list[i].Key, err)
		}
	}
	return nil
}

// SyncReplaced brings to disk all that Replace did.
func (st *Staged) SyncReplaced() error {
	if err := st.s.fs.SyncFS(st.s.root); err != nil {
		return fmt.Errorf("bringing the storage to disk: %w", err)
	}
	return nil
}

func (st *Staged) replaceFile(i int) string {
	return filepath.Join(st.replaceDir(), strconv.Itoa(i))
}

// emptyReplaceDir makes the directory, or removes what a run that was cut off
// left in it.
func (st *Staged) emptyReplaceDir() error {
	err := st.s.mkdir(st.replaceDir(), 0o700, st.own)
	if err == nil || !errors.Is(err, fs.ErrExist) {
		return err
	}
	names, err := st.s.fs.ReadDir(st.replaceDir())
	if err != nil {
		return fmt.Errorf("emptying %q: %w", st.replaceDir(), err)
	}
	for _, name := range names {
		if err := st.s.fs.Remove(filepath.Join(st.replaceDir(), name)); err != nil {
			return fmt.Errorf("emptying %q: %w", st.replaceDir(), err)
		}
	}
	return nil
}
