package storage

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"conclave/vaultstate"
)

// Changes is what a staged core/ differs in, and what is added outside it.
// Keys are whole keys ("core/keyring").
type Changes struct {
	Put    map[string][]byte // below core/
	Delete []string          // below core/
	Add    []Entry           // outside core/, in the order in which they become live
}

// Entry is a key and its value.
type Entry struct {
	Key   string
	Value []byte
}

// Stage makes the new state beside the live one and leaves that alone. m needs
// ID, Kind, Set, Made and Facts. Files that do not change are hard links, and
// copies where links are refused: a linked file is never written to, nor are
// its mode and owner changed. New files have owner and mode of the old, else
// the storage directory's owner and 0600. On return everything is on disk. If
// it fails, nothing is left, or rubble without a stage.json that Find reports.
func (s *Store) Stage(m Meta, c Changes) (*Staged, error) {
	if err := CheckID(m.ID); err != nil {
		return nil, err
	}
	for key := range c.Put {
		if err := checkCoreKey(key); err != nil {
			return nil, err
		}
	}
	own, err := s.fs.Lstat(s.root)
	if err != nil {
		return nil, fmt.Errorf("staging: %w", err)
	}
	base, err := s.CoreDigest()
	if err != nil {
		return nil, err
	}
	st := &Staged{s: s, own: own, dir: s.stagingDir(m.ID), untried: true}
	if err := s.Tidy(); err != nil {
		return nil, err
	}
	if err := s.mkStaging(st.dir, own); err != nil {
		return nil, err
	}
	st.Meta = m
	st.Format, st.Base, st.New, st.Phase, st.Added = metaFormat, base.String(), base.String(), PhaseStaged, nil
	if err := st.fill(c); err != nil {
		st.Scrap()
		return nil, err
	}
	return st, nil
}

func (st *Staged) fill(c Changes) error {
	s := st.s
	if len(c.Put)+len(c.Delete) > 0 {
		if err := st.fillCore(c); err != nil {
			return err
		}
		d, err := s.digest(st.newDir())
		if err != nil {
			return err
		}
		st.New = d.String()
	}
	if len(c.Add) > 0 {
		if err := s.mkdir(st.addDir(), 0o700, st.own); err != nil {
			return err
		}
	}
	for i, e := range c.Add {
		if err := checkAdded(e.Key); err != nil {
			return err
		}
		data, err := encodeEntry(e.Value)
		if err != nil {
			return err
		}
		if err := s.write(st.addFile(i), data, 0o600, st.own); err != nil {
			return err
		}
		sum := sha256.Sum256(data)
		st.Added = append(st.Added, Added{Key: e.Key, SHA256: hex.EncodeToString(sum[:])})
	}
	if len(c.Add) > 0 {
		if err := s.syncDir(st.addDir()); err != nil {
			return err
		}
	}
	return s.writeMeta(st.dir, st.Meta, st.own)
}

func (st *Staged) fillCore(c Changes) error {
	s, own := st.s, st.own
	dirs := []string{st.newDir()}
	live, err := s.fs.Lstat(s.core)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		live = own
		err = s.mkdir(st.newDir(), 0o700, own)
	case err == nil:
		err = s.mkdir(st.newDir(), live.Mode.Perm(), live)
	}
	if err != nil {
		return fmt.Errorf("staging core/: %w", err)
	}
	skip := map[string]bool{} // below core/: written below, or dropped
	for key := range c.Put {
		skip[coreFile(key)] = true
	}
	for _, key := range c.Delete {
		skip[coreFile(key)] = true
	}
	if st.Base != "" {
		if err := s.clone(s.core, st.newDir(), "", skip, &dirs); err != nil {
			return err
		}
	}
	for _, key := range slices.Sorted(maps.Keys(c.Put)) {
		rel := coreFile(key)
		if err := s.mkdirs(st.newDir(), filepath.Dir(rel), own, &dirs); err != nil {
			return err
		}
		data, err := encodeEntry(c.Put[key])
		if err != nil {
			return err
		}
		mode, as := fs.FileMode(0o600), own
		if old, err := s.fs.Lstat(filepath.Join(s.core, rel)); err == nil {
			mode, as = old.Mode.Perm(), old
		} else if !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("staging %q: %w", key, err)
		}
		if err := s.write(filepath.Join(st.newDir(), rel), data, mode, as); err != nil {
			return err
		}
	}
	for _, d := range slices.Backward(dirs) {
		if err := s.syncDir(d); err != nil {
			return err
		}
	}
	return s.syncDir(st.dir)
}

