//go:build cgo

package local_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"conclave/hsm"
	"conclave/hsm/secret"
	"conclave/hsm/softhsm"
	"conclave/hsm/softhsm/need"
	"conclave/vaultstate"
	"conclave/vaultstate/local"
	"conclave/vaultstate/storage"
	"conclave/vaultstate/vaulttest"
)

// clocked is the real file system, and knows how often and how long it waited for
// a disk.
type clocked struct {
	storage.FS
	waits int
	took  time.Duration
}

func (c *clocked) wait(sync func() error) error {
	begun := time.Now()
	err := sync()
	c.waits++
	c.took += time.Since(begun)
	return err
}

func (c *clocked) SyncDir(name string) error {
	return c.wait(func() error { return c.FS.SyncDir(name) })
}
func (c *clocked) SyncFS(dir string) error { return c.wait(func() error { return c.FS.SyncFS(dir) }) }

func (c *clocked) Create(name string, mode fs.FileMode) (storage.File, error) {
	f, err := c.FS.Create(name, mode)
	if err != nil {
		return nil, err
	}
	return clockedFile{f, c}, nil
}

type clockedFile struct {
	storage.File
	c *clocked
}

func (f clockedFile) Sync() error { return f.c.wait(f.File.Sync) }

// BenchmarkOperation is each operation of a local vault on a real file system and
// a SoftHSM token, from Begin to what Commit checked: the medians of the whole
// time without what was waited for a disk (calm-ms), of that waiting (disk-ms), of
// Commit alone without it (commit-ms), how often a disk was waited for (syncs) and
// how often a key in the token was used or made (keycalls).
func BenchmarkOperation(b *testing.B) {
	need.Tool(b, "softhsm")
	for _, op := range []vaultstate.Operation{
		{Kind: vaultstate.Init, Shares: 5, Threshold: 3, RootToken: true},
		{Kind: vaultstate.RecoveryRekey, Shares: 5, Threshold: 3},
		{Kind: vaultstate.Rekey},
		{Kind: vaultstate.GenerateRoot},
		{Kind: vaultstate.Rotate},
		{Kind: vaultstate.ReEncrypt},
	} {
		b.Run(string(op.Kind), func(b *testing.B) { benchOperation(b, op) })
	}
}

func benchOperation(b *testing.B, op vaultstate.Operation) {
	token := benchToken(b)
	disk := &clocked{FS: storage.OS}
	var v *bench
	if op.Kind != vaultstate.Init {
		v = onDisk(b, disk, token)
		v.run(b, vaultstate.Operation{ID: "first", Kind: vaultstate.Init, Shares: 5, Threshold: 3, RootToken: true})
		retire(b, v, "first")
	}
	var calm, waited, commit []time.Duration
	var syncs, calls []int
	n := 0
	for b.Loop() {
		b.StopTimer()
		n++
		op.ID = vaultstate.ID("op" + strconv.Itoa(n))
		switch op.Kind {
		case vaultstate.Init:
			v = onDisk(b, disk, token)
		case vaultstate.ReEncrypt:
			v.run(b, vaultstate.Operation{ID: "rotated", Kind: vaultstate.Rotate})
			retire(b, v, "rotated")
		}
		token.Calls()
		disk.waits, disk.took = 0, 0
		b.StartTimer()

		begun := time.Now()
		v.held = nextHeld(v, v.untilReady(b, op))
		last, before := time.Now(), disk.took
		if _, err := v.Commit(b.Context(), op.ID); err != nil {
			b.Fatal(err)
		}
		took := time.Since(begun)

		b.StopTimer()
		calm, waited = append(calm, took-disk.took), append(waited, disk.took)
		commit = append(commit, time.Since(last)-(disk.took-before))
		syncs = append(syncs, disk.waits)
		used := 0
		for _, c := range token.Calls() {
			used += c.Times
		}
		calls = append(calls, used)
		if op.Kind != vaultstate.GenerateRoot { // it keeps no older state
			retire(b, v, op.ID)
		}
		b.StartTimer()
	}
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	b.ReportMetric(ms(median(calm)), "calm-ms")
	b.ReportMetric(ms(median(waited)), "disk-ms")
	b.ReportMetric(ms(median(commit)), "commit-ms")
	b.ReportMetric(float64(median(syncs)), "syncs")
	b.ReportMetric(float64(median(calls)), "keycalls")
}

