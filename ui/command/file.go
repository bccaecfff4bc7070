package command

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"conclave/assets/clean"
	"conclave/hsm/secret"
)

// The largest files that are read.
const (
	maxConfig = 1 << 20
	maxKey    = 1 << 20
	maxPIN    = 4096
)

// openFile opens a regular file to read it once. A link is not followed: what it
// leads to may be another file by the time that somebody looks.
func openFile(name string, most int64) (*os.File, os.FileInfo, error) {
	// Without O_NONBLOCK the open of a pipe would wait for a writer.
	f, err := os.OpenFile(name, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0) // #nosec G304 -- the operator's choice
	if errors.Is(err, unix.ELOOP) {
		return nil, nil, fmt.Errorf("reading %q: this is a symbolic link; name the file that it leads to", clean.Clean(name))
	}
	if err != nil {
		return nil, nil, fmt.Errorf("reading a file: %w", err)
	}
	info, err := f.Stat()
	switch {
	case err != nil:
	case !info.Mode().IsRegular():
		err = errors.New("this is not a regular file")
	case info.Size() > most:
		err = tooLarge(most)
	}
	if err != nil {
		_ = f.Close() // only opened
		return nil, nil, fmt.Errorf("reading %q: %w", clean.Clean(name), err)
	}
	return f, info, nil
}

func tooLarge(most int64) error { return fmt.Errorf("it has more than %d bytes", most) }

// readFile opens a regular file once and reads it once, at most so many bytes.
func readFile(name string, most int64) ([]byte, os.FileInfo, error) {
	f, info, err := openFile(name, most)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = f.Close() }() // only read
	b, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(b)) > most {
		err = tooLarge(most)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("reading %q: %w", clean.Clean(name), err)
	}
	return b, info, nil
}

// readSecret is readFile for a file that holds one: it is read into locked
// memory in one piece.
func readSecret(name string, most int) (secret.Bytes, os.FileInfo, error) {
	f, info, err := openFile(name, int64(most))
	if err != nil {
		return secret.Bytes{}, nil, err
	}
	defer func() { _ = f.Close() }() // only read
	all := secret.New(most + 1)
	defer all.Wipe()
	n, err := io.ReadFull(f, all.Expose())
	switch {
	case n > most:
		err = tooLarge(int64(most))
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		err = nil
	}
	if err != nil {
		return secret.Bytes{}, nil, fmt.Errorf("reading %q: %w", clean.Clean(name), err)
	}
	return all.Slice(0, n), info, nil
}

// readNamed is readFile for a file that decides what a ceremony does. One that
// everybody can write is refused; who else can change it is said in a sentence,
// which the plan carries.
func readNamed(name string, most int64) (b []byte, warned string, err error) {
	return readNamedAs(name, most, os.Geteuid())
}

func readNamedAs(name string, most int64, me int) ([]byte, string, error) {
	b, info, err := readFile(name, most)
	if err != nil {
		return nil, "", err
	}
	warned, err := whoWrites(name, info, me)
	return b, warned, err
}

// whoWrites looks at who can change a file besides this user and root.
func whoWrites(name string, info os.FileInfo, me int) (warned string, err error) {
	owner, _ := ownerOf(info)
	name = clean.Clean(name)
	switch mode := info.Mode().Perm(); {
	case mode&0o002 != 0:
		return "", fmt.Errorf("reading %q: everybody can write it (mode %04o); look at what is in it, then chmod go-w it", name, mode)
	case owner != me && owner != 0:
		return fmt.Sprintf("%s: it belongs to user %d, who can change it", name, owner), nil
	case mode&0o020 != 0:
		return fmt.Sprintf("%s: a group can write it (mode %04o)", name, mode), nil
	}
	return "", nil
}

// withoutNewline trims one newline at the end, as editors leave it. s is wiped.
func withoutNewline(s secret.Bytes) secret.Bytes {
	defer s.Wipe()
	b := bytes.TrimSuffix(s.Expose(), []byte("\n"))
	b = bytes.TrimSuffix(b, []byte("\r"))
	return s.Slice(0, len(b))
}

func sha256Hex(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// ownSHA256 is the digest of the file that this process runs.
func ownSHA256() (string, error) {
	f, err := os.Open("/proc/self/exe")
	if err != nil {
		return "", fmt.Errorf("hashing the program: %w", err)
	}
	defer func() { _ = f.Close() }() // only read
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("hashing the program: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
