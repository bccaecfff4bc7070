package local

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"conclave/hsm/secret"
	"conclave/vaultstate"
	"conclave/vaultstate/barrier"
	"conclave/vaultstate/storage"
)

// upgradePrefix is where servers leave a new key for nodes that have not heard
// of a rotation, under the key of the term before.
const upgradePrefix = "core/upgrade/"

// defaultMaxLease is the servers' own limit, where nothing else is configured.
const defaultMaxLease = 768 * time.Hour

// A re-encrypt in three parts. Begin and Submit stage a new core/: its entries
// under the newest term, and a keyring of that term alone. Commit then, before the
// exchange, rewrites every entry outside core/ under the newest term. The live
// keyring has both terms until the exchange, so whatever cuts it off, a server
// starts and every entry opens; and the next try goes on, since an entry says its
// term. Last it reads every entry again with the staged keyring, which has no
// other term: only if each opens is core/ exchanged.

// oldTerms refuses a vault in which there is nothing to do, before people are
// asked for shares.
func (v *Vault) oldTerms(ctx context.Context) error {
	o, err := v.open(ctx, v.store, v.o.Seal)
	if err != nil {
		return err
	}
	defer o.wipe()
	if n := len(o.facts.Terms); n < 2 {
		return fmt.Errorf("%w: the keyring has one data encryption key, of term %d, and nothing lies under an older one. To leave that key behind, rotate first", vaultstate.ErrNothing, o.keyring.Active())
	}
	// A state that is put back would not have the newest key.
	found, err := v.store.Find()
	if err != nil {
		return err
	}
	for _, f := range found {
		if f.Is == storage.Committed && f.Base != f.New {
			return fmt.Errorf("%w: the state from before %s is kept in %s and can be put back, without the key that every entry would then need. Have it removed first: conclave unseal asks what becomes of it",
				vaultstate.ErrPending, f.ID, f.Dir())
		}
	}
	return nil
}

// reencryptCore puts the entries of core/ under the newest term, and drops the
// keys of the others.
func (v *Vault) reencryptCore(ctx context.Context, op *operation, d *draft, o *opened) error {
	op.batchLife = defaultMaxLease
	for _, table := range []string{barrier.MountsPath, barrier.AuthPath} {
		life, err := v.longestLease(table, o.keyring)
		if err != nil {
			return err
		}
		op.batchLife = max(op.batchLife, life)
	}
	rest := uint64(0)
	err := v.store.Walk(func(key string) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !strings.HasPrefix(key, "core/") {
			rest++
			return nil
		}
		if strings.HasPrefix(key, upgradePrefix) {
			d.changes.Delete = append(d.changes.Delete, key)
			return nil
		}
		record, err := renew(v.store, key, o.keyring)
		if record != nil {
			d.changes.Put[key] = record
		}
		return err
	})
	if err != nil {
		return err
	}
	d.keyring.KeepNewest(rest + uint64(len(d.changes.Put)))
	d.rewrite = true
	return nil
}

// longestLease is the longest time to live that a mount of a table allows.
func (v *Vault) longestLease(table string, k *barrier.Keyring) (time.Duration, error) {
	record, err := v.store.Get(table)
	if err != nil || record == nil {
		return 0, err
	}
	plain, err := barrier.Open(record, table, k.Key)
	if err != nil {
		return 0, err
	}
	defer plain.Wipe()
	mounts, err := barrier.ParseMounts(plain)
	longest := time.Duration(0)
	for _, m := range mounts {
		longest = max(longest, m.Config.MaxLeaseTTL)
	}
	return longest, err
}

// renew is an entry's record under the newest term; nil if it is that already, or
// none of the keyring's records.
func renew(s *storage.Store, key string, k *barrier.Keyring) ([]byte, error) {
	value, err := s.Get(key)
	if err != nil || value == nil || noRecord(key) {
		return nil, err
	}
	if sealWrapped(value) {
		return nil, errSealWrapped(key)
	}
	plain, err := barrier.Open(value, key, k.Key)
	if err != nil {
		return nil, err
	}
	defer plain.Wipe()
	if barrier.Term(value) == k.Active() {
		return nil, nil
	}
	newest, err := k.Key(k.Active())
	if err != nil {
		return nil, err
	}
	return barrier.Seal(newest, k.Active(), key, plain)
}

