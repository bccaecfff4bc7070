package storage

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"conclave/vaultstate"
)

// OS is the real file system.
var OS FS = osFS{}

type osFS struct{}

func (osFS) Lstat(name string) (Info, error) {
	var st unix.Stat_t
	if err := unix.Lstat(name, &st); err != nil {
		return Info{}, &fs.PathError{Op: "lstat", Path: name, Err: err}
	}
	mode := fs.FileMode(st.Mode & 0o777)
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
	case unix.S_IFDIR:
		mode |= fs.ModeDir
	case unix.S_IFLNK:
		mode |= fs.ModeSymlink
	default:
		mode |= fs.ModeIrregular
	}
	return Info{Mode: mode, UID: st.Uid, GID: st.Gid, Dev: st.Dev, Size: st.Size}, nil
}

func (osFS) ReadDir(name string) ([]string, error) {
	entries, err := os.ReadDir(name)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, nil
}

func (osFS) ReadFile(name string) ([]byte, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "read", Path: name, Err: errors.New("not a regular file")}
	}
	// One read, and one that finds the end: a file that grows meanwhile is read whole.
	b := bytes.NewBuffer(make([]byte, 0, min(st.Size(), 1<<20)+bytes.MinRead))
	_, err = b.ReadFrom(f)
	return b.Bytes(), err
}

func (osFS) Mkdir(name string, mode fs.FileMode) error { return os.Mkdir(name, mode) }

func (osFS) Create(name string, mode fs.FileMode) (File, error) {
	// #nosec G304 -- the caller builds the name below the storage directory.
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, mode)
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (osFS) Link(oldname, newname string) error        { return os.Link(oldname, newname) }
func (osFS) Chmod(name string, mode fs.FileMode) error { return os.Chmod(name, mode) }
func (osFS) Chown(name string, uid, gid uint32) error {
	return os.Lchown(name, int(uid), int(gid))
}
func (osFS) Remove(name string) error { return os.Remove(name) }

func (osFS) Rename(oldname, newname string, how RenameFlag) error {
	var flags uint
	switch how {
	case Replace:
	case NoReplace:
		flags = unix.RENAME_NOREPLACE
	case Exchange:
		flags = unix.RENAME_EXCHANGE
	}
	if err := unix.Renameat2(unix.AT_FDCWD, oldname, unix.AT_FDCWD, newname, flags); err != nil {
		return &os.LinkError{Op: "renameat2", Old: oldname, New: newname, Err: err}
	}
	return nil
}

func (osFS) SyncDir(name string) error {
	d, err := openDir(name)
	if err != nil {
		return err
	}
	if err := d.Sync(); err != nil {
		_ = d.Close()
		return err
	}
	return d.Close()
}

func (osFS) SyncFS(dir string) error {
	d, err := openDir(dir)
	if err != nil {
		return err
	}
	if err := unix.Syncfs(int(d.Fd())); err != nil {
		_ = d.Close()
		return &fs.PathError{Op: "syncfs", Path: dir, Err: err}
	}
	return d.Close()
}

func (osFS) Lock(dir string) (io.Closer, error) {
	d, err := openDir(dir)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(d.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = d.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, vaultstate.ErrLocked
		}
		return nil, &fs.PathError{Op: "flock", Path: dir, Err: err}
	}
	return flocked{d}, nil
}

// flocked is a locked directory. It is unlocked, not only closed: a child of this
// process that is between fork and exec has the descriptor, too, and with it the
// lock.
type flocked struct{ dir *os.File }

func (l flocked) Close() error {
	if err := unix.Flock(int(l.dir.Fd()), unix.LOCK_UN); err != nil {
		_ = l.dir.Close()
		return &fs.PathError{Op: "flock", Path: l.dir.Name(), Err: err}
	}
	return l.dir.Close()
}

func openDir(name string) (*os.File, error) {
	return os.OpenFile(name, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
}

func (osFS) Mounts(dir string) ([]string, error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("reading the mount table: %w", err)
	}
	defer func() { _ = f.Close() }()
	return mountsBelow(f, filepath.Clean(dir))
}

func (osFS) Users(dir string) ([]string, int, error) { return processes("/proc", dir) }

// mountsBelow reads proc(5)'s mountinfo: the fifth field is the mount point,
// with space, tab, newline and backslash as octal escapes.
func mountsBelow(r io.Reader, dir string) ([]string, error) {
	unescape := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
	var found []string
	sc := bufio.NewScanner(r)
	for sc.Scan() {
		fields := strings.Fields(sc.Text())
		if len(fields) < 5 {
			continue
		}
		if at := unescape.Replace(fields[4]); at == dir || strings.HasPrefix(at, dir+"/") {
			found = append(found, at)
		}
	}
	return found, sc.Err()
}
