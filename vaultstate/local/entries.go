package local

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"conclave/vaultstate"
	"conclave/vaultstate/barrier"
	"conclave/vaultstate/storage"
)

// plainEntries are those that servers keep as plain JSON or text.
var plainEntries = map[string]bool{
	barrier.SealConfigPath:          true,
	barrier.RecoveryConfigPath:      true,
	"core/unseal-keys-backup":       true,
	"core/recovery-keys-backup":     true,
	"core/seal-gen-info":            true, // Vault from 1.15
	"core/seal-initialization-flag": true,
	"core/cluster/feature-flags":    true,
	"core/migration":                true,
}

// sealedEntries are opened by the HSM, not by a key of the keyring.
var sealedEntries = map[string]bool{
	barrier.StoredKeysPath:  true,
	barrier.RecoveryKeyPath: true,
}

// census is what a walk over all entries found.
type census struct {
	terms     map[uint32]int // barrier records by term
	plain     int
	leftovers []string // temporary files that a server did not get to rename
}

// Open opens the vault through the HSM without changing anything. deep opens
// every entry with the key of its term as well.
func (v *Vault) Open(ctx context.Context, deep bool, progress func(done, total int)) (vaultstate.State, []vaultstate.Check, error) {
	defer v.busy()()
	begun := v.o.Now()
	o, err := v.open(ctx, v.store, v.live())
	if err != nil {
		return vaultstate.State{}, nil, err
	}
	defer o.wipe()
	checks := []vaultstate.Check{{
		Text: fmt.Sprintf("The HSM's key %q opens the root key, and the root key opens the keyring.", o.facts.SealKeyID),
		OK:   true, Took: v.o.Now().Sub(begun),
	}, checkCopy(v.store, o)}
	if o.recCfg == nil {
		checks = append(checks, vaultstate.Check{Text: "This vault has no recovery key: nothing can be authorised by a quorum."})
	} else {
		checks = append(checks, vaultstate.Check{Text: "The HSM opens the recovery key.", OK: true})
	}
	if !deep {
		return o.facts, checks, nil
	}
	begun = v.o.Now()
	c, err := v.count(ctx, v.store, o, "", progress)
	if err != nil {
		return o.facts, checks, err
	}
	return o.facts, append(checks, c.checks(v.o.Now().Sub(begun))...), nil
}

// checkCopy compares the copy of the root key. No server with this storage
// reads it, so that it is wrong or missing is said and stops nothing.
func checkCopy(s *storage.Store, o *opened) vaultstate.Check {
	path, err := rootCopy(s, o.keyring)
	switch {
	case err != nil:
		return vaultstate.Check{Text: fmt.Sprintf("The copy of the root key in %s is not readable: %v.", path, err)}
	case path == "":
		return vaultstate.Check{Text: "There is no copy of the root key. Servers with this storage do not need it."}
	}
	return vaultstate.Check{Text: "The copy of the root key in " + path + " is the same key.", OK: true}
}

// rootCopy finds the copy of the root key, "" if there is none, and compares it.
func rootCopy(s *storage.Store, k *barrier.Keyring) (string, error) {
	for _, path := range []string{barrier.RootKeyPath, barrier.MasterPath} {
		record, err := s.Get(path)
		if err == nil && record == nil {
			continue
		}
		if err == nil {
			err = compareCopy(record, path, k)
		}
		return path, err
	}
	return "", nil
}

func compareCopy(record []byte, path string, k *barrier.Keyring) error {
	plain, err := barrier.Open(record, path, k.Key)
	if err != nil {
		return err
	}
	defer plain.Wipe()
	root, err := barrier.ParseKeyObject(plain)
	if err != nil {
		return err
	}
	defer root.Wipe()
	if !root.Equal(k.Root()) {
		return errors.New("it is another key")
	}
	return nil
}

func (c *census) checks(took time.Duration) []vaultstate.Check {
	total := 0
	var each []string
	for _, t := range slices.Sorted(maps.Keys(c.terms)) {
		total += c.terms[t]
		each = append(each, fmt.Sprintf("%d under term %d", c.terms[t], t))
	}
	list := []vaultstate.Check{{
		Text: fmt.Sprintf("Every entry opens: %d (%s).", total, strings.Join(each, ", ")), OK: true, Took: took,
	}}
	if len(c.leftovers) > 0 {
		list = append(list, vaultstate.Check{Text: fmt.Sprintf(
			"%d temporary files of a server are left, which it lists as entries: %s.", len(c.leftovers), strings.Join(c.leftovers, ", "))})
	}
	return list
}

// sealWrapped recognises what Vault Enterprise wraps with the seal as well: a
// protobuf message (field 1, length-delimited) and the byte 's' behind it. As
// the term of a barrier record, its first byte would say 167772160 or more.
func sealWrapped(value []byte) bool {
	return len(value) > 2 && value[0] == 0x0a && value[len(value)-1] == 's'
}

func errSealWrapped(key string) error {
	return fmt.Errorf("%w: %q is wrapped by the seal a second time, as Vault Enterprise does", vaultstate.ErrUnsupported, key)
}

// refuseWrapped looks for such entries before anything is changed.
func refuseWrapped(ctx context.Context, s *storage.Store) error {
	return s.Walk(func(key string) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if sealedEntries[key] || plainEntries[key] {
			return nil
		}
		value, err := s.Get(key)
		if err == nil && sealWrapped(value) {
			err = errSealWrapped(key)
		}
		return err
	})
}
