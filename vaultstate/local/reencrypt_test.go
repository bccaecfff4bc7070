package local_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"conclave/hsm/secret"
	"conclave/vaultstate"
	"conclave/vaultstate/barrier"
	"conclave/vaultstate/local"
	"conclave/vaultstate/storage"
	"conclave/vaultstate/vaulttest"
)

var reencrypt = vaultstate.Operation{ID: "anew", Kind: vaultstate.ReEncrypt}

func TestReEncrypt(t *testing.T) {
	b := rotated(t)
	b.add(t, "core/upgrade/1", "core/policies/x", "logical/a/b", "logical/a/c")
	var said []string
	b.Watch(func(what string, done, total int) { said = append(said, fmt.Sprintf("%d of %d %s", done, total, what)) })
	out, _ := b.run(t, reencrypt)
	if n := len(out.After.Terms); n != 1 || out.After.Terms[0] != out.Before.Terms[1] {
		t.Errorf("the terms are %v, before %v", out.After.Terms, out.Before.Terms)
	}
	if out.After.RootKey != out.Before.RootKey || out.After.RecoveryKey != out.Before.RecoveryKey {
		t.Error("another key changed")
	}
	for _, want := range []string{"0 of 5 entries encrypted anew", "5 of 5 entries encrypted anew", "12 of 12 entries read again"} {
		if !slices.Contains(said, want) {
			t.Errorf("it does not say %q: %q", want, said)
		}
	}
	if _, err := b.disk.ReadFile(root + "/core/upgrade/_1"); err == nil {
		t.Error("core/upgrade/1 is still there")
	}
	_, checks, err := b.Open(t.Context(), true, nil)
	if err != nil || !strings.Contains(fmt.Sprint(checks), "(7 under term 2)") {
		t.Errorf("%v, %v", checks, err)
	}
	if got := b.disk.Count()["syncfs"]; got != 2 {
		t.Errorf("%d syncfs, want one before the renames and one after", got)
	}
	// The old core/ opens what was encrypted anew: it has both keys.
	if _, err := b.Rollback(t.Context(), reencrypt.ID); err != nil {
		t.Fatal(err)
	}
	st, _, err := b.Open(t.Context(), true, nil)
	if err != nil || len(st.Terms) != 2 {
		t.Errorf("put back: %v, %v", st.Terms, err)
	}
}

// TestReEncryptRefused: before anybody is asked for a share.
func TestReEncryptRefused(t *testing.T) {
	b := initialised(t)
	if _, err := b.Begin(t.Context(), reencrypt); !errors.Is(err, vaultstate.ErrNothing) || !strings.Contains(err.Error(), "rotate first") {
		t.Errorf("one term: %v", err)
	}
	b.run(t, vaultstate.Operation{ID: "rotated", Kind: vaultstate.Rotate})
	if _, err := b.Begin(t.Context(), reencrypt); !errors.Is(err, vaultstate.ErrPending) || !strings.Contains(err.Error(), "conclave unseal asks") {
		t.Errorf("the state from before the rotation can be put back: %v", err)
	}
}

