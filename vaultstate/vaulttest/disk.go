package vaulttest

import (
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"conclave/vaultstate"
	"conclave/vaultstate/storage"
)

// ErrCut is what every call gets once the power is gone.
var ErrCut = errors.New("the power is cut")

// Loss is what becomes of the writes that no fsync brought to disk when the
// power goes.
type Loss int

// The losses. Torn is what a file system with a journal for names alone may
// do: the names are there, of the files' contents the first half.
const (
	Kept Loss = iota
	Lost
	Torn
)

// Losses are all of them.
var Losses = map[string]Loss{"kept": Kept, "lost": Lost, "torn": Torn}

// Disk is a file system in memory that knows, for each file and directory, what
// is on disk and what is not yet. It counts the calls of storage.FS that it
// gets, the power can be cut after any of them, and Crash is the disk that a
// machine finds afterwards.
//
// A name is on disk after SyncDir of its directory, a content after Sync of the
// file. An exchange or a rename across two directories is one step: the SyncDir
// of either brings both to disk, as journals do. Mode and owner go with the
// file.
type Disk struct {
	mu      sync.Mutex
	root    *node
	calls   int
	cut     int // the call after which the power is gone; 0: never
	changed int // the number of changes made
	count   map[string]int
	// NoLinks makes Link fail as file systems without hard links do.
	NoLinks bool
	// NoExchange makes an exchange fail as NFS does.
	NoExchange bool
	// Servers are found to use the disk.
	Servers []string
	locked  map[*node]bool
}

type node struct {
	dir      bool
	mode     fs.FileMode
	uid, gid uint32

	data, synced []byte           // of a file
	names, disk  map[string]*node // of a directory: as seen, and as on disk
	moved        []move           // renames that involve this directory and are not on disk
}

// move is a rename whose other half lies in another directory.
type move struct {
	other       *node
	name, there string
}

// NewDisk is an empty disk with one directory, "/".
func NewDisk() *Disk {
	return &Disk{root: newDir(), locked: map[*node]bool{}}
}

func newDir() *node {
	return &node{dir: true, mode: 0o700, names: map[string]*node{}, disk: map[string]*node{}}
}

// Import copies a real directory to name, all of it on disk.
func (d *Disk) Import(dir, name string) error {
	at := d.mkdirAll(name)
	if err := importInto(at, dir); err != nil {
		return err
	}
	return nil
}

// MkdirAll makes a directory, on disk.
func (d *Disk) MkdirAll(name string) { d.mkdirAll(name) }

func (d *Disk) mkdirAll(name string) *node {
	at := d.root
	for part := range strings.SplitSeq(strings.Trim(name, "/"), "/") {
		next := at.names[part]
		if next == nil {
			next = newDir()
			at.names[part], at.disk[part] = next, next
		}
		at = next
	}
	return at
}

func importInto(at *node, dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		n := newDir()
		full := filepath.Join(dir, e.Name())
		if e.IsDir() {
			if err := importInto(n, full); err != nil {
				return err
			}
		} else {
			data, err := os.ReadFile(full) // #nosec G304 -- a test's own directory
			if err != nil {
				return err
			}
			n = &node{mode: 0o600, data: data, synced: data}
		}
		at.names[e.Name()], at.disk[e.Name()] = n, n
	}
	return nil
}

// CutAfter cuts the power after n more calls. 0 puts it back for good.
func (d *Disk) CutAfter(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.cut = 0
	if n > 0 {
		d.cut = d.calls + n
	}
}

// Calls is the number of calls so far, Changes how many of them changed
// something.
func (d *Disk) Calls() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.calls
}

// Changes is the number of calls so far that changed what is seen or on disk.
func (d *Disk) Changes() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.changed
}

// Count is the number of calls so far by name: "fsync" is that of files and of
// directories, "exchange" a rename that exchanges.
func (d *Disk) Count() map[string]int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return maps.Clone(d.count)
}

// Crash is the disk that is found after the power was cut.
func (d *Disk) Crash(loss Loss) *Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	made := map[*node]*node{}
	var found func(n *node) *node
	found = func(n *node) *node {
		if c := made[n]; c != nil {
			return c
		}
		c := &node{dir: n.dir, mode: n.mode, uid: n.uid, gid: n.gid}
		made[n] = c
		if !n.dir {
			c.data = n.data
			if same := string(n.data) == string(n.synced); !same && loss == Lost {
				c.data = n.synced
			} else if !same && loss == Torn {
				c.data = n.data[:len(n.data)/2]
			}
			c.data = slices.Clone(c.data)
			c.synced = c.data
			return c
		}
		from := n.names
		if loss == Lost {
			from = n.disk
		}
		c.names = map[string]*node{}
		for name, child := range from {
			c.names[name] = found(child)
		}
		c.disk = maps.Clone(c.names)
		return c
	}
	return &Disk{root: found(d.root), locked: map[*node]bool{}, NoLinks: d.NoLinks, NoExchange: d.NoExchange}
}

// call counts one, and says whether there still is power.
func (d *Disk) call(name string, change bool) error {
	if d.cut > 0 && d.calls >= d.cut {
		return ErrCut
	}
	d.calls++
	if d.count == nil {
		d.count = map[string]int{}
	}
	d.count[name]++
	if change {
		d.changed++
	}
	return nil
}

func (d *Disk) find(name string) (*node, error) {
	at := d.root
	for part := range strings.SplitSeq(strings.Trim(name, "/"), "/") {
		if part == "" {
			continue
		}
		if !at.dir {
			return nil, unix.ENOTDIR
		}
		if at = at.names[part]; at == nil {
			return nil, unix.ENOENT
		}
	}
	return at, nil
}

// parent is the directory of a name and the last component.
func (d *Disk) parent(name string) (*node, string, error) {
	dir, err := d.find(filepath.Dir(name))
	if err == nil && !dir.dir {
		err = unix.ENOTDIR
	}
	return dir, filepath.Base(name), err
}

func fail(op, name string, err error) error { return &fs.PathError{Op: op, Path: name, Err: err} }

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

// SyncDir implements storage.FS.
func (d *Disk) SyncDir(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.call("fsync", true); err != nil {
		return err
	}
	n, err := d.find(name)
	if err == nil && !n.dir {
		err = unix.ENOTDIR
	}
	if err != nil {
		return fail("sync", name, err)
	}
	n.disk = maps.Clone(n.names)
	for _, m := range n.moved {
		settle(m.other, m.there)
	}
	n.moved = nil
	return nil
}

// settle brings one name of a directory to disk.
func settle(dir *node, name string) {
	if n := dir.names[name]; n != nil {
		dir.disk[name] = n
	} else {
		delete(dir.disk, name)
	}
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
