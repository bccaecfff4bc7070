package storage_test

import (
	"crypto/sha256"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"conclave/vaultstate"
	"conclave/vaultstate/storage"
	"conclave/vaultstate/vaulttest"
)

const fixture = "testdata/openbao-2.5.5"

// place is a storage directory with the fixture in it.
type place struct {
	*storage.Store
	fs   storage.FS
	root string
}

// places are the same on the real file system and in memory.
func places(t *testing.T) map[string]place {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "vault")
	if err := os.CopyFS(dir, os.DirFS(fixture)); err != nil {
		t.Fatal(err)
	}
	disk := vaulttest.NewDisk()
	if err := disk.Import(fixture, "/vault"); err != nil {
		t.Fatal(err)
	}
	nolinks := vaulttest.NewDisk()
	if err := nolinks.Import(fixture, "/vault"); err != nil {
		t.Fatal(err)
	}
	nolinks.NoLinks = true
	list := map[string]place{}
	for name, p := range map[string]place{
		"real": {fs: storage.OS, root: dir}, "memory": {fs: disk, root: "/vault"}, "no links": {fs: nolinks, root: "/vault"},
	} {
		s, err := storage.Open(p.fs, p.root)
		if err != nil {
			t.Fatal(err)
		}
		p.Store = s
		list[name] = p
	}
	return list
}

