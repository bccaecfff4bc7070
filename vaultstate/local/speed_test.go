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
	"conclave/hsm/softhsm"
	"conclave/hsm/softhsm/need"
	"conclave/vaultstate"
	"conclave/vaultstate/local"
	"conclave/vaultstate/storage"
)

// clocked is the real file system, and knows how often it was to wait for a disk.
// With hurry it does not wait, so that no later call waits for the disk's journal.
type clocked struct {
	storage.FS
	hurry bool
	waits int
}

func (c *clocked) wait(sync func() error) error {
	c.waits++
	if c.hurry {
		return nil
	}
	return sync()
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
// a SoftHSM token, from Begin to what Commit checked: medians of the whole time
// (ms), of Commit alone (commit-ms), and of both without waiting for a disk
// (calm-ms, calm-commit-ms); how often a disk was waited for (syncs), how often a
// key in the token was used or made (keycalls), and how often the heap was
// collected so that copies of keys are erased (erased).
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
		b.Run(string(op.Kind), func(b *testing.B) {
			disk := &clocked{FS: storage.OS}
			o := newOperationBench(b, op, disk)
			var with, without []took
			for b.Loop() {
				disk.hurry = false
				with = append(with, o.once(b))
				disk.hurry = true
				without = append(without, o.once(b))
			}
			ms := func(list []took, of func(took) time.Duration) float64 {
				return float64(median(list, of)) / float64(time.Millisecond)
			}
			whole, commit := func(t took) time.Duration { return t.whole }, func(t took) time.Duration { return t.commit }
			b.ReportMetric(0, "ns/op") // both ways and what is between them: it says nothing
			b.ReportMetric(ms(with, whole), "ms")
			b.ReportMetric(ms(with, commit), "commit-ms")
			b.ReportMetric(ms(without, whole), "calm-ms")
			b.ReportMetric(ms(without, commit), "calm-commit-ms")
			b.ReportMetric(float64(median(with, func(t took) int { return t.syncs })), "syncs")
			b.ReportMetric(float64(median(with, func(t took) int { return t.calls })), "keycalls")
			b.ReportMetric(float64(median(with, func(t took) int { return t.erased })), "erased")
		})
	}
}

// took is what one operation took.
type took struct {
	whole, commit        time.Duration
	syncs, calls, erased int
}

type operationBench struct {
	op    vaultstate.Operation
	disk  *clocked
	token *hsm.Token
	v     *bench
}

func newOperationBench(b *testing.B, op vaultstate.Operation, disk *clocked) *operationBench {
	b.Helper()
	_, token := second(b, func(s *softhsm.Store) hsm.Config { return s.Config("vault", "01") })
	if _, err := token.GenerateKey(b.Context()); err != nil {
		b.Fatal(err)
	}
	return &operationBench{op: op, disk: disk, token: token}
}

// once runs the operation on a vault of its own; what has to come before it is
// not measured.
func (o *operationBench) once(b *testing.B) took {
	b.Helper()
	o.op.ID = "op"
	o.v = onDisk(b, o.disk, o.token)
	defer func() { _ = o.v.Close() }()
	if o.op.Kind != vaultstate.Init {
		o.v.run(b, vaultstate.Operation{ID: "first", Kind: vaultstate.Init, Shares: 5, Threshold: 3, RootToken: true})
		retire(b, o.v, "first")
	}
	if o.op.Kind == vaultstate.ReEncrypt {
		o.v.run(b, vaultstate.Operation{ID: "second", Kind: vaultstate.Rotate})
		retire(b, o.v, "second")
	}
	o.token.Calls()
	o.disk.waits = 0
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)

	begun := time.Now()
	if issue := o.v.untilReady(b, o.op); issue != nil && len(issue.Shares) > 0 {
		o.v.held = plain(issue)
	}
	ready := time.Now()
	if _, err := o.v.Commit(b.Context(), o.op.ID); err != nil {
		b.Fatal(err)
	}
	t := took{whole: time.Since(begun), commit: time.Since(ready), syncs: o.disk.waits}

	runtime.ReadMemStats(&after)
	t.erased = int(after.NumForcedGC - before.NumForcedGC)
	for _, c := range o.token.Calls() {
		t.calls += c.Times
	}
	return t
}

func median[T any, N int | time.Duration](list []T, of func(T) N) N {
	var values []N
	for _, e := range list {
		values = append(values, of(e))
	}
	slices.Sort(values)
	return values[len(values)/2]
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
			v, dir := rotatedOnDisk(b, storage.OS)
			text := bytes.Repeat([]byte("0123456789abcdef"), 64)
			fill(b, v, dir, n, func(int) []byte { return bytes.Clone(text) })
			b.SetBytes(int64(n * len(text)))
			runtime.GC()
			before, most := resident(b), 0
			for b.Loop() {
				if _, _, err := v.Open(b.Context(), true, func(done, _ int) {
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
