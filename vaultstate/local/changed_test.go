package local_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"conclave/vaultstate"
	"conclave/vaultstate/local"
	"conclave/vaultstate/storage"
	"conclave/vaultstate/vaulttest"
)

var rotate = vaultstate.Operation{ID: "op", Kind: vaultstate.Rotate}

func replace(disk *vaulttest.Disk, name string, value []byte) error {
	f, err := disk.Create(name+".temp", 0o600)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(f, "{\"Value\":%q}\n", base64.StdEncoding.EncodeToString(value)); err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := disk.Rename(name+".temp", name, storage.Replace); err != nil {
		return err
	}
	return disk.SyncDir(root + "/core")
}

// serverWrites is what a server does that was overlooked.
func (b *bench) serverWrites(t *testing.T, name string) {
	t.Helper()
	if err := replace(b.disk, name, []byte("of a server")); err != nil {
		t.Fatal(err)
	}
}

// refused wants an error and the same disk.
func (b *bench) refused(t *testing.T, what string, want error, f func() error) {
	t.Helper()
	before := vaulttest.Digest(t, b.disk, root)
	if err := f(); !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
	if vaulttest.Digest(t, b.disk, root) != before {
		t.Errorf("%s: it was refused and changed something", what)
	}
}

// TestChanged: a state that changed in between is never overwritten.
func TestChanged(t *testing.T) {
	ctx := t.Context()
	t.Run("before the quorum", func(t *testing.T) {
		b := initialised(t)
		if _, err := b.Begin(ctx, rotate); err != nil {
			t.Fatal(err)
		}
		b.serverWrites(t, root+"/core/_audit")
		b.refused(t, "Progress", vaultstate.ErrChanged, func() error { _, err := b.Progress(ctx, "op"); return err })
		b.refused(t, "Submit", vaultstate.ErrChanged, func() error { _, err := b.Submit(ctx, "op", b.held); return err })
		if err := b.Cancel(ctx, "op"); err != nil {
			t.Error(err)
		}
	})
	t.Run("before Take and the proofs", func(t *testing.T) {
		b := initialised(t)
		if _, err := b.Begin(ctx, vaultstate.Operation{ID: "op", Kind: vaultstate.RecoveryRekey, Shares: 2, Threshold: 2}); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Submit(ctx, "op", b.held); err != nil {
			t.Fatal(err)
		}
		b.serverWrites(t, root+"/core/_audit")
		b.refused(t, "Take", vaultstate.ErrChanged, func() error { _, err := b.Take(ctx, "op"); return err })
	})
	for name, file := range map[string]string{"the live side": "/core/_audit", "the staged side": "/.conclave/op/new/_audit"} {
		t.Run("before the commit: "+name, func(t *testing.T) {
			b := initialised(t)
			b.untilReady(t, rotate)
			b.changes(t, file)
			b.refused(t, "Progress", vaultstate.ErrChanged, func() error { _, err := b.Progress(ctx, "op"); return err })
			b.refused(t, "Commit", vaultstate.ErrChanged, func() error { _, err := b.Commit(ctx, "op"); return err })
			st, err := b.Status(ctx)
			if err != nil || st.Initialized != true {
				t.Errorf("%+v, %v", st, err)
			}
			if err := b.Close(); err != nil {
				t.Fatal(err)
			}
			again := &bench{Vault: open(t, b.disk, b.seal), disk: b.disk, seal: b.seal, held: b.held}
			again.refused(t, "Resume", vaultstate.ErrChanged, func() error {
				_, err := again.Resume(ctx, "op")
				if errors.Is(err, vaultstate.ErrCorrupt) { // it is not what was staged
					err = vaultstate.ErrChanged
				}
				return err
			})
			if _, err := again.Retire(ctx, "op"); err != nil {
				t.Fatal(err)
			}
		})
	}
	for name, file := range map[string]string{"the live side": "/core/_audit", "the old side": "/.conclave/op/old/_audit"} {
		t.Run("after the commit: "+name, func(t *testing.T) {
			b := initialised(t)
			b.run(t, rotate)
			if c, err := b.Settle(ctx, "op"); err != nil || !c.OK {
				t.Fatalf("%+v, %v", c, err)
			}
			b.changes(t, file)
			b.refused(t, "Settle", vaultstate.ErrChanged, func() error {
				c, err := b.Settle(ctx, "op")
				if c.OK || !strings.Contains(c.Text, "core/") {
					t.Errorf("Settle says %+v", c)
				}
				return err
			})
			if name == "the live side" {
				b.refused(t, "Rollback", vaultstate.ErrChanged, func() error { _, err := b.Rollback(ctx, "op"); return err })
				if l := b.pending(t); len(l) != 1 || l[0].CanUndo || !strings.Contains(l[0].Text, "evidence only") {
					t.Errorf("left behind: %+v", l)
				}
			}
		})
	}
}

