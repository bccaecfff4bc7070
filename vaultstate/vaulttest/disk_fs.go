package vaulttest

import (
	"io"
	"io/fs"
	"maps"
	"slices"

	"golang.org/x/sys/unix"

	"conclave/vaultstate"
	"conclave/vaultstate/storage"
)

// The calls of storage.FS on a Disk. Each is counted, and fails once the power
// is cut; what only an fsync makes sure is in disk_sync.go.

// Lstat implements storage.FS.
func (d *Disk) Lstat(name string) (storage.Info, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.call("lstat", false); err != nil {
		return storage.Info{}, err
	}
	n, err := d.find(name)
	if err != nil {
		return storage.Info{}, fail("lstat", name, err)
	}
	st := storage.Info{Mode: n.mode, UID: n.uid, GID: n.gid, Size: int64(len(n.data))}
	if n.dir {
		st.Mode |= fs.ModeDir
	}
	return st, nil
}

// ReadDir implements storage.FS.
func (d *Disk) ReadDir(name string) ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.call("readdir", false); err != nil {
		return nil, err
	}
	n, err := d.find(name)
	if err == nil && !n.dir {
		err = unix.ENOTDIR
	}
	if err != nil {
		return nil, fail("readdir", name, err)
	}
	return slices.Sorted(maps.Keys(n.names)), nil
}

// ReadFile implements storage.FS.
func (d *Disk) ReadFile(name string) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.call("read", false); err != nil {
		return nil, err
	}
	n, err := d.find(name)
	if err == nil && n.dir {
		err = unix.EISDIR
	}
	if err != nil {
		return nil, fail("read", name, err)
	}
	return slices.Clone(n.data), nil
}

// Mkdir implements storage.FS.
func (d *Disk) Mkdir(name string, mode fs.FileMode) error {
	n := newDir()
	n.mode = mode
	return d.enter("mkdir", name, n)
}

// Link implements storage.FS.
func (d *Disk) Link(oldname, newname string) error {
	d.mu.Lock()
	n, err := d.find(oldname)
	no := d.NoLinks
	d.mu.Unlock()
	if err == nil && no {
		err = unix.EPERM
	}
	if err != nil {
		return fail("link", oldname, err)
	}
	return d.enter("link", newname, n)
}

func (d *Disk) enter(op, name string, n *node) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.call(op, true); err != nil {
		return err
	}
	dir, base, err := d.parent(name)
	if err == nil && dir.names[base] != nil {
		err = unix.EEXIST
	}
	if err != nil {
		return fail(op, name, err)
	}
	dir.names[base] = n
	return nil
}

// Create implements storage.FS.
func (d *Disk) Create(name string, mode fs.FileMode) (storage.File, error) {
	n := &node{mode: mode}
	if err := d.enter("create", name, n); err != nil {
		return nil, err
	}
	return &file{d, n}, nil
}

type file struct {
	d *Disk
	n *node
}

func (f *file) Write(p []byte) (int, error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if err := f.d.call("write", true); err != nil {
		return 0, err
	}
	f.n.data = append(slices.Clone(f.n.data), p...)
	return len(p), nil
}

func (f *file) Sync() error {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if err := f.d.call("fsync", true); err != nil {
		return err
	}
	f.n.synced = f.n.data
	return nil
}

func (f *file) Close() error {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	return f.d.call("close", false)
}

// Chmod implements storage.FS.
func (d *Disk) Chmod(name string, mode fs.FileMode) error {
	return d.set(name, func(n *node) { n.mode = mode })
}

// Chown implements storage.FS.
func (d *Disk) Chown(name string, uid, gid uint32) error {
	return d.set(name, func(n *node) { n.uid, n.gid = uid, gid })
}

func (d *Disk) set(name string, f func(*node)) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.call("chmod, chown", true); err != nil {
		return err
	}
	n, err := d.find(name)
	if err != nil {
		return fail("set", name, err)
	}
	f(n)
	return nil
}

// Rename implements storage.FS.
func (d *Disk) Rename(oldname, newname string, how storage.RenameFlag) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	name := "rename"
	if how == storage.Exchange {
		name = "exchange"
	}
	if err := d.call(name, true); err != nil {
		return err
	}
	if err := d.rename(oldname, newname, how); err != nil {
		return fail("rename", oldname, err)
	}
	return nil
}

func (d *Disk) rename(oldname, newname string, how storage.RenameFlag) error {
	from, a, err := d.parent(oldname)
	if err != nil {
		return err
	}
	to, b, err := d.parent(newname)
	if err != nil {
		return err
	}
	src, dst := from.names[a], to.names[b]
	switch {
	case src == nil:
		return unix.ENOENT
	case how == storage.Exchange && d.NoExchange:
		return unix.EINVAL
	case how == storage.Exchange && dst == nil:
		return unix.ENOENT
	case how == storage.NoReplace && dst != nil:
		return unix.EEXIST
	case how == storage.Replace && dst != nil && dst.dir && len(dst.names) > 0:
		return unix.ENOTEMPTY
	}
	to.names[b] = src
	if how == storage.Exchange {
		from.names[a] = dst
	} else {
		delete(from.names, a)
	}
	if from != to {
		from.moved = append(from.moved, move{to, a, b})
		to.moved = append(to.moved, move{from, b, a})
	}
	return nil
}

// Remove implements storage.FS.
func (d *Disk) Remove(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.call("remove", true); err != nil {
		return err
	}
	dir, base, err := d.parent(name)
	if err == nil {
		switch n := dir.names[base]; {
		case n == nil:
			err = unix.ENOENT
		case n.dir && len(n.names) > 0:
			err = unix.ENOTEMPTY
		default:
			delete(dir.names, base)
		}
	}
	if err != nil {
		return fail("remove", name, err)
	}
	return nil
}

// Lock implements storage.FS.
func (d *Disk) Lock(dir string) (io.Closer, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.call("flock", false); err != nil {
		return nil, err
	}
	n, err := d.find(dir)
	if err != nil {
		return nil, fail("flock", dir, err)
	}
	if d.locked[n] {
		return nil, vaultstate.ErrLocked
	}
	d.locked[n] = true
	return unlocker(func() error {
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.locked, n)
		return nil
	}), nil
}

type unlocker func() error

func (u unlocker) Close() error { return u() }

// Mounts implements storage.FS: there are none.
func (d *Disk) Mounts(string) ([]string, error) { return nil, nil }

// Users implements storage.FS.
func (d *Disk) Users(string) ([]string, int, error) { return d.Servers, 0, nil }

var _ storage.FS = (*Disk)(nil)
