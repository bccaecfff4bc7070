package folder

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"conclave/ceremony/transcript"
)

// A chain of custody (see ceremony/custody) is one file a vault, beside the
// directories of its ceremonies: custody-NAME-DIGEST.jsonl, of mode 0600. DIGEST
// is of the vault's whole name, so that two vaults never share a file.

const (
	custodyPrefix = "custody-"
	custodySuffix = ".jsonl"
)

// CustodyPath is where a vault's chain lies beside its records.
func CustodyPath(parent, vault string, practice bool) string {
	sum := sha256.Sum256([]byte(vault))
	name := custodyPrefix + FileName(filepath.Base(vault)) + "-" + hex.EncodeToString(sum[:4]) + custodySuffix
	return filepath.Join(parent, onDisk(name, practice))
}

// CustodyFiles are the chains in a directory.
func CustodyFiles(parent string) ([]string, error) {
	entries, err := os.ReadDir(parent)
	if err != nil {
		return nil, fmt.Errorf("looking for chains of custody: %w", err)
	}
	var list []string
	for _, e := range entries {
		name := strings.TrimPrefix(e.Name(), practicePrefix)
		if isRegular(e) && strings.HasPrefix(name, custodyPrefix) && strings.HasSuffix(name, custodySuffix) {
			list = append(list, filepath.Join(parent, e.Name()))
		}
	}
	return list, nil
}

// ReadCustody reads a chain. One that is not there is fs.ErrNotExist.
func ReadCustody(path string) ([]transcript.Event, transcript.Report, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0) // #nosec G304 -- the operator's choice
	if err != nil {
		return nil, transcript.Report{}, fmt.Errorf("opening a chain of custody: %w", err)
	}
	defer func() { _ = f.Close() }() // only read
	return scanCustody(f)
}

func scanCustody(f *os.File) ([]transcript.Event, transcript.Report, error) {
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("this is not a regular file")
	}
	if err != nil {
		return nil, transcript.Report{}, fmt.Errorf("reading a chain of custody: %w", err)
	}
	var list []transcript.Event
	rep, err := transcript.Scan(f, func(ev transcript.Event) error {
		list = append(list, ev)
		return nil
	})
	return list, rep, err
}

// Custody is a vault's chain, open to add to it.
type Custody struct {
	Events []transcript.Event // as it was read
	Report transcript.Report

	file    *os.File
	journal *transcript.Writer
}

// OpenCustody opens the chain of a vault to add to it, and makes the file if it
// is not there. Nobody else adds meanwhile. A torn last line is copied aside,
// cut off, and an event says so. A chain that is broken is refused, unchanged.
func OpenCustody(parent, vault string, practice bool) (*Custody, error) {
	path := CustodyPath(parent, vault, practice)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o600) // #nosec G304 -- the operator's choice
	if err != nil {
		return nil, fmt.Errorf("opening the chain of custody: %w", err)
	}
	c := &Custody{file: f}
	if err := c.goOn(parent, path); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return c, nil
}

func (c *Custody) goOn(parent, path string) error {
	err := unix.Flock(int(c.file.Fd()), unix.LOCK_EX|unix.LOCK_NB) // #nosec G115 -- a descriptor
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = ErrLocked
	}
	if err == nil {
		err = syncDir(parent)
	}
	if err != nil {
		return fmt.Errorf("locking %q: %w", path, err)
	}
	if c.Events, c.Report, err = scanCustody(c.file); err != nil {
		return err
	}
	rep := c.Report
	facts := transcript.Facts{}
	switch {
	case rep.State == transcript.Broken:
		return fmt.Errorf("going on with the chain of custody: %w", &transcript.BrokenError{Line: rep.Line, What: rep.Problem})
	case rep.State == transcript.Closed || rep.Head.Count > 0 && rep.Header.Facts.Text("ceremony") != transcript.Custody:
		return fmt.Errorf("going on with %q: it is no chain of custody", path)
	case rep.Torn > 0:
		if facts["torn_file"], err = c.cutTorn(path, int64(rep.Torn)); err != nil {
			return fmt.Errorf("moving the torn last line away: %w", err)
		}
		facts["torn"] = rep.Torn
	}
	if _, err := c.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if c.journal, err = transcript.Continue(c.file, c.file, Clock); err != nil || rep.Torn == 0 || rep.Head.Count == 0 {
		return err
	}
	return c.Append(transcript.Entry{Kind: "resumed", Evidence: transcript.ByProgram, Facts: facts})
}

// cutTorn copies the last n bytes aside and cuts them off.
func (c *Custody) cutTorn(path string, n int64) (string, error) {
	info, err := c.file.Stat()
	if err != nil {
		return "", err
	}
	tail := make([]byte, n)
	if _, err := c.file.ReadAt(tail, info.Size()-n); err != nil {
		return "", err
	}
	name := path + ".torn"
	for i := 2; ; i++ {
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o600) // #nosec G304 -- beside the chain
		if errors.Is(err, fs.ErrExist) && i < 1000 {
			name = fmt.Sprintf("%s.torn.%d", path, i)
			continue
		}
		if err != nil {
			return "", err
		}
		_, err = f.Write(tail)
		if err = errors.Join(err, f.Sync(), f.Close(), syncDir(filepath.Dir(path))); err != nil {
			return "", err
		}
		break
	}
	if err := c.file.Truncate(info.Size() - n); err != nil {
		return "", err
	}
	return filepath.Base(name), c.file.Sync()
}

// Append adds an event; it is on disk on return.
func (c *Custody) Append(e transcript.Entry) error {
	ev, err := c.journal.Append(e)
	if err == nil {
		c.Events = append(c.Events, ev)
		c.Report.Head = c.journal.Head()
	}
	return err
}

// Head is the chain's head now.
func (c *Custody) Head() transcript.Head { return c.journal.Head() }

// Close ends the adding. A file in which nothing was begun is taken away again.
func (c *Custody) Close() error {
	var err error
	if c.journal.Head().Count == 0 {
		err = os.Remove(c.file.Name())
	}
	return errors.Join(err, unlock(c.file))
}
