package vaulttest

import (
	"maps"
	"slices"

	"golang.org/x/sys/unix"
)

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

// Crash is the disk that is found after the power was cut.
func (d *Disk) Crash(loss Loss) *Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.crash(loss)
}

func (d *Disk) crash(loss Loss) *Disk {
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

// SyncFS implements storage.FS.
func (d *Disk) SyncFS(dir string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.call("syncfs", true); err != nil {
		return err
	}
	if _, err := d.find(dir); err != nil {
		return fail("syncfs", dir, err)
	}
	d.root.sync()
	return nil
}

func (n *node) sync() {
	n.synced = n.data
	n.disk = maps.Clone(n.names)
	n.moved = nil
	for _, below := range n.names {
		below.sync()
	}
}

// settle brings one name of a directory to disk.
func settle(dir *node, name string) {
	if n := dir.names[name]; n != nil {
		dir.disk[name] = n
	} else {
		delete(dir.disk, name)
	}
}
