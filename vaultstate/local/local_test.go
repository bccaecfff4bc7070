package local_test

import (
	"slices"
	"testing"

	"conclave/hsm/secret"
	"conclave/vaultstate"
	"conclave/vaultstate/local"
	"conclave/vaultstate/share"
	"conclave/vaultstate/storage"
	"conclave/vaultstate/vaulttest"
)

// bench is a vault on a disk in memory.
type bench struct {
	*local.Vault
	disk *vaulttest.Disk
	seal *vaulttest.Seal
	held []secret.Bytes  // the shares that count
	to   *vaulttest.Seal // of a rewrap; nil: there is none
}

const root = "/vault"

func open(t testing.TB, disk storage.FS, seal local.Seal) *local.Vault {
	t.Helper()
	v, err := local.Open(local.Options{Storage: root, Seal: seal, Practice: true, FS: disk})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = v.Close() })
	return v
}

func empty(t testing.TB) *bench {
	t.Helper()
	disk := vaulttest.NewDisk()
	disk.MkdirAll(root)
	seal := vaulttest.NewSeal()
	return &bench{Vault: open(t, disk, seal), disk: disk, seal: seal}
}

// initialised is a vault with 5 shares, 3 of which are needed.
func initialised(t testing.TB) *bench {
	t.Helper()
	b := empty(t)
	b.run(t, vaultstate.Operation{ID: "first", Kind: vaultstate.Init, Shares: 5, Threshold: 3, RootToken: true})
	if _, err := b.Retire(t.Context(), "first"); err != nil {
		t.Fatal(err)
	}
	return b
}

// rotated is such a vault with a second data encryption key, under which nothing
// lies yet.
func rotated(t testing.TB) *bench {
	t.Helper()
	b := initialised(t)
	b.run(t, vaultstate.Operation{ID: "rotated", Kind: vaultstate.Rotate})
	if _, err := b.Retire(t.Context(), "rotated"); err != nil {
		t.Fatal(err)
	}
	return b
}

// run plays an operation to its end and keeps the new shares.
func (b *bench) run(t testing.TB, op vaultstate.Operation) (vaultstate.Outcome, *vaultstate.Issue) {
	t.Helper()
	issue := b.untilReady(t, op)
	out, err := b.Commit(t.Context(), op.ID)
	if err != nil {
		t.Fatalf("Commit: %v", err)
	}
	if issue != nil && len(issue.Shares) > 0 {
		b.held = plain(issue)
	}
	return out, issue
}

// untilReady stops before Commit.
func (b *bench) untilReady(t testing.TB, op vaultstate.Operation) *vaultstate.Issue {
	t.Helper()
	ctx := t.Context()
	p, err := b.Begin(ctx, op)
	if err != nil {
		t.Fatalf("Begin: %v", err)
	}
	if p.Phase == vaultstate.PhaseAuthority {
		if p, err = b.Submit(ctx, op.ID, b.held[:p.Needed]); err != nil {
			t.Fatalf("Submit: %v", err)
		}
	}
	var issue *vaultstate.Issue
	if p.Phase == vaultstate.PhaseIssue {
		if issue, err = b.Take(ctx, op.ID); err != nil {
			t.Fatalf("Take: %v", err)
		}
		for _, s := range issue.Shares {
			if p, err = b.Verify(ctx, op.ID, s.Number, s.Plain); err != nil {
				t.Fatalf("Verify %d: %v", s.Number, err)
			}
		}
		if p, err = b.Progress(ctx, op.ID); err != nil {
			t.Fatal(err)
		}
	}
	if p.Phase != vaultstate.PhaseReady {
		t.Fatalf("phase is %q, want %q", p.Phase, vaultstate.PhaseReady)
	}
	return issue
}

func plain(issue *vaultstate.Issue) []secret.Bytes {
	var list []secret.Bytes
	for _, s := range issue.Shares {
		list = append(list, s.Plain)
	}
	return list
}

// makesKey tells whether shares make the key of a state.
func makesKey(t testing.TB, shares []secret.Bytes, st vaultstate.State) bool {
	t.Helper()
	key := shares[0].Clone()
	if st.Threshold > 1 {
		var err error
		if key, err = share.Combine(shares[:st.Threshold]); err != nil {
			t.Fatal(err)
		}
	}
	defer key.Wipe()
	return vaultstate.KeyDigest("recovery-key", key) == st.RecoveryKey
}

func TestEveryOperation(t *testing.T) {
	b := initialised(t)
	first, checks, err := b.Open(t.Context(), true, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range checks {
		t.Log(c.Text)
	}
	if !makesKey(t, b.held, first) || first.Shares != 5 || first.Threshold != 3 || len(first.Terms) != 1 {
		t.Fatalf("init left %+v", first)
	}
	old := b.held
	before := first
	for _, op := range []vaultstate.Operation{
		{ID: "rekey", Kind: vaultstate.Rekey, Shares: 1, Threshold: 1},
		{ID: "rotate", Kind: vaultstate.Rotate},
		{ID: "recovery", Kind: vaultstate.RecoveryRekey, Shares: 7, Threshold: 4},
		{ID: "token", Kind: vaultstate.GenerateRoot},
		{ID: "single", Kind: vaultstate.RecoveryRekey, Shares: 1, Threshold: 1},
		{ID: "again", Kind: vaultstate.Rotate},
	} {
		out, issue := b.run(t, op)
		after, _, err := b.Open(t.Context(), true, nil)
		if err != nil {
			t.Fatalf("%s: %v", op.ID, err)
		}
		if op.Kind != vaultstate.GenerateRoot && out.Before.Storage != before.Storage || out.After.Storage != after.Storage {
			t.Errorf("%s: the outcome's states are not the vault's", op.ID)
		}
		if got, want := after.RootKey != before.RootKey, op.Kind == vaultstate.Rekey; got != want {
			t.Errorf("%s: root key changed: %v", op.ID, got)
		}
		if got, want := len(after.Terms) != len(before.Terms), op.Kind == vaultstate.Rotate; got != want {
			t.Errorf("%s: terms changed: %v", op.ID, got)
		}
		if got, want := after.RecoveryKey != before.RecoveryKey, op.Kind == vaultstate.RecoveryRekey; got != want {
			t.Errorf("%s: recovery key changed: %v", op.ID, got)
		}
		if (issue != nil && issue.Token != nil) != (op.Kind == vaultstate.GenerateRoot) {
			t.Errorf("%s: a token: %v", op.ID, issue)
		}
		if !makesKey(t, b.held, after) {
			t.Errorf("%s: the shares do not make the recovery key", op.ID)
		}
		if c, err := b.Settle(t.Context(), op.ID); err != nil || !c.OK {
			t.Errorf("%s: %v %v", op.ID, c, err)
		}
		before = after
	}
	if makesKey(t, old, vaultstate.State{Threshold: 3, RecoveryKey: before.RecoveryKey}) {
		t.Error("the shares of the init still make the recovery key")
	}
	var kept []string
	st, err := b.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range st.Pending {
		kept = append(kept, string(l.ID)+":"+l.State)
	}
	if want := []string{"again:rollback", "recovery:rollback", "rekey:rollback", "rotate:rollback", "single:rollback"}; !slices.Equal(kept, want) {
		t.Errorf("left behind: %v, want %v", kept, want)
	}
}
