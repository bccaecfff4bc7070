package storage

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"golang.org/x/sys/unix"

	"conclave/vaultstate"
)

// Probe finds out, before anything is agreed, whether this storage can be
// changed by one exchange. It leaves nothing behind. Its errors name the cause
// and the cure.
func (s *Store) Probe() error {
	mounts, err := s.fs.Mounts(s.core)
	if err != nil {
		return err
	}
	if len(mounts) > 0 {
		return fmt.Errorf("%w: %q is a mount point; core/ must lie on the mount of the storage directory: move it there", vaultstate.ErrNoExchange, mounts[0])
	}
	core, err := s.fs.Lstat(s.core)
	there := err == nil
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("looking at core/: %w", err)
	}
	if there && !core.Mode.IsDir() {
		return fmt.Errorf("%w: %q is not a directory itself (a link?): put the directory in its place", vaultstate.ErrNoExchange, s.core)
	}
	own, err := s.fs.Lstat(s.root)
	if err != nil {
		return fmt.Errorf("probing the storage directory: %w", err)
	}
	if there && core.Dev != own.Dev {
		return fmt.Errorf("%w: %q lies on another file system than the storage directory: move it there", vaultstate.ErrNoExchange, s.core)
	}
	return s.probeExchange(own, there)
}

func (s *Store) probeExchange(own Info, core bool) (err error) {
	var nonce [8]byte
	_, _ = rand.Read(nonce[:]) // never fails
	dir := s.stagingDir(vaultstate.ID("probe-" + hex.EncodeToString(nonce[:])))
	if err := s.mkStaging(dir, own); err != nil {
		return fmt.Errorf("probing the storage directory: %w", err)
	}
	probe := &Staged{s: s, own: own, dir: dir}
	defer func() {
		if rerr := probe.remove(); rerr != nil {
			s.rubble[dir] = true
			if err != nil {
				return
			}
			err = fmt.Errorf("probing the storage directory: %w", rerr)
		}
	}()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	for _, d := range []string{a, b, filepath.Join(b, "full")} {
		if err := s.mkdir(d, 0o700, own); err != nil {
			return fmt.Errorf("probing the storage directory: %w", err)
		}
	}
	if err := s.fs.Rename(a, b, Exchange); err != nil {
		return exchangeError(s.root, err)
	}
	a, b = b, a
	if _, err := s.fs.Lstat(filepath.Join(b, "full")); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %q said that it exchanged them and did not", vaultstate.ErrNoExchange, s.root)
	} else if err != nil {
		return fmt.Errorf("probing the storage directory: %w", err)
	}
	if !core {
		if err := s.fs.Rename(a, filepath.Join(dir, "c"), NoReplace); err != nil {
			return exchangeError(s.root, err)
		}
		return nil
	}
	// Can core/ itself be moved? A rename onto a directory that is not empty
	// never happens (POSIX), but a directory that cannot be moved is refused
	// before that is looked at: EXDEV for a lower layer of an overlay, EBUSY
	// for a mount point that the table did not show.
	switch err := s.fs.Rename(s.core, b, Replace); {
	case errors.Is(err, unix.ENOTEMPTY), errors.Is(err, unix.EEXIST):
		return nil
	case err == nil:
		// The file system broke POSIX: undo it.
		if err := s.fs.Rename(b, s.core, NoReplace); err != nil {
			return fmt.Errorf("putting core/ back from %q: %w", b, err)
		}
		return fmt.Errorf("%w: %q replaces a directory that is not empty", vaultstate.ErrNoExchange, s.root)
	case errors.Is(err, unix.EXDEV):
		return fmt.Errorf("%w: core/ belongs to a lower layer of an overlay: put the storage on a volume of its own (%w)", vaultstate.ErrNoExchange, err)
	default:
		return fmt.Errorf("%w: core/ cannot be moved: %w", vaultstate.ErrNoExchange, err)
	}
}

func exchangeError(root string, err error) error {
	why := "a network or FUSE file system, an overlay, or a kernel before 3.15"
	if errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) || errors.Is(err, unix.EROFS) {
		return fmt.Errorf("%w: %q: no right to write there: run as the storage's owner or as root (%w)", vaultstate.ErrNoExchange, root, err)
	}
	return fmt.Errorf("%w: %q lies on %s: copy the storage to a local disk (ext4, XFS, Btrfs), run the ceremony there, and copy it back (%w)", vaultstate.ErrNoExchange, root, why, err)
}