func (p place) digest(t *testing.T) vaultstate.Digest {
	t.Helper()
	d, err := p.CoreDigest()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (p place) stage(t *testing.T, id vaultstate.ID, c storage.Changes) *storage.Staged {
	t.Helper()
	st, err := p.Stage(storage.Meta{ID: id, Kind: vaultstate.Rekey, Made: time.Unix(1, 0).UTC(), Facts: []byte("{}")}, c)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

var change = storage.Changes{
	Put:    map[string][]byte{"core/recovery-key": []byte("new"), "core/new/deep": []byte("made")},
	Delete: []string{"core/root-key"},
	Add:    []storage.Entry{{Key: "sys/token/id/h1", Value: []byte("token")}},
}

func TestEntries(t *testing.T) {
	for name, p := range places(t) {
		t.Run(name, func(t *testing.T) {
			var keys []string
			if err := p.Walk(func(k string) error { keys = append(keys, k); return nil }); err != nil {
				t.Fatal(err)
			}
			for _, k := range []string{"core/keyring", "core/hsm/barrier-unseal-keys", "sys/token/salt"} {
				v, err := p.Get(k)
				if err != nil || len(v) == 0 || !slices.Contains(keys, k) {
					t.Errorf("%s: %d bytes, %v", k, len(v), err)
				}
			}
			if len(keys) != 27 {
				t.Errorf("%d entries, want 27", len(keys))
			}
			if v, err := p.Get("core/none"); v != nil || err != nil {
				t.Errorf("an absent entry: %v, %v", v, err)
			}
			for _, k := range []string{"", "/", "a//b", "../x", "a/..b", "a\x00b", "./a"} {
				if _, err := p.Get(k); err == nil {
					t.Errorf("the key %q was taken", k)
				}
			}
		})
	}
}

// TestDigest computes the digest by the package comment.
func TestDigest(t *testing.T) {
	var list []string
	err := filepath.WalkDir(fixture+"/core", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			list = append(list, strings.TrimPrefix(name, fixture+"/core/"))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(list)
	text := []byte("conclave/core/v1\x00")
	for _, rel := range list {
		b, err := os.ReadFile(filepath.Join(fixture, "core", rel))
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(b)
		text = append(text, rel+"\x00"+string(sum[:])...)
	}
	want := vaultstate.Digest(sha256.Sum256(text))
	for name, p := range places(t) {
		if got := p.digest(t); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

func TestSwapAndBack(t *testing.T) {
	for name, p := range places(t) {
		t.Run(name, func(t *testing.T) {
			before := p.digest(t)
			st := p.stage(t, "one", change)
			if p.digest(t) != before {
				t.Error("staging changed core/")
			}
			if is, err := st.Standing(); is != storage.Ready || err != nil {
				t.Errorf("it is %s, %v", is, err)
			}
			if v, err := st.View().Get("core/recovery-key"); string(v) != "new" || err != nil {
				t.Errorf("the staged entry is %q, %v", v, err)
			}
			if v, err := p.Get("sys/token/id/h1"); v != nil || err != nil {
				t.Error("the added entry is there too early")
			}
			if err := st.Swap(); err != nil {
				t.Fatal(err)
			}
			if got := p.digest(t).String(); got != st.New {
				t.Errorf("core/ is %s, want %s", got, st.New)
			}
			for key, want := range map[string]string{"core/recovery-key": "new", "core/new/deep": "made", "core/root-key": "", "sys/token/id/h1": "token"} {
				if v, err := p.Get(key); string(v) != want || err != nil {
					t.Errorf("%s is %q, %v, want %q", key, v, err, want)
				}
			}
			if side, err := st.Settled(); side != "" || err != nil {
				t.Errorf("%q, %v", side, err)
			}
			if err := st.Swap(); err != nil {
				t.Errorf("a second time: %v", err)
			}
			found, err := p.Find()
			if err != nil || len(found) != 1 || found[0].Is != storage.Committed {
				t.Fatalf("found %v, %v", found, err)
			}
			if err := found[0].Rollback(); err != nil {
				t.Fatal(err)
			}
			if p.digest(t) != before {
				t.Error("core/ is not what it was")
			}
			if v, _ := p.Get("sys/token/id/h1"); v != nil {
				t.Error("the added entry is still there")
			}
			names, err := p.fs.ReadDir(p.root)
			if want := []string{"core", "logical", "sys"}; err != nil || !slices.Equal(names, want) {
				t.Errorf("left in the root: %v, want %v", names, want)
			}
		})
	}
}

func TestRetire(t *testing.T) {
	for name, p := range places(t) {
		t.Run(name, func(t *testing.T) {
			st := p.stage(t, "one", change)
			if err := st.Swap(); err != nil {
				t.Fatal(err)
			}
			if err := st.Remove(); err != nil {
				t.Fatal(err)
			}
			if got := p.digest(t).String(); got != st.New {
				t.Error("removing what was left changed core/")
			}
			if v, _ := p.Get("sys/token/id/h1"); v == nil {
				t.Error("removing what was left removed the added entry")
			}
			if found, err := p.Find(); err != nil || len(found) != 0 {
				t.Errorf("found %v, %v", found, err)
			}
		})
	}
}

// TestRefusals: what is staged from another state, or was changed, is not
// swapped in, and what a server wrote since is not lost.
func TestRefusals(t *testing.T) {
	other := func(k string) storage.Changes {
		return storage.Changes{Put: map[string][]byte{k: []byte("x")}}
	}
	for name, p := range places(t) {
		t.Run(name, func(t *testing.T) {
			first := p.stage(t, "first", other("core/a"))
			second := p.stage(t, "second", other("core/b"))
			if err := first.Swap(); err != nil {
				t.Fatal(err)
			}
			if is, _ := second.Standing(); is != storage.Stale {
				t.Errorf("the second is %s, want %s", is, storage.Stale)
			}
			if err := second.Swap(); !errors.Is(err, vaultstate.ErrChanged) {
				t.Errorf("swapping a stale set: %v", err)
			}
			if err := second.Remove(); err != nil {
				t.Fatal(err)
			}
			third := p.stage(t, "third", other("core/c"))
			if err := third.Swap(); err != nil {
				t.Fatal(err)
			}
			if is, _ := first.Standing(); is != storage.Overtaken {
				t.Errorf("the first is %s, want %s", is, storage.Overtaken)
			}
			if err := first.Rollback(); !errors.Is(err, vaultstate.ErrChanged) {
				t.Errorf("rolling an overtaken set back: %v", err)
			}
			if err := third.Rollback(); err != nil {
				t.Fatal(err)
			}
			if err := first.Rollback(); err != nil {
				t.Errorf("after the later one was rolled back: %v", err)
			}
			for _, c := range []storage.Changes{
				other("sys/a"), other("core/../a"), {Put: map[string][]byte{"core/a": nil}, Add: []storage.Entry{{Key: "core/x"}}},
			} {
				if _, err := p.Stage(storage.Meta{ID: "bad"}, c); err == nil {
					t.Errorf("%v was staged", c)
				}
			}
			for _, id := range []vaultstate.ID{"", "..", ".x", "a/b", "a b"} {
				if _, err := p.Stage(storage.Meta{ID: id}, other("core/a")); err == nil {
					t.Errorf("the id %q was taken", id)
				}
			}
			if found, _ := p.Find(); len(found) != 0 {
				t.Errorf("left: %v", found)
			}
		})
	}
}

// TestNoCore: the first state of a vault.
func TestNoCore(t *testing.T) {
	disk := vaulttest.NewDisk()
	disk.MkdirAll("/vault")
	for name, p := range map[string]place{"real": {fs: storage.OS, root: t.TempDir()}, "memory": {fs: disk, root: "/vault"}} {
		t.Run(name, func(t *testing.T) {
			s, err := storage.Open(p.fs, p.root)
			if err != nil {
				t.Fatal(err)
			}
			p.Store = s
			if err := s.Probe(); err != nil {
				t.Fatal(err)
			}
			if !(p.digest(t) == vaultstate.Digest{}) {
				t.Error("no core/ has a digest")
			}
			st := p.stage(t, "init", storage.Changes{Put: map[string][]byte{"core/keyring": []byte("k")}, Add: change.Add})
			if err := st.Swap(); err != nil {
				t.Fatal(err)
			}
			if is, err := st.Standing(); is != storage.Committed || err != nil {
				t.Errorf("it is %s, %v", is, err)
			}
			if err := st.Rollback(); err != nil {
				t.Fatal(err)
			}
			if names, err := p.fs.ReadDir(p.root); err != nil || len(names) != 0 {
				t.Errorf("left: %v, %v", names, err)
			}
		})
	}
}

// TestOwnerAndMode: new files are like the old, linked ones are left alone.
func TestOwnerAndMode(t *testing.T) {
	p := places(t)["real"]
	name := func(rel string) string { return filepath.Join(p.root, rel) }
	if err := os.Chmod(name("core/_recovery-key"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(name("core/_keyring"), 0o604); err != nil {
		t.Fatal(err)
	}
	owner := os.Getuid()
	if owner == 0 {
		owner = 12345
		for _, n := range []string{"", "core", "core/_recovery-key", "core/_keyring"} {
			if err := os.Chown(name(n), owner, owner); err != nil {
				t.Fatal(err)
			}
		}
	}
	inode := stat(t, name("core/_keyring"))
	st := p.stage(t, "one", change)
	if err := st.Swap(); err != nil {
		t.Fatal(err)
	}
	for rel, mode := range map[string]uint32{
		"core": 0o755, "core/_recovery-key": 0o640, "core/new": 0o700, "core/new/_deep": 0o600,
		".conclave": 0o700, ".conclave/one": 0o700, "sys/token/id/_h1": 0o600, ".conclave/one/stage.json": 0o600,
	} {
		if rel == "core" {
			mode = stat(t, name(".conclave/one/old")).Mode & 0o777
		}
		s := stat(t, name(rel))
		if s.Mode&0o777 != mode || s.Uid != uint32(owner) {
			t.Errorf("%s has mode %o and owner %d, want %o and %d", rel, s.Mode&0o777, s.Uid, mode, owner)
		}
	}
	after := stat(t, name("core/_keyring"))
	if after.Ino != inode.Ino || after.Nlink != 2 || after.Mode != inode.Mode || after.Uid != inode.Uid || after.Mtim != inode.Mtim {
		t.Errorf("a linked file changed: %+v, was %+v", after, inode)
	}
}

func stat(t *testing.T, name string) unix.Stat_t {
	t.Helper()
	var s unix.Stat_t
	if err := unix.Lstat(name, &s); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return s
}

func TestLock(t *testing.T) {
	for name, p := range places(t) {
		t.Run(name, func(t *testing.T) {
			l, err := p.Lock()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := p.Lock(); !errors.Is(err, vaultstate.ErrLocked) {
				t.Errorf("a second lock: %v", err)
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			l, err = p.Lock()
			if err != nil {
				t.Fatal(err)
			}
			_ = l.Close()
		})
	}
}

func TestProbe(t *testing.T) {
	for name, p := range places(t) {
		before := p.digest(t)
		if err := p.Probe(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if names, _ := p.fs.ReadDir(p.root); len(names) != 3 || p.digest(t) != before {
			t.Errorf("%s: the probe left %v", name, names)
		}
	}
	p := places(t)["memory"]
	p.fs.(*vaulttest.Disk).NoExchange = true
	if err := p.Probe(); !errors.Is(err, vaultstate.ErrNoExchange) {
		t.Errorf("without an exchange: %v", err)
	}
	if names, _ := p.fs.ReadDir(p.root); len(names) != 3 {
		t.Errorf("the probe left %v", names)
	}
	r := places(t)["real"]
	if err := os.Rename(filepath.Join(r.root, "core"), filepath.Join(r.root, "elsewhere")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("elsewhere", filepath.Join(r.root, "core")); err != nil {
		t.Fatal(err)
	}
	if err := r.Probe(); !errors.Is(err, vaultstate.ErrNoExchange) || !strings.Contains(err.Error(), "link") {
		t.Errorf("core/ as a link: %v", err)
	}
	if _, err := storage.Open(storage.OS, filepath.Join(r.root, "core")); err == nil {
		t.Error("a link was opened as a storage directory")
	}
}

// TestForeignFiles: what is neither file nor directory below core/ is refused.
func TestForeignFiles(t *testing.T) {
	p := places(t)["real"]
	if err := os.Symlink("/etc/passwd", filepath.Join(p.root, "core", "_link")); err != nil {
		t.Fatal(err)
	}
	if _, err := p.CoreDigest(); !errors.Is(err, vaultstate.ErrUnsupported) {
		t.Errorf("digest: %v", err)
	}
	if _, err := p.Get("core/link"); err == nil {
		t.Error("a link was read")
	}
	if err := unix.Mkfifo(filepath.Join(p.root, "core", "_fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Get("core/fifo"); err == nil {
		t.Error("a FIFO was read")
	}
}
