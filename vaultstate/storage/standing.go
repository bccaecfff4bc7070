package storage

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"conclave/vaultstate"
)

// Standing is where a staging directory stands, told by the digests of both
// sides and by nothing that was written down.
type Standing string

// The standings. Only Ready may be swapped in, and only Committed back out.
const (
	Ready     Standing = "ready"     // staged; the live state is the one it was made from
	Stale     Standing = "stale"     // staged; the live state has changed since
	Committed Standing = "committed" // live; what was there before can be put back
	Overtaken Standing = "overtaken" // was live; a server has written since
	Broken    Standing = "broken"    // rubble of a staging that did not get done, or damaged
)

// Standing looks at both sides.
func (st *Staged) Standing() (Standing, error) {
	live, err := st.s.CoreDigest()
	if err != nil {
		return Broken, err
	}
	if !st.changesCore() {
		return st.standingOfAdded(live)
	}
	_, other, err := st.otherSide()
	if err != nil {
		return Broken, err
	}
	l, o := live.String(), other.String()
	switch {
	case o == st.New && l == st.Base:
		return Ready, nil
	case o == st.New:
		return Stale, nil
	case o == st.Base && l == st.New: // after an init there is no other side
		return Committed, nil
	case o == st.Base && l != "":
		return Overtaken, nil
	}
	return Broken, nil
}

// standingOfAdded: a set that adds entries is live when its last one is.
func (st *Staged) standingOfAdded(live vaultstate.Digest) (Standing, error) {
	if n := len(st.Added); n > 0 {
		there, err := st.added(n - 1)
		if err != nil {
			return Broken, err
		}
		if there {
			return Committed, nil
		}
	}
	if live.String() != st.Base {
		return Stale, nil
	}
	return Ready, nil
}

// otherSide is the directory that is not live, new or old, with its digest.
func (st *Staged) otherSide() (string, vaultstate.Digest, error) {
	for _, dir := range []string{st.newDir(), st.oldDir()} {
		_, err := st.s.fs.Lstat(dir)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return "", vaultstate.Digest{}, fmt.Errorf("reading what is staged: %w", err)
		}
		d, err := st.s.digest(dir)
		return dir, d, err
	}
	return "", vaultstate.Digest{}, nil
}

// Found is a staging directory of an earlier run. For a Broken one only the id
// is sure, and all that can be done is Remove.
type Found struct {
	*Staged
	Is  Standing
	Err error // why it is Broken
}

// Find lists what earlier runs left. It changes nothing.
func (s *Store) Find() ([]Found, error) {
	own, err := s.fs.Lstat(s.root)
	if err != nil {
		return nil, fmt.Errorf("looking for what was staged: %w", err)
	}
	names, err := s.fs.ReadDir(filepath.Join(s.root, stagingName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("looking for what was staged: %w", err)
	}
	var list []Found
	for _, name := range names {
		st := &Staged{s: s, own: own, dir: filepath.Join(s.root, stagingName, name)}
		m, err := s.readMeta(st.dir)
		if err != nil {
			st.ID = vaultstate.ID(name)
			list = append(list, Found{st, Broken, err})
			continue
		}
		st.Meta = m
		is, err := st.Standing()
		list = append(list, Found{st, is, err})
	}
	return list, nil
}

// Clear removes a Found as far as may be: a broken one without looking.
func (f Found) Clear() error {
	if f.Is == Broken {
		return f.remove()
	}
	return f.Remove()
}