// changes has somebody write to one side, which need not be core/.
func (b *bench) changes(t *testing.T, file string) {
	t.Helper()
	f, err := b.disk.Create(root+file, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("{\"Value\":\"eA==\"}\n")); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func (b *bench) pending(t *testing.T) []vaultstate.Leftover {
	t.Helper()
	st, err := b.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return st.Pending
}

// TestRollback: the state from before counts again, and nothing is left of the
// other.
func TestRollback(t *testing.T) {
	ctx := t.Context()
	for _, op := range []vaultstate.Operation{
		{ID: "op", Kind: vaultstate.RecoveryRekey, Shares: 2, Threshold: 2}, rotate, {ID: "op", Kind: vaultstate.Rekey},
		{ID: "op", Kind: vaultstate.Init, Shares: 2, Threshold: 2, RootToken: true},
	} {
		t.Run(string(op.Kind), func(t *testing.T) {
			b := empty(t)
			if op.Kind != vaultstate.Init {
				b = initialised(t)
			}
			before, held := vaulttest.Digest(t, b.disk, root), b.held
			b.run(t, op)
			if l := b.pending(t); len(l) != 1 || !l[0].CanUndo {
				t.Fatalf("left behind: %+v", l)
			}
			st, err := b.Rollback(ctx, "op")
			if err != nil {
				t.Fatal(err)
			}
			if op.Kind != vaultstate.Init && !makesKey(t, held, st) {
				t.Error("the old shares do not make the recovery key")
			}
			if vaulttest.Digest(t, b.disk, root) != before {
				t.Error("the storage is not what it was")
			}
			if _, err := b.Rollback(ctx, "op"); !errors.Is(err, vaultstate.ErrNoOperation) {
				t.Errorf("a second time: %v", err)
			}
		})
	}
}

// TestInTheWay: what must not be so while a ceremony runs.
func TestInTheWay(t *testing.T) {
	ctx := t.Context()
	begin := func(b *bench) func() error {
		return func() error { _, err := b.Begin(ctx, rotate); return err }
	}
	t.Run("a server", func(t *testing.T) {
		b := initialised(t)
		b.disk.Servers = []string{"Process 7 (bao) runs in the storage directory."}
		b.refused(t, "Begin", vaultstate.ErrServerRunning, begin(b))
		b.disk.Servers = nil
		b.untilReady(t, rotate)
		b.disk.Servers = []string{"Process 7 (bao) runs in the storage directory."}
		b.refused(t, "Commit", vaultstate.ErrServerRunning, func() error { _, err := b.Commit(ctx, "op"); return err })
		b.disk.Servers = nil
		if _, err := b.Commit(ctx, "op"); err != nil {
			t.Error(err)
		}
		b.disk.Servers = []string{"Process 7 (bao) runs in the storage directory."}
		b.refused(t, "Rollback", vaultstate.ErrServerRunning, func() error { _, err := b.Rollback(ctx, "op"); return err })
	})
	t.Run("another run", func(t *testing.T) {
		b := initialised(t)
		if err := begin(b)(); err != nil {
			t.Fatal(err)
		}
		other := &bench{Vault: open(t, b.disk, b.seal), disk: b.disk}
		other.refused(t, "Begin", vaultstate.ErrLocked, begin(other))
		if err := b.Cancel(ctx, "op"); err != nil {
			t.Fatal(err)
		}
		if err := begin(other)(); err != nil {
			t.Errorf("after the other ended: %v", err)
		}
	})
	t.Run("a file system without exchange", func(t *testing.T) {
		b := initialised(t)
		b.disk.NoExchange = true
		b.refused(t, "Begin", vaultstate.ErrNoExchange, begin(b))
	})
	t.Run("a file system without links", func(t *testing.T) {
		b := initialised(t)
		b.disk.NoLinks = true
		b.run(t, rotate)
	})
	t.Run("an HSM that does not answer", func(t *testing.T) {
		b := initialised(t)
		if err := begin(b)(); err != nil {
			t.Fatal(err)
		}
		lost := errors.New("lost")
		b.seal.Err = lost
		b.refused(t, "Submit", lost, func() error { _, err := b.Submit(ctx, "op", b.held); return err })
		b.seal.Err = nil
		if _, err := b.Submit(ctx, "op", b.held); err != nil {
			t.Error(err)
		}
	})
}

// TestSettleWaits: but in a rehearsal, both sides are looked at ten seconds
// later.
func TestSettleWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := initialised(t)
		b.Vault = func() *local.Vault {
			v, err := local.Open(local.Options{Storage: root, Seal: b.seal, FS: b.disk})
			if err != nil {
				t.Fatal(err)
			}
			return v
		}()
		b.run(t, rotate)
		c, err := b.Settle(t.Context(), "op")
		if err != nil || c.Took.Seconds() != 10 {
			t.Errorf("%+v, %v", c, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := b.Settle(ctx, "op"); !errors.Is(err, context.Canceled) {
			t.Errorf("a wait that is given up: %v", err)
		}
	})
}

// TestStatus needs no HSM, and without a login tells what is sealed how.
func TestStatus(t *testing.T) {
	b := initialised(t)
	for name, v := range map[string]*local.Vault{"no HSM": open(t, b.disk, nil), "nobody logged in": open(t, b.disk, b.seal)} {
		calls := b.seal.Calls.Load()
		st, err := v.Status(t.Context())
		if err != nil || !st.Initialized || st.Shares != 5 || st.Threshold != 3 || st.SealType != "pkcs11" || st.Name != root || len(st.Warnings) > 0 {
			t.Errorf("%s: %+v, %v", name, st, err)
		}
		if want := map[string]string{"no HSM": "", "nobody logged in": "test:01"}[name]; st.SealKeyID != want {
			t.Errorf("%s: sealed with %q", name, st.SealKeyID)
		}
		if b.seal.Calls.Load() != calls {
			t.Errorf("%s: the HSM was asked", name)
		}
	}
	b.untilReady(t, rotate)
	if len(b.pending(t)) != 0 {
		t.Error("the pending operation is said to be of an earlier ceremony")
	}
	st, err := open(t, b.disk, nil).Status(t.Context())
	if err != nil || len(st.Pending) != 1 || st.Pending[0].State != "staged" || !slices.ContainsFunc(st.Warnings, func(w string) bool { return strings.Contains(w, "operator migrate") }) {
		t.Errorf("another run: %+v, %v", st, err)
	}
}
