// Package reader reads a vault's storage directory with nothing of Conclave:
// Go's own AES-GCM, JSON and gzip, a protobuf parser of twenty lines, its own
// Shamir and (in softhsm.go) its own calls to the token. Tests use it to check
// what the program wrote. It keeps secrets on the heap and is for tests only.
package reader

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Unwrap decrypts what the seal wrapped: the value of an entry.
type Unwrap func(blob []byte) ([]byte, error)

// State is an opened vault.
type State struct {
	dir               string
	Root, Recovery    []byte
	Keys              map[uint32][]byte // by term
	Active            uint32
	Shares, Threshold int
	Ring              []byte // the keyring's JSON
	Copy              string // where the copy of the root key is
}

// Open opens the vault in a storage directory.
func Open(dir string, unwrap Unwrap) (*State, error) {
	s := &State{dir: dir, Keys: map[uint32][]byte{}}
	stored, err := s.unwrap("core/hsm/barrier-unseal-keys", unwrap)
	if err != nil {
		return nil, err
	}
	var list [][]byte
	if err := json.Unmarshal(stored, &list); err != nil || len(list) != 1 {
		return nil, fmt.Errorf("stored keys: %d, %w", len(list), err)
	}
	s.Root = list[0]
	if s.Recovery, err = s.unwrap("core/recovery-key", unwrap); err != nil {
		return nil, err
	}
	if err := s.readConfig(); err != nil {
		return nil, err
	}
	if err := s.readKeyring(); err != nil {
		return nil, err
	}
	return s, s.checkRootCopy()
}

func (s *State) unwrap(key string, unwrap Unwrap) ([]byte, error) {
	blob, err := Value(s.dir, key)
	if err != nil {
		return nil, err
	}
	plain, err := unwrap(blob)
	if err != nil {
		return nil, fmt.Errorf("unwrapping %s: %w", key, err)
	}
	return plain, nil
}

func (s *State) readConfig() error {
	for _, c := range []struct {
		key, kind string
		n, t      *int
	}{
		{"core/seal-config", "pkcs11", new(int), new(int)},
		{"core/recovery-config", "shamir", &s.Shares, &s.Threshold},
	} {
		b, err := Value(s.dir, c.key)
		if err != nil {
			return err
		}
		var cfg struct {
			Type      string `json:"type"`
			Shares    int    `json:"secret_shares"`
			Threshold int    `json:"secret_threshold"`
		}
		if err := json.Unmarshal(b, &cfg); err != nil {
			return fmt.Errorf("%s: %w", c.key, err)
		}
		if cfg.Type != c.kind || cfg.Shares < 1 || cfg.Threshold < 1 {
			return fmt.Errorf("%s says %+v", c.key, cfg)
		}
		*c.n, *c.t = cfg.Shares, cfg.Threshold
	}
	return nil
}

func (s *State) readKeyring() error {
	record, err := Value(s.dir, "core/keyring")
	if err != nil {
		return err
	}
	if binary.BigEndian.Uint32(record) != 1 {
		return errors.New("core/keyring does not say term 1")
	}
	plain, err := decrypt(s.Root, "core/keyring", record)
	if err != nil {
		return fmt.Errorf("core/keyring: %w", err)
	}
	s.Ring = plain
	var ring struct {
		MasterKey []byte
		Keys      []struct {
			Term, Version uint32
			Value         []byte
		}
		RotationConfig map[string]any
	}
	if err := json.Unmarshal(plain, &ring); err != nil {
		return fmt.Errorf("core/keyring: %w", err)
	}
	if !bytes.Equal(ring.MasterKey, s.Root) {
		return errors.New("core/keyring names another root key")
	}
	for _, k := range ring.Keys {
		s.Keys[k.Term] = k.Value
		s.Active = max(s.Active, k.Term)
	}
	return nil
}

