package folder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Medium is a directory on a medium that is carried away: each file that is put
// there is a second copy of one in the ceremony's directory. It lies in a
// directory of its own, of the same name as the ceremony's.
//
// What is put is synced and read back as in a Folder, but Get asks the medium
// and not the system's cache, as far as the system lets it. Every error names
// the medium: people hold it in their hands.
type Medium struct{ f Folder }

// OpenMedium opens the directory name on the medium mounted at dir, and makes it
// if it is not there.
func OpenMedium(dir, name string, practice bool) (*Medium, error) {
	m := &Medium{Folder{path: filepath.Join(dir, name), practice: practice}}
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		err = errors.New("this is not a directory")
	}
	if err != nil {
		return nil, m.wrap(err)
	}
	if err := os.Mkdir(m.f.path, 0o700); err == nil {
		err = syncDir(dir)
		if err != nil {
			return nil, m.wrap(err)
		}
	} else if !errors.Is(err, fs.ErrExist) {
		return nil, m.wrap(err)
	}
	if info, err := os.Lstat(m.f.path); err != nil || !info.IsDir() {
		return nil, m.wrap(errors.Join(err, errors.New("this is not a directory of its own")))
	}
	if m.f.root, err = os.OpenRoot(m.f.path); err != nil {
		return nil, m.wrap(err)
	}
	return m, nil
}

// ErrMedium is in every error about a second medium.
var ErrMedium = errors.New("the second medium")

func (m *Medium) wrap(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w, %s: %w", ErrMedium, filepath.Dir(m.f.path), err)
}

// Put writes a file as Folder.Put does.
func (m *Medium) Put(name string, data []byte) (string, error) {
	if err := m.again(); err != nil {
		return "", err
	}
	sum, err := m.f.Put(name, data)
	return sum, m.wrap(err)
}

// Get reads a file from the medium.
func (m *Medium) Get(name string) ([]byte, error) {
	if !fs.ValidPath(name) {
		return nil, m.wrap(fmt.Errorf("reading %q: this is not a name in the ceremony's directory", name))
	}
	if err := m.again(); err != nil {
		return nil, err
	}
	b, err := reread(m.f.root, m.f.name(name))
	return b, m.wrap(err)
}

// again opens the directory anew: the medium may be another one than before, of
// the next custodian.
func (m *Medium) again() error {
	next, err := OpenMedium(filepath.Dir(m.f.path), path.Base(m.f.path), m.f.practice)
	if err != nil {
		return err
	}
	_ = m.f.root.Close() // of a medium that may be gone
	m.f.root = next.f.root
	return nil
}

// Path is where a file lies, for people; "." is the directory.
func (m *Medium) Path(name string) string { return m.f.Path(name) }

// Close lets the medium be taken out.
func (m *Medium) Close() error { return m.wrap(m.f.root.Close()) }

// reread reads a file through a descriptor opened anew, after what the system
// remembers of it was dropped. The file must be synced. A file system without a
// cache to drop (one in memory) has nothing to say.
func reread(root *os.Root, name string) ([]byte, error) {
	file, err := openRead(root, name)
	if err != nil {
		return nil, err
	}
	err = unix.Fadvise(int(file.Fd()), 0, 0, unix.FADV_DONTNEED) // #nosec G115 -- a descriptor
	if e := file.Close(); err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOSYS) {
		return nil, errors.Join(fmt.Errorf("dropping it from the cache: %w", err), e)
	}
	return read(root, name)
}