// clone makes dst look like src, but for the files of skip.
func (s *Store) clone(src, dst, rel string, skip map[string]bool, dirs *[]string) error {
	names, err := s.fs.ReadDir(filepath.Join(src, rel))
	if err != nil {
		return fmt.Errorf("staging core/: %w", err)
	}
	for _, name := range names {
		r := filepath.Join(rel, name)
		st, err := s.fs.Lstat(filepath.Join(src, r))
		switch {
		case err != nil:
			return fmt.Errorf("staging core/: %w", err)
		case st.Mode.IsDir():
			if err = s.mkdir(filepath.Join(dst, r), st.Mode.Perm(), st); err == nil {
				*dirs = append(*dirs, filepath.Join(dst, r))
				err = s.clone(src, dst, r, skip, dirs)
			}
		case !st.Mode.IsRegular():
			err = fmt.Errorf("%w: %q is neither a file nor a directory", vaultstate.ErrUnsupported, filepath.Join(src, r))
		case !skip[r]:
			err = s.linkOrCopy(filepath.Join(src, r), filepath.Join(dst, r), st)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// noLinks are the errors with which file systems refuse a hard link: none at
// all, too many, not our file (fs.protected_hardlinks), another mount.
var noLinks = []error{unix.EPERM, unix.EACCES, unix.EOPNOTSUPP, unix.ENOSYS, unix.EMLINK, unix.EXDEV}

func (s *Store) linkOrCopy(src, dst string, st Info) error {
	err := s.fs.Link(src, dst)
	if err == nil {
		return nil
	}
	if !slices.ContainsFunc(noLinks, func(e error) bool { return errors.Is(err, e) }) {
		return fmt.Errorf("staging core/: %w", err)
	}
	data, err := s.fs.ReadFile(src)
	if err != nil {
		return fmt.Errorf("staging core/: %w", err)
	}
	return s.write(dst, data, st.Mode.Perm(), st)
}

func (s *Store) mkStaging(dir string, own Info) error {
	top := filepath.Dir(dir)
	err := s.mkdir(top, 0o700, own)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	st, err := s.fs.Lstat(top)
	if err != nil {
		return fmt.Errorf("staging: %w", err)
	}
	if !st.Mode.IsDir() {
		return fmt.Errorf("staging: %q is not a directory: remove it", top)
	}
	if err := s.syncDir(s.root); err != nil {
		return err
	}
	err = s.mkdir(dir, 0o700, own)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("staging: %w: %q is there from an earlier run: finish it or remove it", vaultstate.ErrPending, dir)
	}
	if err == nil {
		err = s.syncDir(top)
	}
	if err != nil {
		(&Staged{s: s, own: own, dir: dir}).Scrap()
	}
	return err
}

// Scrap removes what is of no use: a staging that failed. What cannot be removed
// now is once more before the next staging; until then Find reports it.
func (st *Staged) Scrap() {
	if err := st.remove(); err != nil {
		st.s.rubble[st.dir] = true
	}
}

// Tidy removes what Scrap could not.
func (s *Store) Tidy() error {
	for dir := range s.rubble {
		if err := (&Staged{s: s, dir: dir}).remove(); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("a try before this one failed: %w", err)
		}
		delete(s.rubble, dir)
	}
	return nil
}

func (s *Store) stagingDir(id vaultstate.ID) string {
	return filepath.Join(s.root, stagingName, string(id))
}

func coreFile(key string) string {
	return strings.TrimPrefix(fileOf(key), coreName+"/")
}

func checkCoreKey(key string) error {
	if err := checkKey(key); err != nil {
		return err
	}
	if !strings.HasPrefix(key, coreName+"/") {
		return fmt.Errorf("staging %q: it is not below core/", key)
	}
	return nil
}

// checkAdded refuses what Swap could not put in place: it never adds to core/.
func checkAdded(key string) error {
	if err := checkKey(key); err != nil {
		return err
	}
	if !strings.HasPrefix(key, "sys/token/") {
		return fmt.Errorf("adding %q: only token entries are added", key)
	}
	return nil
}