// checkRootCopy opens core/root-key (or Vault's core/master), which is sealed
// under the active term.
func (s *State) checkRootCopy() error {
	for _, key := range []string{"core/root-key", "core/master"} {
		switch _, err := Value(s.dir, key); {
		case errors.Is(err, os.ErrNotExist):
			continue
		case err != nil:
			return err
		case s.Copy != "":
			return errors.New("there are both core/root-key and core/master")
		}
		s.Copy = key
	}
	record, err := Value(s.dir, s.Copy)
	if err != nil {
		return err
	}
	if term := binary.BigEndian.Uint32(record); term != s.Active {
		return fmt.Errorf("%s is under term %d, the active one is %d", s.Copy, term, s.Active)
	}
	plain, err := s.Entry(s.Copy)
	if err != nil {
		return err
	}
	var key struct {
		Term, Version int
		Value         []byte
		InstallTime   string
	}
	if err := json.Unmarshal(plain, &key); err != nil {
		return fmt.Errorf("%s: %w", s.Copy, err)
	}
	if key.Term != 1 || key.Version != 1 || !bytes.Equal(key.Value, s.Root) || key.InstallTime != "0001-01-01T00:00:00Z" {
		return fmt.Errorf("%s holds something else", s.Copy)
	}
	return nil
}

// Entry decrypts a barrier entry.
func (s *State) Entry(key string) ([]byte, error) {
	record, err := Value(s.dir, key)
	if err != nil {
		return nil, err
	}
	if len(record) < 4 {
		return nil, fmt.Errorf("%s is too short", key)
	}
	term := binary.BigEndian.Uint32(record)
	dek, ok := s.Keys[term]
	if !ok {
		return nil, fmt.Errorf("%s is under term %d, for which there is no key", key, term)
	}
	plain, err := decrypt(dek, key, record)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	return plain, nil
}

// Secret reads a secret of a kv version 1 mount ("secret/term-1").
func (s *State) Secret(path string) (map[string]any, error) {
	plain, err := s.Entry("core/mounts")
	if err != nil {
		return nil, err
	}
	if len(plain) > 0 && plain[0] == 'G' {
		z, err := gzip.NewReader(bytes.NewReader(plain[1:]))
		if err != nil {
			return nil, err
		}
		if plain, err = io.ReadAll(io.LimitReader(z, 1<<24)); err != nil {
			return nil, err
		}
	}
	var table struct {
		Entries []struct{ Path, UUID string }
	}
	if err := json.Unmarshal(plain, &table); err != nil {
		return nil, err
	}
	for _, m := range table.Entries {
		rest, ok := strings.CutPrefix(path, m.Path)
		if !ok {
			continue
		}
		plain, err := s.Entry("logical/" + m.UUID + "/" + rest)
		if err != nil {
			return nil, err
		}
		var data map[string]any
		return data, json.Unmarshal(plain, &data)
	}
	return nil, fmt.Errorf("no mount holds %s", path)
}

// All decrypts every barrier entry of the directory and returns their number by
// term.
func (s *State) All() (map[uint32]int, error) {
	skip := map[string]bool{
		"core/keyring": true, "core/seal-config": true, "core/recovery-config": true,
		"core/recovery-key": true, "core/hsm/barrier-unseal-keys": true,
	}
	n := map[uint32]int{}
	err := filepath.WalkDir(s.dir, func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			if err == nil && d.Name() == ".conclave" {
				return filepath.SkipDir
			}
			return err
		}
		rel, err := filepath.Rel(s.dir, name)
		if err != nil {
			return err
		}
		dir, file := filepath.Split(rel)
		key := dir + strings.TrimPrefix(file, "_")
		if skip[key] {
			return nil
		}
		if _, err := s.Entry(key); err != nil {
			return err
		}
		record, err := Value(s.dir, key)
		if err == nil {
			n[binary.BigEndian.Uint32(record)]++
		}
		return err
	})
	return n, err
}
