package folder

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// maxFile bounds what is read back into memory.
const maxFile = 64 << 20

// Put writes a file that is not there yet and returns its SHA-256 in hex. It is
// synced and was read back. A file of the same content that is there already is
// as good (an interrupted run wrote it); one of another content is an error.
func (f *Folder) Put(name string, data []byte) (string, error) {
	if !fs.ValidPath(name) || name == "." {
		return "", fmt.Errorf("writing %q: this is not a name in the ceremony's directory", name)
	}
	if err := f.put(f.name(name), data); err != nil {
		return "", fmt.Errorf("writing %q: %w", name, err)
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), nil
}

func (f *Folder) put(name string, data []byte) error {
	if err := f.makeDirs(path.Dir(name)); err != nil {
		return err
	}
	file, err := f.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		if there, e := f.get(name); e == nil && bytes.Equal(there, data) {
			return f.syncFile(name)
		}
		return err
	}
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	if err == nil {
		err = file.Sync()
	}
	if e := file.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = syncDir(filepath.Join(f.path, filepath.FromSlash(path.Dir(name))))
	}
	if err != nil {
		// Half a file must not stand in the way of the next try.
		return errors.Join(err, f.root.Remove(name))
	}
	there, err := reread(f.root, name)
	if err != nil {
		return fmt.Errorf("reading it back: %w", err)
	}
	if !bytes.Equal(there, data) {
		return errors.New("reading it back: what is on the disk is not what was written")
	}
	return nil
}

// Get reads a file.
func (f *Folder) Get(name string) ([]byte, error) {
	if !fs.ValidPath(name) {
		return nil, fmt.Errorf("reading %q: this is not a name in the ceremony's directory", name)
	}
	b, err := f.get(f.name(name))
	if err != nil {
		return nil, fmt.Errorf("reading %q: %w", name, err)
	}
	return b, nil
}

func (f *Folder) get(name string) ([]byte, error) { return read(f.root, name) }

// read reads a regular file of the directory, through no link.
func read(root *os.Root, name string) ([]byte, error) {
	file, err := openRead(root, name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	b, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err == nil && len(b) > maxFile {
		err = errors.New("the file is too large")
	}
	return b, err
}

// openRead opens a regular file of the directory to read it. os.Root follows
// links that stay inside, also with O_NOFOLLOW; so the name is looked at first,
// and what was opened must be what was seen.
func openRead(root *os.Root, name string) (*os.File, error) {
	seen, err := root.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !seen.Mode().IsRegular() {
		return nil, errors.New("this is not a regular file")
	}
	// Without O_NONBLOCK the open of a pipe would wait for a writer.
	file, err := root.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && !os.SameFile(seen, info) {
		err = errors.New("the file was exchanged while it was opened")
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

// makeDirs makes the directories of a path that are not there, and syncs them.
func (f *Folder) makeDirs(dir string) error {
	if dir == "." {
		return nil
	}
	if err := f.makeDirs(path.Dir(dir)); err != nil {
		return err
	}
	err := f.root.Mkdir(dir, 0o700)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return syncDir(filepath.Join(f.path, filepath.FromSlash(path.Dir(dir))))
}

func (f *Folder) syncFile(name string) error {
	file, err := openRead(f.root, name)
	if err != nil {
		return err
	}
	defer file.Close()
	return file.Sync()
}
