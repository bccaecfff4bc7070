//go:build !race

package local_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"conclave/hsm"
	"conclave/hsm/secret"
	"conclave/vaultstate"
	"conclave/vaultstate/barrier"
	"conclave/vaultstate/local"
	"conclave/vaultstate/share"
	"conclave/vaultstate/vaulttest"
)

// changer changes the vault on a disk. It returns the new shares as soon as
// they left it, whatever happens afterwards.
type changer func(t *testing.T, disk *vaulttest.Disk, seal local.Seal, held []secret.Bytes) ([]secret.Bytes, error)

// ours runs an operation from its beginning to its commit.
func ours(op vaultstate.Operation, to local.Seal) changer {
	return func(t *testing.T, disk *vaulttest.Disk, seal local.Seal, held []secret.Bytes) (given []secret.Bytes, err error) {
		v, err := local.Open(local.Options{Storage: root, Seal: seal, NewSeal: to, Practice: true, FS: disk, Batch: 2}) // a cut falls between two batches, too
		if err != nil {
			return nil, err
		}
		defer func() { _ = v.Close() }()
		ctx := t.Context()
		p, err := v.Begin(ctx, op)
		if err == nil && p.Phase == vaultstate.PhaseAuthority {
			p, err = v.Submit(ctx, op.ID, held[1:1+p.Needed])
		}
		if err == nil && p.Phase == vaultstate.PhaseIssue {
			var issue *vaultstate.Issue
			if issue, err = v.Take(ctx, op.ID); err != nil {
				return nil, err
			}
			given = plain(issue)
			for _, s := range issue.Shares {
				if _, err := v.Verify(ctx, op.ID, s.Number, s.Plain); err != nil {
					return given, err
				}
			}
		}
		if err == nil {
			_, err = v.Commit(ctx, op.ID)
		}
		return given, err
	}
}

// oneAfterTheOther writes the two entries as a server does, and better: each is
// brought to disk before the next.
func oneAfterTheOther(t *testing.T, disk *vaulttest.Disk, seal local.Seal, _ []secret.Bytes) ([]secret.Bytes, error) {
	key := secret.Random(barrier.KeySize)
	defer key.Wipe()
	given, err := share.Split(key, 7, 4)
	if err != nil {
		return nil, err
	}
	blob, err := seal.Wrap(t.Context(), key)
	if err != nil {
		return nil, err
	}
	cfg, err := barrier.NewRecoveryConfig(7, 4).Encode()
	if err != nil {
		return nil, err
	}
	if err := replace(disk, root+"/core/_recovery-key", blob); err != nil {
		return given, err
	}
	return given, replace(disk, root+"/core/_recovery-config", cfg)
}

// tally is what the harness counted.
type tally struct {
	calls, changes, looked int
	found                  map[string]int // cuts: which shares open the state, by loss
	next                   map[string]int // disks: what the next run did
	failures               []string
}