func median[T int | time.Duration](list []T) T {
	list = slices.Sorted(slices.Values(list))
	return list[len(list)/2]
}

func nextHeld(v *bench, issue *vaultstate.Issue) []secret.Bytes {
	if issue == nil || len(issue.Shares) == 0 {
		return v.held
	}
	return plain(issue)
}

func retire(b *testing.B, v *bench, id vaultstate.ID) {
	b.Helper()
	if _, err := v.Retire(b.Context(), id); err != nil {
		b.Fatal(err)
	}
}

func onDisk(b *testing.B, disk storage.FS, seal local.Seal) *bench {
	b.Helper()
	dir := filepath.Join(b.TempDir(), "storage")
	if err := os.Mkdir(dir, 0o700); err != nil {
		b.Fatal(err)
	}
	v, err := local.Open(local.Options{Storage: dir, Seal: seal, Practice: true, FS: disk})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = v.Close() })
	return &bench{Vault: v}
}

func benchToken(b *testing.B) *hsm.Token {
	b.Helper()
	pin := secret.Take([]byte("2468"))
	defer pin.Wipe()
	s, err := softhsm.Create(b.Context(), b.TempDir(), "ceremony", pin)
	if err != nil {
		b.Fatal(err)
	}
	token, err := hsm.Open(b.Context(), s.Config("vault", "01"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = token.Close() })
	if err := token.Login(b.Context(), pin); err != nil {
		b.Fatal(err)
	}
	if _, err := token.GenerateKey(b.Context()); err != nil {
		b.Fatal(err)
	}
	return token
}

// BenchmarkDeep is a look into every entry of a store on a real file system, half
// of them under each of two terms, 1 KiB each: entries and bytes a second, and the
// most that was resident meanwhile over what was before (grew-MiB). CONCLAVE_DEEP
// is how many entries: "10000,100000".
func BenchmarkDeep(b *testing.B) {
	sizes := os.Getenv("CONCLAVE_DEEP")
	if sizes == "" {
		sizes = "10000"
	}
	for size := range strings.SplitSeq(sizes, ",") {
		n, err := strconv.Atoi(size)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(size, func(b *testing.B) {
			seal := vaulttest.NewSeal()
			dir := filepath.Join(b.TempDir(), "storage")
			if err := os.Mkdir(dir, 0o700); err != nil {
				b.Fatal(err)
			}
			vault, err := local.Open(local.Options{Storage: dir, Seal: seal, Practice: true})
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = vault.Close() }()
			v := &bench{Vault: vault, seal: seal}
			for _, op := range []vaultstate.Operation{{ID: "first", Kind: vaultstate.Init, Shares: 3, Threshold: 2}, {ID: "second", Kind: vaultstate.Rotate}} {
				v.run(b, op)
				retire(b, v, op.ID)
			}
			text := bytes.Repeat([]byte("0123456789abcdef"), 64)
			fill(b, v, dir, n, func(int) []byte { return bytes.Clone(text) })
			b.SetBytes(int64(n * len(text)))
			runtime.GC()
			before, most := resident(b), 0
			for b.Loop() {
				if _, _, err := vault.Open(b.Context(), true, func(done, _ int) {
					if done%(10*1024) == 0 {
						most = max(most, resident(b))
					}
				}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "entries/s")
			b.ReportMetric(float64(max(0, most-before))/1024, "grew-MiB")
		})
	}
}

// resident is this process' resident memory in KiB.
func resident(b *testing.B) int {
	b.Helper()
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Fatal(err)
	}
	_, line, _ := strings.Cut(string(text), "VmRSS:")
	var kib int
	if _, err := fmt.Sscan(line, &kib); err != nil {
		b.Fatal(err)
	}
	return kib
}