// TestReEncryptDamaged: an entry that does not open is named, and no key is
// dropped, whether it was so before or comes to be so between the two readings.
func TestReEncryptDamaged(t *testing.T) {
	for _, when := range []string{"before", "between"} {
		t.Run(when, func(t *testing.T) {
			b := rotated(t)
			b.add(t, "logical/a/b", "logical/a/c")
			spoil := func() {
				if err := b.disk.Remove(root + "/logical/a/_c"); err != nil {
					t.Fatal(err)
				}
				record := make([]byte, 60)
				record[3], record[4] = 1, 2
				b.put(t, "logical/a/c", record)
			}
			if when == "before" {
				spoil()
			} else {
				b.Watch(func(what string, _, _ int) {
					if what == "entries read again" && spoil != nil {
						spoil()
						spoil = nil
					}
				})
			}
			b.untilReady(t, reencrypt)
			_, err := b.Commit(t.Context(), reencrypt.ID)
			if err == nil || !strings.Contains(err.Error(), "logical/a/c") {
				t.Fatalf("it ended with %v", err)
			}
			st, _, err := b.Open(t.Context(), false, nil)
			if err != nil || len(st.Terms) != 2 {
				t.Errorf("the terms are %v, %v", st.Terms, err)
			}
			if err := b.Cancel(t.Context(), reencrypt.ID); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestBatchLife: the longest that a mount allows, and never less than the servers'
// own limit.
func TestBatchLife(t *testing.T) {
	b := rotated(t)
	table := func(life time.Duration) []byte {
		m := barrier.Mount{Path: "approle/", UUID: "u", Type: "approle"}
		m.Config.MaxLeaseTTL = life
		text, err := json.Marshal(map[string]any{"entries": []barrier.Mount{m}})
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	for _, c := range []struct{ auth, mounts, want time.Duration }{{0, 0, 768 * time.Hour}, {time.Hour, 0, 768 * time.Hour},
		{9000 * time.Hour, 0, 9000 * time.Hour}, {0, 900 * time.Hour, 900 * time.Hour}} {
		b.seal1(t, barrier.AuthPath, table(c.auth))
		b.seal1(t, barrier.MountsPath, table(c.mounts))
		p, err := b.Begin(t.Context(), reencrypt)
		if err == nil {
			p, err = b.Submit(t.Context(), reencrypt.ID, b.held[:p.Needed])
		}
		if err != nil || p.BatchLife != c.want {
			t.Errorf("%v: %v, %v", c, p.BatchLife, err)
		}
		if err := b.Cancel(t.Context(), reencrypt.ID); err != nil {
			t.Fatal(err)
		}
	}
}

// TestReEncryptMany is on a real file system, with as many entries as a store that
// has seen some use.
func TestReEncryptMany(t *testing.T) {
	n := 3000
	if os.Getenv("CONCLAVE_LONG") != "" {
		n = 100_000
	}
	b, dir := rotatedOnDisk(t, storage.OS)
	fill(t, b, dir, n, func(i int) []byte { return fmt.Appendf(nil, `{"value":"%d"}`, i) })
	begun := time.Now()
	out, _ := b.run(t, reencrypt)
	took := time.Since(begun)
	t.Logf("%d entries in %v, %.0f a second", n, took.Round(time.Millisecond), float64(n)/took.Seconds())
	if text := fmt.Sprint(out.Checks); !strings.Contains(text, fmt.Sprintf("%d entries outside core/ were encrypted anew, under term 2", (n+1)/2)) {
		t.Error(text)
	}
	st, checks, err := b.Open(t.Context(), true, nil)
	if err != nil || len(st.Terms) != 1 || !strings.Contains(fmt.Sprint(checks), "under term 2)") || strings.Contains(fmt.Sprint(checks), "term 1") {
		t.Errorf("%v, %v, %v", st.Terms, checks, err)
	}
	after := b.keyring(t, func(name string) ([]byte, error) { return os.ReadFile(filepath.Join(dir, name)) }) // #nosec G304
	defer after.Wipe()
	for _, i := range []int{0, 1, n / 2, n - 1} {
		key := filled(i)
		s, err := storage.Open(storage.OS, dir)
		if err != nil {
			t.Fatal(err)
		}
		record, err := s.Get(key)
		if err != nil {
			t.Fatal(err)
		}
		plain, err := barrier.Open(record, key, after.Key)
		if err != nil || string(plain.Expose()) != fmt.Sprintf(`{"value":"%d"}`, i) {
			t.Errorf("%s: %v", key, err)
		}
	}
}

// syncs counts how often a file system was brought to disk.
type syncs struct {
	storage.FS
	n int
}

func (s *syncs) SyncFS(dir string) error {
	s.n++
	return s.FS.SyncFS(dir)
}

// TestReEncryptLarge: entries of a megabyte are not all in memory together. Half of
// 90 have to be encrypted anew; 33 of them are a batch.
func TestReEncryptLarge(t *testing.T) {
	disk := &syncs{FS: storage.OS}
	b, dir := rotatedOnDisk(t, disk)
	fill(t, b, dir, 90, func(int) []byte { return make([]byte, 1<<20) })
	disk.n = 0
	out, _ := b.run(t, reencrypt)
	if text := fmt.Sprint(out.Checks); !strings.Contains(text, "45 entries outside core/ were encrypted anew") {
		t.Error(text)
	}
	if disk.n < 3 { // one a batch, and one at the end
		t.Errorf("the file system was synced %d times: 45 MiB were one batch", disk.n)
	}
}

// rotatedOnDisk is a vault with two data encryption keys in a directory.
func rotatedOnDisk(t testing.TB, disk storage.FS) (b *bench, dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "storage")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	b = &bench{seal: vaulttest.NewSeal()}
	var err error
	if b.Vault, err = local.Open(local.Options{Storage: dir, Seal: b.seal, Practice: true, FS: disk}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	for _, op := range []vaultstate.Operation{{ID: "first", Kind: vaultstate.Init, Shares: 3, Threshold: 2}, {ID: "second", Kind: vaultstate.Rotate}} {
		b.run(t, op)
		if _, err := b.Retire(t.Context(), op.ID); err != nil {
			t.Fatal(err)
		}
	}
	return b, dir
}

// fill writes n entries into a vault with two terms, half of them under each.
func fill(t testing.TB, b *bench, dir string, n int, plain func(i int) []byte) {
	t.Helper()
	k := b.keyring(t, func(name string) ([]byte, error) { return os.ReadFile(filepath.Join(dir, name)) }) // #nosec G304
	defer k.Wipe()
	one := func(i int) error {
		term := uint32(1 + i%2)
		value, err := k.Key(term)
		if err != nil {
			return err
		}
		p := secret.Take(plain(i))
		defer p.Wipe()
		record, err := barrier.Seal(value, term, filled(i), p)
		if err != nil {
			return err
		}
		name := filepath.Join(dir, filepath.Dir(filled(i)), "_"+filepath.Base(filled(i)))
		return errors.Join(os.MkdirAll(filepath.Dir(name), 0o700), os.WriteFile(name, entry(t, record), 0o600))
	}
	for first := 0; first < n; first += 100 {
		var err error
		secret.Do(func() { // one collection for a hundred
			for i := first; i < min(n, first+100) && err == nil; i++ {
				err = one(i)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// filled is the key of such an entry.
func filled(i int) string { return fmt.Sprintf("logical/%03d/%d", i/500, i) }

// keyring opens the live keyring with the root key.
func (b *bench) keyring(t testing.TB, read func(name string) ([]byte, error)) *barrier.Keyring {
	t.Helper()
	blob, err := read("core/hsm/_barrier-unseal-keys")
	if err != nil {
		t.Fatal(err)
	}
	plain, err := b.seal.Unwrap(t.Context(), value(t, blob))
	if err != nil {
		t.Fatal(err)
	}
	root, err := barrier.ParseStoredKeys(plain)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Wipe()
	if blob, err = read("core/_keyring"); err != nil {
		t.Fatal(err)
	}
	k, err := barrier.OpenKeyring(value(t, blob), root)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// add puts entries under the first term on the disk.
func (b *bench) add(t *testing.T, keys ...string) {
	t.Helper()
	for _, key := range keys {
		b.seal1(t, key, []byte("something"))
	}
}

func (b *bench) seal1(t *testing.T, key string, text []byte) {
	t.Helper()
	k := b.keyring(t, func(name string) ([]byte, error) { return b.disk.ReadFile(root + "/" + name) })
	defer k.Wipe()
	first, err := k.Key(1)
	if err != nil {
		t.Fatal(err)
	}
	plain := secret.Take(bytes.Clone(text))
	defer plain.Wipe()
	record, err := barrier.Seal(first, 1, key, plain)
	if err != nil {
		t.Fatal(err)
	}
	b.put(t, key, record)
}

func (b *bench) put(t *testing.T, key string, record []byte) {
	t.Helper()
	name := filepath.Join(root, filepath.Dir(key), "_"+filepath.Base(key))
	b.disk.MkdirAll(filepath.Dir(name))
	_ = b.disk.Remove(name) // it may be there
	f, err := b.disk.Create(name, 0o600)
	if err == nil {
		_, err = f.Write(entry(t, record))
	}
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = b.disk.SyncDir(filepath.Dir(name))
	}
	if err != nil {
		t.Fatal(err)
	}
}

func entry(t testing.TB, record []byte) []byte {
	t.Helper()
	b, err := json.Marshal(map[string][]byte{"Value": record})
	if err != nil {
		t.Fatal(err)
	}
	return append(b, '\n')
}

func value(t testing.TB, file []byte) []byte {
	t.Helper()
	var e struct{ Value []byte }
	if err := json.Unmarshal(file, &e); err != nil {
		t.Fatal(err)
	}
	return e.Value
}