// cutEverywhere cuts the power after every file-system call of run, and looks
// at every disk that a machine may find then. A call that only reads leaves the
// disk of the call before, which is not looked at again.
func cutEverywhere(t *testing.T, b *bench, run changer) tally {
	before := snapshot(t, b)
	sum := tally{found: map[string]int{}, next: map[string]int{}}
	var same string
	var seen map[string]string // of that disk: loss to which
	for n := 1; ; n++ {
		disk := b.disk.Crash(vaulttest.Kept)
		disk.CutAfter(n)
		var given []secret.Bytes
		var err error
		// Here and below: what one run copies is erased once, at its end. This
		// test is about disks, and makes thousands of runs.
		secret.Do(func() { given, err = run(t, disk, b.seal, b.held) })
		if err != nil && !errors.Is(err, vaulttest.ErrCut) {
			t.Fatalf("cut after call %d: %v", n, err)
		}
		if now := fmt.Sprint(disk.Changes(), len(given)); now != same {
			same, seen = now, map[string]string{}
			for _, loss := range slices.Sorted(maps.Keys(vaulttest.Losses)) {
				for _, commit := range []bool{false, true} {
					a := &aftermath{
						disk: disk.Crash(vaulttest.Losses[loss]), seal: b.seal,
						to: b.to, held: b.held, given: given, before: before, commit: commit,
					}
					var failed error
					secret.Do(func() { seen[loss], failed = a.check(t) })
					if failed != nil {
						sum.failures = append(sum.failures, fmt.Sprintf("cut after call %d, unsynced writes %s: %v", n, loss, failed))
					}
					if a.did != "" {
						sum.next[a.did]++
					}
					sum.looked++
				}
			}
		}
		for loss, which := range seen {
			sum.found[which+", "+loss]++
		}
		secret.WipeAll(given)
		if err == nil {
			for loss, which := range seen {
				if which != "new" {
					sum.failures = append(sum.failures, fmt.Sprintf("it was committed, and with unsynced writes %s it is %s", loss, which))
				}
			}
			sum.calls, sum.changes = disk.Calls(), disk.Changes()
			return sum
		}
	}
}

// before is what a vault was before anything was cut. Its zero value is a
// storage without a vault.
type before struct {
	state  vaultstate.State
	tokens int
}

func snapshot(t *testing.T, b *bench) before {
	t.Helper()
	st, err := b.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !st.Initialized {
		return before{}
	}
	state, _, err := b.Open(t.Context(), true, nil)
	if err != nil {
		t.Fatal(err)
	}
	return before{state, tokens(b.disk)}
}

// tokens is how many tokens a server would know.
func tokens(disk *vaulttest.Disk) int {
	names, _ := disk.ReadDir(root + "/sys/token/id") // an absent one has none
	return len(names)
}

// aftermath is a disk after the power came back.
type aftermath struct {
	disk        *vaulttest.Disk
	seal        local.Seal
	to          *vaulttest.Seal // of a rewrap
	held, given []secret.Bytes
	before      before
	commit      bool // what the next run can resume it commits, else it cancels
	did         string
	rubble      bool // of a staging that failed, it may be there: not all could be removed
}

// check opens the state, and lets the next run finish or clean up.
func (a *aftermath) check(t *testing.T) (which string, err error) {
	if which, err = a.opens(t); err != nil {
		return which, err
	}
	o := local.Options{Storage: root, Seal: a.seal, Practice: true, FS: a.disk}
	if a.to != nil {
		o.NewSeal = a.to
	}
	v, err := local.Open(o)
	if err != nil {
		return which, err
	}
	defer func() { _ = v.Close() }()
	st, err := v.Status(t.Context())
	if err != nil {
		return which, fmt.Errorf("the next run: %w", err)
	}
	st.Pending = slices.DeleteFunc(st.Pending, func(l vaultstate.Leftover) bool {
		// Rubble is said to be there, and does not stand in the way.
		return a.rubble && l.State == "broken" && l.Text != ""
	})
	if len(st.Pending) > 1 {
		return which, fmt.Errorf("the next run: %d things were left", len(st.Pending))
	}
	if len(a.given) > 0 && which == "old" && (len(st.Pending) != 1 || st.Pending[0].State != "staged") {
		return which, errors.New("shares are out, and what they belong to is not on disk")
	}
	for _, l := range st.Pending {
		want, err := a.goOn(t, v, l, which)
		if err != nil {
			return which, fmt.Errorf("%s: %w", a.did, err)
		}
		if got, err := a.opens(t); err != nil || got != want {
			return which, fmt.Errorf("after %s it is %s, want %s: %w", a.did, got, want, err)
		}
	}
	names, err := a.disk.ReadDir(root)
	if err == nil && slices.Contains(names, ".conclave") {
		// An empty one may be left: nothing in it is found, and it is used again.
		if names, err = a.disk.ReadDir(root + "/.conclave"); err == nil && len(names) > 0 && !a.rubble {
			err = fmt.Errorf("left: %v", names)
		}
	}
	if err == nil {
		err = begins(t, v)
	}
	return which, err
}

