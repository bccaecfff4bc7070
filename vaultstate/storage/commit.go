package storage

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"

	"conclave/vaultstate"
)

// Staged is a staging directory: a new state that waits, or, once swapped in,
// what is left of it with the old state.
type Staged struct {
	Meta
	s   *Store
	own Info // of the storage directory
	dir string
	// No Swap was tried: nothing can have been added that is not on disk.
	untried bool
}

func (st *Staged) newDir() string       { return filepath.Join(st.dir, "new") }
func (st *Staged) oldDir() string       { return filepath.Join(st.dir, "old") }
func (st *Staged) addDir() string       { return filepath.Join(st.dir, "add") }
func (st *Staged) addFile(i int) string { return filepath.Join(st.addDir(), strconv.Itoa(i)) }

// Dir is the staging directory.
func (st *Staged) Dir() string { return st.dir }

// changesCore is false for a set that only adds entries.
func (st *Staged) changesCore() bool { return st.Base != st.New }

// View is the storage as it will be: core/ is read from the staged copy.
func (st *Staged) View() *Store {
	v := *st.s
	if st.changesCore() {
		v.core = st.newDir()
	}
	return &v
}

// Old is the storage as it was before the swap: core/ is read from the copy
// that is kept. nil if there was none, or if core/ did not change.
func (st *Staged) Old() *Store {
	if !st.changesCore() || st.Base == "" {
		return nil
	}
	v := *st.s
	v.core = st.oldDir()
	return &v
}

// Note writes the phase and the facts of the package above to disk.
func (st *Staged) Note(p Phase, facts []byte) error {
	m := st.Meta
	m.Phase, m.Facts = p, facts
	if err := st.s.writeMeta(st.dir, m, st.own); err != nil {
		return err
	}
	st.Meta = m
	return nil
}

// Swap makes the staged state live: first the added entries, then the exchange
// of core/. It is refused with ErrChanged, before anything is done, unless both
// sides are what they were when they were staged. A call after a crash goes on.
func (st *Staged) Swap() error {
	is, err := st.Standing()
	if err != nil {
		return err
	}
	if is != Ready && is != Committed {
		return fmt.Errorf("committing %s: %w (%s)", st.ID, vaultstate.ErrChanged, is)
	}
	first := st.untried
	st.untried = false
	for i := range st.Added {
		if err := st.add(i, first); err != nil {
			return err
		}
	}
	if is == Committed {
		return st.settle()
	}
	if st.changesCore() {
		how := Exchange
		if st.Base == "" {
			how = NoReplace
		}
		if err := st.s.fs.Rename(st.newDir(), st.s.core, how); err != nil {
			return fmt.Errorf("exchanging core/: %w", err)
		}
		if err := st.s.syncDir(st.s.root); err != nil {
			return err
		}
	}
	return st.settle()
}

// settle does what may follow the exchange at leisure: it gives the old state
// its name and brings the names to disk.
func (st *Staged) settle() error {
	_, err := st.s.fs.Lstat(st.newDir())
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return fmt.Errorf("keeping the old core/: %w", err)
	default:
		if err := st.s.fs.Rename(st.newDir(), st.oldDir(), NoReplace); err != nil {
			return fmt.Errorf("keeping the old core/: %w", err)
		}
	}
	if err := st.s.syncDir(st.dir); err != nil {
		return err
	}
	return st.s.syncDir(st.s.root)
}

// Settled names the side of the storage that is not as the swap left it, or
// returns "". It is asked right after the swap and again after a while.
func (st *Staged) Settled() (string, error) {
	live, err := st.s.CoreDigest()
	if err != nil {
		return "", err
	}
	if live.String() != st.New {
		return "core/", nil
	}
	if !st.changesCore() || st.Base == "" {
		return "", nil
	}
	old, err := st.s.digest(st.oldDir())
	if err != nil {
		return "", err
	}
	if old.String() != st.Base {
		return "the old core/ in " + st.oldDir(), nil
	}
	return "", nil
}

// add puts one added entry in place, unless it is there already. What an earlier
// try may have made, and not brought to disk, is brought there by this one.
func (st *Staged) add(i int, first bool) error {
	key := st.Added[i].Key
	there, err := st.added(i)
	if err != nil {
		return err
	}
	rel := fileOf(key)
	name := filepath.Join(st.s.root, rel)
	var made []string
	if err := st.s.mkdirs(st.s.root, filepath.Dir(rel), st.own, &made); err != nil {
		return fmt.Errorf("adding %q: %w", key, err)
	}
	if !first {
		made = nil
		for d := filepath.Dir(name); d != st.s.root; d = filepath.Dir(d) {
			made = append(made, d)
		}
		slices.Reverse(made)
	}
	// The directories are on disk before the entry moves into them: it must not
	// be lost with them.
	for _, d := range made {
		if err := st.s.syncDir(filepath.Dir(d)); err != nil {
			return err
		}
	}
	if !there {
		if err := st.s.fs.Rename(st.addFile(i), name, NoReplace); err != nil {
			return fmt.Errorf("adding %q: %w", key, err)
		}
	} else if first {
		return nil
	}
	return st.s.syncDir(filepath.Dir(name))
}

// added tells whether an added entry is in place, as we wrote it.
func (st *Staged) added(i int) (bool, error) {
	data, err := st.s.fs.ReadFile(filepath.Join(st.s.root, fileOf(st.Added[i].Key)))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("reading %q: %w", st.Added[i].Key, err)
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]) == st.Added[i].SHA256, nil
}

// Rollback puts the state from before the swap back, and removes the other and
// what was added. It is refused with ErrChanged unless the live state is still
// the one that was swapped in: what a server wrote since would be lost.
func (st *Staged) Rollback() error {
	is, err := st.Standing()
	if err != nil {
		return err
	}
	if is != Committed || !st.changesCore() {
		return fmt.Errorf("putting the state from before %s back: %w (%s)", st.ID, vaultstate.ErrChanged, is)
	}
	if st.Base == "" {
		err = st.s.fs.Rename(st.s.core, st.newDir(), NoReplace)
	} else {
		var dir string
		if dir, _, err = st.otherSide(); err == nil {
			err = st.s.fs.Rename(dir, st.s.core, Exchange)
		}
	}
	if err != nil {
		return fmt.Errorf("exchanging core/: %w", err)
	}
	if err := st.s.syncDir(st.s.root); err != nil {
		return err
	}
	if err := st.s.syncDir(st.dir); err != nil {
		return err
	}
	return st.Remove()
}

// BaseDigest is the digest of the state that the set was made from.
func (st *Staged) BaseDigest() (vaultstate.Digest, error) { return parseDigest(st.Base) }
