package storage

import (
	"io"
	"io/fs"
)

// FS is every call that this package makes to a file system. There is one
// interface so that a test can count the calls and cut the power at each.
// Names are absolute. Links are never followed in the last component.
type FS interface {
	Lstat(name string) (Info, error)
	ReadDir(name string) ([]string, error) // sorted
	ReadFile(name string) ([]byte, error)

	Mkdir(name string, mode fs.FileMode) error
	// Create makes a new file for writing; an existing one is an error.
	Create(name string, mode fs.FileMode) (File, error)
	Link(oldname, newname string) error
	Chmod(name string, mode fs.FileMode) error
	Chown(name string, uid, gid uint32) error
	Rename(oldname, newname string, how RenameFlag) error
	Remove(name string) error // a file or an empty directory
	SyncDir(name string) error
	// SyncFS brings all that was written to the file system of a directory to disk.
	SyncFS(dir string) error

	// Lock takes the lock of a directory without waiting; closing gives it
	// back. vaultstate.ErrLocked if somebody else has it.
	Lock(dir string) (io.Closer, error)
	// Mounts lists what is mounted at or below a directory.
	Mounts(dir string) ([]string, error)
	// Users says in a sentence each which processes use a directory, and how
	// many could not be looked into.
	Users(dir string) (found []string, unseen int, err error)
}

// File is a file that is being written.
type File interface {
	io.WriteCloser
	Sync() error
}

// Info is what Lstat says.
type Info struct {
	Mode     fs.FileMode
	UID, GID uint32
	Dev      uint64
	Size     int64
}

// RenameFlag says what becomes of a target that exists.
type RenameFlag int

// The kinds of rename. Exchange swaps two names in one step.
const (
	Replace RenameFlag = iota
	NoReplace
	Exchange
)
