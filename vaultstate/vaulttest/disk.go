package vaulttest

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// ErrCut is what every call gets once the power is gone.
var ErrCut = errors.New("the power is cut")

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
	fault   fault
	changed int // the number of changes made
	count   map[string]int
	// NoLinks makes Link fail as file systems without hard links do.
	NoLinks bool
	// NoExchange makes an exchange fail as NFS does.
	NoExchange bool
	// Servers are found to use the disk.
	Servers []string
	locked  map[*node]bool
	// Before is called before every change, with what makes the disk that would
	// be found if the power went now.
	Before func(crash func(Loss) *Disk)
}

// fault is an error that calls get.
type fault struct {
	at    int // the call that gets it; 0: none
	err   error
	stays bool // and every later one that writes
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

// Fail has the n-th call from now fail with err, and change nothing. If it stays,
// so does every later call that would write, as on a disk that is full or that
// was mounted read-only. 0 heals the disk.
func (d *Disk) Fail(n int, err error, stays bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fault = fault{}
	if n > 0 {
		d.fault = fault{d.calls + n, err, stays}
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

// call counts one, and says whether there still is power.
func (d *Disk) call(name string, change bool) error {
	if d.cut > 0 && d.calls >= d.cut {
		return ErrCut
	}
	d.calls++
	if f := d.fault; f.at > 0 && (d.calls == f.at || f.stays && d.calls > f.at && change) {
		return f.err
	}
	if change && d.Before != nil {
		d.Before(d.crash)
	}
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
