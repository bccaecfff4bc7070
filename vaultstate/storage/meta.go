package storage

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"regexp"
	"time"

	"conclave/vaultstate"
)

const (
	metaName   = "stage.json"
	metaFormat = 1
)

// Meta is stage.json: what a staged set is, in public facts. It is written
// after everything that it speaks of is on disk.
type Meta struct {
	Format int             `json:"format"`
	ID     vaultstate.ID   `json:"id"`
	Kind   vaultstate.Kind `json:"kind"`
	Set    string          `json:"set"`  // of the new shares; "" if there are none
	Base   string          `json:"base"` // digest of core/ that it was made from; "" if there was none
	New    string          `json:"new"`  // digest of the staged core/
	Made   time.Time       `json:"made"`
	Phase  Phase           `json:"phase"`
	Added  []Added         `json:"added"` // entries outside core/ that Swap puts in place
	Facts  json.RawMessage `json:"facts"` // of the package above
}

// Added is an entry outside core/ that did not exist before.
type Added struct {
	Key    string `json:"key"`
	SHA256 string `json:"sha256"` // of the file
}

// Phase says how far a staged set got. That it was swapped in is not written
// down: the digests of both sides say it.
type Phase string

// The phases.
const (
	PhaseStaged Phase = "staged" // nothing of it has left the program
	PhaseIssued Phase = "issued" // its shares, or its token, are with people
)

var idPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)

// CheckID says whether an id can name a directory.
func CheckID(id vaultstate.ID) error {
	if !idPattern.MatchString(string(id)) {
		return fmt.Errorf("the ceremony's id %q: want up to 100 letters, digits, dots, dashes and underscores, the first a letter or digit", id)
	}
	return nil
}

func encodeMeta(m Meta) ([]byte, error) {
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encoding %s: %w", metaName, err)
	}
	return append(b, '\n'), nil
}

// decodeMeta reads back what encodeMeta wrote and nothing else: what does not
// encode to the same bytes again (a member twice, another spelling of a name,
// anything after the end) is refused.
func decodeMeta(data []byte) (Meta, error) {
	var m Meta
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&m); err != nil {
		return Meta{}, fmt.Errorf("decoding %s: %w", metaName, err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return Meta{}, fmt.Errorf("decoding %s: something follows the object", metaName)
	}
	if m.Format != metaFormat {
		return Meta{}, fmt.Errorf("decoding %s: format %d is not known", metaName, m.Format)
	}
	if again, err := encodeMeta(m); err != nil || !bytes.Equal(again, data) {
		return Meta{}, fmt.Errorf("decoding %s: it is not written as this program writes it", metaName)
	}
	if err := checkMeta(m); err != nil {
		return Meta{}, fmt.Errorf("decoding %s: %w", metaName, err)
	}
	return m, nil
}

func checkMeta(m Meta) error {
	if err := CheckID(m.ID); err != nil {
		return err
	}
	if m.Phase != PhaseStaged && m.Phase != PhaseIssued {
		return fmt.Errorf("the phase %q is not known", m.Phase)
	}
	for _, d := range []string{m.Base, m.New} {
		if _, err := parseDigest(d); err != nil {
			return err
		}
	}
	for _, a := range m.Added {
		if err := checkAdded(a.Key); err != nil {
			return err
		}
		if _, err := parseDigest(a.SHA256); err != nil || a.SHA256 == "" {
			return errors.New("the digest of an added entry is malformed")
		}
	}
	return nil
}

// parseDigest reads what Digest.String writes.
func parseDigest(s string) (vaultstate.Digest, error) {
	var d vaultstate.Digest
	if s == "" {
		return d, nil
	}
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(d) {
		return d, errors.New("a digest is malformed")
	}
	copy(d[:], b)
	if d.String() != s {
		return d, errors.New("a digest is malformed")
	}
	return d, nil
}

// readMeta returns fs.ErrNotExist if there is no stage.json.
func (s *Store) readMeta(dir string) (Meta, error) {
	data, err := s.fs.ReadFile(filepath.Join(dir, metaName))
	if err != nil {
		return Meta{}, fmt.Errorf("reading %s: %w", metaName, err)
	}
	m, err := decodeMeta(data)
	if err != nil {
		return Meta{}, err
	}
	if string(m.ID) != filepath.Base(dir) {
		return Meta{}, fmt.Errorf("reading %s: it names %q and lies in %q", metaName, m.ID, filepath.Base(dir))
	}
	return m, nil
}

// writeMeta replaces stage.json by one rename. On return it is on disk.
func (s *Store) writeMeta(dir string, m Meta, own Info) error {
	data, err := encodeMeta(m)
	if err != nil {
		return err
	}
	tmp := filepath.Join(dir, metaName+".new")
	if err := s.fs.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("writing %s: %w", metaName, err)
	}
	if err := s.write(tmp, data, 0o600, own); err != nil {
		return err
	}
	if err := s.fs.Rename(tmp, filepath.Join(dir, metaName), Replace); err != nil {
		return fmt.Errorf("writing %s: %w", metaName, err)
	}
	return s.syncDir(dir)
}