// begins begins another operation, for which nothing may be in the way.
func begins(t *testing.T, v *local.Vault) error {
	op := vaultstate.Operation{ID: "next", Kind: vaultstate.Rekey}
	_, err := v.Begin(t.Context(), op)
	if errors.Is(err, vaultstate.ErrNotInitialized) {
		op = vaultstate.Operation{ID: "next", Kind: vaultstate.Init, Shares: 1, Threshold: 1}
		_, err = v.Begin(t.Context(), op)
	}
	if err != nil {
		return fmt.Errorf("beginning again: %w", err)
	}
	return v.Cancel(t.Context(), op.ID)
}

// goOn lets the next run resume what it found, or remove it. It returns how the
// vault has to be then.
func (a *aftermath) goOn(t *testing.T, v *local.Vault, l vaultstate.Leftover, which string) (string, error) {
	ctx := t.Context()
	a.did = "removed what was " + l.State
	if l.Text == "" || l.State == "staged" && which == "new" || l.State == "rollback" && which == "old" {
		return which, fmt.Errorf("it is said to be %q (%s), and what is live is %s", l.State, l.Text, which)
	}
	p, err := v.Resume(ctx, l.ID)
	switch {
	case err != nil && l.State == "staged" && len(a.given) > 0:
		return which, fmt.Errorf("shares are out, and the next run cannot go on: %w", err)
	case err == nil && p.Phase == vaultstate.PhaseProof && len(a.given) == 0:
		a.did = "found shares that are said to be out, but were lost, and cancelled"
		return which, v.Cancel(ctx, l.ID)
	case err == nil && p.Phase != vaultstate.PhaseCommitted && a.commit:
		a.did = "resumed and committed"
		for i, s := range a.given {
			if !slices.Contains(p.Proven, i+1) {
				if _, err := v.Verify(ctx, l.ID, i+1, s); err != nil {
					return which, err
				}
			}
		}
		if _, err := v.Commit(ctx, l.ID); err != nil {
			return which, err
		}
		which = "new"
	case err == nil && p.Phase != vaultstate.PhaseCommitted:
		a.did = "resumed and cancelled"
		return which, v.Cancel(ctx, l.ID)
	case l.State == "rollback" && (err != nil || p.Phase != vaultstate.PhaseCommitted):
		return which, fmt.Errorf("what is committed does not say so: %q, %w", p.Phase, err)
	}
	if _, err = v.Retire(ctx, l.ID); errors.Is(err, vaultstate.ErrNoOperation) && l.Kind == vaultstate.GenerateRoot {
		err = nil // a token leaves no old state behind
	}
	return which, err
}

// opens says whether the vault is the old one or the new one, with the shares
// that go with it. Every entry of it is opened.
func (a *aftermath) opens(t *testing.T) (string, error) {
	v, err := local.Open(local.Options{Storage: root, Seal: a.seal, Practice: true, FS: a.disk, Batch: 2})
	if err != nil {
		return "neither", err
	}
	was := a.before.state
	st, _, err := v.Open(t.Context(), true, nil)
	if a.to != nil && errors.Is(err, hsm.ErrWrongKey) {
		return a.rewrapped(t)
	}
	if errors.Is(err, vaultstate.ErrNotInitialized) && was.Shares == 0 {
		if _, err := a.disk.ReadDir(root + "/core"); err == nil {
			return "neither", errors.New("there is no vault, but something of one")
		}
		return "old", nil
	}
	if err != nil {
		return "neither", err
	}
	old := st.Shares == len(a.held) && was.Shares > 0 && makesKey(t, a.held, st)
	if !old {
		if st.Shares == len(a.given) && len(a.given) > 0 && makesKey(t, a.given, st) {
			return "new", nil
		}
		return "neither", fmt.Errorf("it opens with neither the old nor the new shares (it says %d of %d)", st.Threshold, st.Shares)
	}
	if st.RootKey != was.RootKey || len(st.Terms) != len(was.Terms) || tokens(a.disk) != a.before.tokens {
		return "new", nil
	}
	return "old", nil
}

