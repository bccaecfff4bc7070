package local

import (
	"context"
	"runtime"
	"strings"
	"sync"

	"conclave/hsm/secret"
	"conclave/vaultstate/barrier"
	"conclave/vaultstate/storage"
)

// The entries of a store are read and opened in batches, by as many goroutines as
// there are processors: a batch is read first, and then opened in one secret.Do.
// Memory does not grow with the store.
const (
	batchEntries = 1024
	batchBytes   = 4 << 20
)

// count opens every entry below a prefix of s.
func (v *Vault) count(ctx context.Context, s *storage.Store, o *opened, prefix string, progress func(done, total int)) (*census, error) {
	total := 0
	if progress != nil {
		if err := keysBelow(ctx, s, prefix, func(string) error { total++; return nil }); err != nil {
			return nil, err
		}
		progress(0, total)
	}
	sum := &census{terms: map[uint32]int{}}
	counted := 0
	var mu sync.Mutex
	one := func(keys []string) error {
		c, err := countSome(s, keys, o.keyring)
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		sum.add(c)
		if counted += len(keys); progress != nil {
			progress(counted, total)
		}
		return nil
	}
	if err := inBatches(ctx, s, prefix, one); err != nil {
		return nil, err
	}
	return sum, nil
}

// inBatches has do called with the keys below a prefix, by several goroutines; by
// this one alone where they are one batch. The first error ends it.
func inBatches(ctx context.Context, s *storage.Store, prefix string, do func(keys []string) error) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	batches := make(chan []string)
	var work sync.WaitGroup
	begin := sync.OnceFunc(func() {
		for range runtime.GOMAXPROCS(0) {
			work.Go(func() {
				for keys := range batches {
					if err := do(keys); err != nil {
						stop(err)
						return
					}
				}
			})
		}
	})
	var keys []string
	err := keysBelow(ctx, s, prefix, func(key string) error {
		keys = append(keys, key)
		if len(keys) < batchEntries {
			return nil
		}
		begin()
		select {
		case batches <- keys:
			keys = nil
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	})
	close(batches)
	work.Wait()
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	if err != nil {
		return err
	}
	return do(keys)
}

func keysBelow(ctx context.Context, s *storage.Store, prefix string, f func(key string) error) error {
	return s.Walk(func(key string) error {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		if !strings.HasPrefix(key, prefix) {
			return nil
		}
		return f(key)
	})
}

func (c *census) add(d *census) {
	for term, n := range d.terms {
		c.terms[term] += n
	}
	c.plain += d.plain
	c.leftovers = append(c.leftovers, d.leftovers...)
}

// countSome reads some entries, and opens them.
func countSome(s *storage.Store, keys []string, k *barrier.Keyring) (*census, error) {
	c := &census{terms: map[uint32]int{}}
	for len(keys) > 0 {
		records, read, err := c.read(s, keys)
		if err != nil {
			return nil, err
		}
		keys = keys[read:]
		secret.Do(func() {
			checker := barrier.NewChecker(k)
			defer checker.Wipe()
			for _, e := range records {
				if err = checker.Check(e.Value, e.Key); err != nil {
					return
				}
				c.terms[barrier.Term(e.Value)]++
			}
		})
		if err != nil {
			return nil, err
		}
	}
	return c, nil
}

// read reads entries until they are many bytes. It returns those that a key of the
// keyring opens, and how many it read. The keyring, the configurations and what
// the HSM opens were looked at by open.
func (c *census) read(s *storage.Store, keys []string) (records []storage.Entry, read int, err error) {
	size := 0
	for _, key := range keys {
		if size > batchBytes {
			break
		}
		read++
		value, err := s.Get(key)
		switch {
		case err != nil:
			return nil, 0, err
		case value == nil || sealedEntries[key] || key == barrier.KeyringPath:
		case plainEntries[key]:
			c.plain++
		case strings.HasSuffix(key, ".temp"):
			c.leftovers = append(c.leftovers, key)
		case sealWrapped(value):
			return nil, 0, errSealWrapped(key)
		default:
			size += len(value)
			records = append(records, storage.Entry{Key: key, Value: value})
		}
	}
	return records, read, nil
}
