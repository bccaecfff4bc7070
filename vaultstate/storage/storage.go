// Package storage is the file backend of OpenBao and Vault as a directory that
// is read, staged and exchanged.
//
// An entry with the key a/b/c is the file a/b/_c below the root: one JSON
// object {"Value":"<standard base64>"} and a newline, mode 0600, directories
// 0700. An empty file is an absent entry. Keys with ".." are refused.
//
// What changes lies below core/, and is changed by one rename: Stage makes a
// whole new core/ in <root>/.conclave/<id>/new, Swap exchanges it with the live
// one (renameat2, RENAME_EXCHANGE; RENAME_NOREPLACE where there is none yet),
// and the old one is kept in <root>/.conclave/<id>/old. At every instant, and
// after a power cut at every system call, core/ is whole: the old one or the
// new one (TestCutEverywhere in vaultstate/local). That holds on a local file
// system that can exchange two directories, which Probe tries, and for a server
// that is stopped, which Servers looks for.
//
// It does not interpret values, and it does not know what a ceremony is.
//
// # The digest of core/
//
// CoreDigest is SHA-256 over
//
//	"conclave/core/v1" 0x00
//
// and then, for each regular file below core/ in ascending order of its path
// (bytes, relative to core/, with slashes, e.g. "hsm/_barrier-unseal-keys"):
//
//	path 0x00 SHA-256(content)
//
// Modes, owners, times and directories do not count. A core/ that does not
// exist has the zero digest. Anything but files and directories is refused.
package storage

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"conclave/vaultstate"
)

const (
	coreName    = "core"
	stagingName = ".conclave"
)

// Store is a storage directory. Its zero value is of no use; see Open.
type Store struct {
	fs   FS
	root string
	core string // where the entries below core/ are read: root/core but for Staged
	// Directories that this Store began to stage in, failed, and could not remove.
	rubble map[string]bool
}

// Open names an existing storage directory. It reads nothing but its kind.
func Open(fsys FS, root string) (*Store, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, fmt.Errorf("opening the storage directory: %w", err)
	}
	st, err := fsys.Lstat(root)
	if err != nil {
		return nil, fmt.Errorf("opening the storage directory: %w", err)
	}
	if !st.Mode.IsDir() {
		return nil, fmt.Errorf("opening the storage directory: %q is not a directory itself (a link?): name the directory", root)
	}
	return &Store{fs: fsys, root: root, core: filepath.Join(root, coreName), rubble: map[string]bool{}}, nil
}

// Root is the storage directory's absolute path.
func (s *Store) Root() string { return s.root }

// Lock takes the storage's lock: an flock of the directory itself, which dies
// with the process. No server takes it; it is for other runs of this program.
func (s *Store) Lock() (io.Closer, error) {
	l, err := s.fs.Lock(s.root)
	if err != nil {
		return nil, fmt.Errorf("locking %q: %w", s.root, err)
	}
	return l, nil
}

// Get returns an entry's value, nil if there is no such entry.
func (s *Store) Get(key string) ([]byte, error) {
	name, err := s.path(key)
	if err != nil {
		return nil, err
	}
	data, err := s.fs.ReadFile(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("reading %q: %w", key, err)
	case len(data) == 0:
		return nil, nil
	}
	v, err := decodeEntry(data)
	if err != nil {
		return nil, fmt.Errorf("reading %q: %w: %w", key, vaultstate.ErrCorrupt, err)
	}
	return v, nil
}