// noRecord are entries that no key of the keyring opens.
func noRecord(key string) bool {
	return plainEntries[key] || sealedEntries[key] || key == barrier.KeyringPath || strings.HasSuffix(key, ".temp")
}

// reencrypt rewrites what lies outside core/, and reads all of it again. It may
// fail anywhere, and be called again.
func (v *Vault) reencrypt(ctx context.Context, op *operation) ([]vaultstate.Check, error) {
	if is, err := op.staged.Standing(); err != nil || is == storage.Committed {
		return nil, err // the exchange was made, and what failed came after it
	}
	o, err := v.open(ctx, v.store, v.o.Seal)
	if err != nil {
		return nil, err
	}
	defer o.wipe()
	if o.facts.Storage != op.base {
		return nil, fmt.Errorf("%s: %w", op.ID, vaultstate.ErrChanged)
	}
	begun := v.o.Now()
	renewed, err := v.renewAll(ctx, op, o)
	if err != nil {
		return nil, fmt.Errorf("encrypting the entries anew; what was not reached is as it was, and all of it opens: %w", err)
	}
	checks := []vaultstate.Check{{
		Text: fmt.Sprintf("%d entries outside core/ were encrypted anew, under term %d.", renewed, o.keyring.Active()), OK: true, Took: v.o.Now().Sub(begun),
	}}
	begun = v.o.Now()
	view := op.staged.View()
	n, err := v.open(ctx, view, v.o.Seal)
	if err != nil {
		return nil, fmt.Errorf("opening what was staged: %w", err)
	}
	defer n.wipe()
	if len(n.facts.Terms) != 1 {
		return nil, errors.New("opening what was staged: it has more than one term")
	}
	c, err := v.count(ctx, view, n, "", v.watched("entries read again"))
	if err != nil {
		return nil, fmt.Errorf("reading every entry with the newest key alone; the older keys are kept: %w", err)
	}
	return append(checks, c.checks(v.o.Now().Sub(begun))...), nil
}

// A syncfs is shared by so many entries, or by so many bytes: all of them are in
// memory meanwhile.
const (
	replaceAtOnce = 2048
	replaceBytes  = 32 << 20
)

func (v *Vault) renewAll(ctx context.Context, op *operation, o *opened) (renewed int, err error) {
	var keys []string
	err = v.store.Walk(func(key string) error {
		if !strings.HasPrefix(key, "core/") {
			keys = append(keys, key)
		}
		return ctx.Err()
	})
	if err != nil {
		return 0, err
	}
	progress := v.watched("entries encrypted anew")
	for done := 0; done < len(keys); {
		// A server that was started meanwhile would write beside us.
		if err := errors.Join(ctx.Err(), v.noServer(ctx)); err != nil {
			return renewed, err
		}
		progress(done, len(keys))
		list, looked, err := renewSome(v.store, keys[done:min(done+cmp.Or(v.o.Batch, replaceAtOnce), len(keys))], o.keyring)
		if err != nil {
			return renewed, err
		}
		if err := op.staged.Replace(list); err != nil {
			return renewed, err
		}
		done, renewed = done+looked, renewed+len(list)
	}
	progress(len(keys), len(keys))
	return renewed, op.staged.SyncReplaced()
}

// renewSome makes new records of those entries that need one, until they are many
// bytes. It returns them, and how many entries it looked at.
func renewSome(s *storage.Store, keys []string, k *barrier.Keyring) (list []storage.Entry, looked int, err error) {
	secret.Do(func() {
		size := 0
		for _, key := range keys {
			if size > replaceBytes {
				return
			}
			var record []byte
			if record, err = renew(s, key, k); err != nil {
				return
			}
			looked++
			if record != nil {
				size += len(record)
				list = append(list, storage.Entry{Key: key, Value: record})
			}
		}
	})
	return list, looked, err
}

// Watch has progress called while a Commit takes long.
func (v *Vault) Watch(progress func(what string, done, total int)) {
	defer v.busy()()
	v.watch = progress
}

func (v *Vault) watched(what string) func(done, total int) {
	if v.watch == nil {
		return func(int, int) {}
	}
	return func(done, total int) { v.watch(what, done, total) }
}
