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

// readFile opens a regular file once and reads it once, at most max bytes.
func readFile(name string, max int64) ([]byte, os.FileInfo, error) {
	// Without O_NONBLOCK the open of a pipe would wait for a writer.
	f, err := os.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0) // #nosec G304 -- the operator's choice
	if err != nil {
		return nil, nil, fmt.Errorf("reading a file: %w", err)
	}
	defer func() { _ = f.Close() }() // only read
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, nil, fmt.Errorf("reading a file: %w", err)
	case !info.Mode().IsRegular():
		return nil, nil, fmt.Errorf("reading %q: this is not a regular file", clean.Clean(name))
	case info.Size() > max:
		return nil, nil, fmt.Errorf("reading %q: it has more than %d bytes", clean.Clean(name), max)
	}
	b, err := io.ReadAll(io.LimitReader(f, max+1))
	if err == nil && int64(len(b)) > max {
		err = fmt.Errorf("it has more than %d bytes", max)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("reading %q: %w", clean.Clean(name), err)
	}
	return b, info, nil
}

// readSecret is readFile for a file that holds one: it is read into locked
// memory in one piece.
func readSecret(name string, max int) (secret.Bytes, os.FileInfo, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0) // #nosec G304 -- the operator's choice
	if err != nil {
		return secret.Bytes{}, nil, fmt.Errorf("reading a file: %w", err)
	}
	defer func() { _ = f.Close() }() // only read
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("this is not a regular file")
	}
	if err == nil && info.Size() > int64(max) {
		err = fmt.Errorf("it has more than %d bytes", max)
	}
	if err != nil {
		return secret.Bytes{}, nil, fmt.Errorf("reading %q: %w", clean.Clean(name), err)
	}
	all := secret.New(max + 1)
	defer all.Wipe()
	n, err := io.ReadFull(f, all.Expose())
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return secret.Bytes{}, nil, fmt.Errorf("reading %q: %w", clean.Clean(name), err)
	}
	if n > max {
		return secret.Bytes{}, nil, fmt.Errorf("reading %q: it has more than %d bytes", clean.Clean(name), max)
	}
	return all.Slice(0, n), info, nil
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