// Walk calls f with the key of every entry, in ascending order of the files'
// paths. What Conclave and the file system keep in the root is left out.
func (s *Store) Walk(f func(key string) error) error {
	top, err := s.fs.ReadDir(s.root)
	if err != nil {
		return fmt.Errorf("listing the storage directory: %w", err)
	}
	for _, name := range top {
		if name == stagingName || name == "lost+found" {
			continue
		}
		dir := filepath.Join(s.root, name)
		if name == coreName {
			dir = s.core
		}
		st, err := s.fs.Lstat(dir)
		if err != nil {
			return fmt.Errorf("listing the storage directory: %w", err)
		}
		if !st.Mode.IsDir() {
			if k, ok := keyOf(name); ok {
				if err := f(k); err != nil {
					return err
				}
			}
			continue
		}
		err = s.files(dir, name, func(rel string) error {
			if k, ok := keyOf(rel); ok {
				return f(k)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Rubble lists what lies in the root besides this program's own directory.
func (s *Store) Rubble() ([]string, error) {
	names, err := s.fs.ReadDir(s.root)
	if err != nil {
		return nil, fmt.Errorf("listing the storage directory: %w", err)
	}
	return slices.DeleteFunc(names, func(n string) bool { return n == stagingName || n == "lost+found" }), nil
}

// CoreDigest is the digest of core/ as the package comment defines it.
func (s *Store) CoreDigest() (vaultstate.Digest, error) { return s.digest(s.core) }

func (s *Store) digest(dir string) (vaultstate.Digest, error) {
	var d vaultstate.Digest
	if _, err := s.fs.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
		return d, nil
	} else if err != nil {
		return d, fmt.Errorf("digesting %q: %w", dir, err)
	}
	var list []string
	if err := s.files(dir, "", func(rel string) error { list = append(list, rel); return nil }); err != nil {
		return d, err
	}
	slices.Sort(list)
	h := sha256.New()
	h.Write([]byte("conclave/core/v1\x00"))
	for _, rel := range list {
		data, err := s.fs.ReadFile(filepath.Join(dir, rel))
		if err != nil {
			return d, fmt.Errorf("digesting %q: %w", dir, err)
		}
		sum := sha256.Sum256(data)
		h.Write([]byte(rel + "\x00"))
		h.Write(sum[:])
	}
	h.Sum(d[:0])
	return d, nil
}

// files calls f with the path of every regular file below dir, prefixed.
func (s *Store) files(dir, prefix string, f func(rel string) error) error {
	names, err := s.fs.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("listing %q: %w", dir, err)
	}
	for _, name := range names {
		full, rel := filepath.Join(dir, name), name
		if prefix != "" {
			rel = prefix + "/" + name
		}
		st, err := s.fs.Lstat(full)
		switch {
		case err != nil:
			return fmt.Errorf("listing %q: %w", dir, err)
		case st.Mode.IsDir():
			err = s.files(full, rel, f)
		case st.Mode.IsRegular():
			err = f(rel)
		default:
			err = fmt.Errorf("%w: %q is neither a file nor a directory", vaultstate.ErrUnsupported, full)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// path is the file of a key.
func (s *Store) path(key string) (string, error) {
	if err := checkKey(key); err != nil {
		return "", err
	}
	rel := fileOf(key)
	if below, ok := strings.CutPrefix(rel, coreName+"/"); ok {
		return filepath.Join(s.core, below), nil
	}
	return filepath.Join(s.root, rel), nil
}

func checkKey(key string) error {
	for part := range strings.SplitSeq(key, "/") {
		if part == "" || part == "." || strings.Contains(part, "..") || strings.ContainsRune(part, 0) {
			return fmt.Errorf("refusing the storage key %q", key)
		}
	}
	return nil
}

// fileOf turns a/b/c into a/b/_c.
func fileOf(key string) string {
	i := strings.LastIndexByte(key, '/') + 1
	return key[:i] + "_" + key[i:]
}

// keyOf turns a/b/_c into a/b/c; a file without the underscore is no entry.
func keyOf(rel string) (string, bool) {
	i := strings.LastIndexByte(rel, '/') + 1
	if !strings.HasPrefix(rel[i:], "_") || len(rel) == i+1 {
		return "", false
	}
	return rel[:i] + rel[i+1:], true
}

type entry struct{ Value []byte }

func encodeEntry(value []byte) ([]byte, error) {
	b, err := json.Marshal(entry{value})
	if err != nil {
		return nil, fmt.Errorf("encoding an entry: %w", err)
	}
	return append(b, '\n'), nil
}

// decodeEntry reads an entry as encodeEntry and the servers write it, and any other
// JSON that says the same.
func decodeEntry(data []byte) ([]byte, error) {
	if v, ok := decodeAsWritten(data); ok {
		return v, nil
	}
	return decodeJSON(data)
}

// decodeAsWritten is a faster way to what decodeJSON returns, for entries byte by
// byte as they are written (FuzzEntry compares the two).
func decodeAsWritten(data []byte) ([]byte, bool) {
	text, ok := bytes.CutPrefix(data, []byte(`{"Value":"`))
	text, end := bytes.CutSuffix(text, []byte("\"}\n"))
	if !ok || !end || bytes.ContainsAny(text, "\r\n") { // base64 passes over line ends, JSON does not
		return nil, false
	}
	v := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	n, err := base64.StdEncoding.Decode(v, text)
	return v[:n], err == nil
}

func decodeJSON(data []byte) ([]byte, error) {
	var e entry
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&e); err != nil {
		return nil, fmt.Errorf("decoding an entry: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("decoding an entry: something follows the object")
	}
	if e.Value == nil {
		return nil, errors.New("decoding an entry: it has no Value")
	}
	return e.Value, nil
}