// rewrapped opens what the old key does not open with the new one alone.
func (a *aftermath) rewrapped(t *testing.T) (string, error) {
	v, err := local.Open(local.Options{Storage: root, Seal: a.to, Practice: true, FS: a.disk})
	if err != nil {
		return "neither", err
	}
	st, _, err := v.Open(t.Context(), true, nil)
	if err == nil && !makesKey(t, a.held, st) {
		err = errors.New("the new key opens it, and the shares do not fit")
	}
	if err != nil {
		return "neither", err
	}
	return "new", nil
}

func (s tally) log(t *testing.T) {
	t.Helper()
	t.Logf("cut after each of %d file-system calls, %d of them change something; %d disks were looked at", s.calls, s.changes, s.looked)
	for _, k := range slices.Sorted(maps.Keys(s.found)) {
		t.Logf("cuts after which it is %s writes: %d", k, s.found[k])
	}
	for _, k := range slices.Sorted(maps.Keys(s.next)) {
		t.Logf("disks on which the next run %s: %d", k, s.next[k])
	}
	t.Logf("failures: %d", len(s.failures))
}

// everyOperation begins each operation that changes a vault on a vault of its own.
func everyOperation(t *testing.T, f func(t *testing.T, b *bench, op vaultstate.Operation, to local.Seal)) {
	for _, op := range []vaultstate.Operation{
		{ID: "cut", Kind: vaultstate.Init, Shares: 3, Threshold: 2, RootToken: true},
		{ID: "cut", Kind: vaultstate.RecoveryRekey, Shares: 7, Threshold: 4},
		{ID: "cut", Kind: vaultstate.Rekey},
		{ID: "cut", Kind: vaultstate.Rotate},
		{ID: "cut", Kind: vaultstate.ReEncrypt},
		{ID: "cut", Kind: vaultstate.GenerateRoot},
		{ID: "cut", Kind: vaultstate.Rewrap},
		{ID: "cut", Kind: vaultstate.Recover, Shares: 7, Threshold: 4},
	} {
		t.Run(string(op.Kind), func(t *testing.T) {
			var b *bench
			var to local.Seal
			switch op.Kind {
			case vaultstate.Init:
				b = empty(t)
			case vaultstate.ReEncrypt:
				b = rotated(t)
			default:
				b = initialised(t)
			}
			if op.Kind == vaultstate.Rewrap {
				b.to = vaulttest.NewSeal()
				to = b.to
			}
			f(t, b, op, to)
		})
	}
}

func TestCutEverywhere(t *testing.T) {
	everyOperation(t, func(t *testing.T, b *bench, op vaultstate.Operation, to local.Seal) {
		sum := cutEverywhere(t, b, ours(op, to))
		sum.log(t)
		for i, f := range sum.failures {
			if i == 10 {
				t.Fatalf("and %d more", len(sum.failures)-i)
			}
			t.Error(f)
		}
		for loss := range vaulttest.Losses {
			if sum.found["old, "+loss] == 0 || sum.found["new, "+loss] == 0 {
				t.Errorf("with unsynced writes %s, not both sides of the commit were seen", loss)
			}
		}
	})
}

// TestCutFindsTwoWrites shows that the harness sees what it is for.
func TestCutFindsTwoWrites(t *testing.T) {
	sum := cutEverywhere(t, initialised(t), oneAfterTheOther)
	sum.log(t)
	if len(sum.failures) == 0 || sum.found["neither, kept"] == 0 || sum.found["neither, lost"] == 0 {
		t.Error("a state that was cut between its two entries was not noticed")
	}
}
