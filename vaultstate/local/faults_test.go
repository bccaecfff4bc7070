//go:build !race

package local_test

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"

	"conclave/hsm/secret"
	"conclave/vaultstate"
	"conclave/vaultstate/local"
	"conclave/vaultstate/vaulttest"
)

// stubborn runs an operation as people do: a step that fails is tried again, up
// to three times, once the disk is healed where heal says so.
func stubborn(op vaultstate.Operation, to local.Seal, heal func(*vaulttest.Disk)) changer {
	return func(t *testing.T, disk *vaulttest.Disk, seal local.Seal, held []secret.Bytes) (given []secret.Bytes, err error) {
		ctx := t.Context()
		try := func(what string, do func() error) error {
			var err error
			for range 3 {
				if err = do(); err == nil {
					return nil
				}
				heal(disk)
			}
			return fmt.Errorf("%s: %w", what, err)
		}
		var v *local.Vault
		if err := try("opening", func() (err error) {
			v, err = local.Open(local.Options{Storage: root, Seal: seal, NewSeal: to, Practice: true, FS: disk, Batch: 2})
			return err
		}); err != nil {
			return nil, err
		}
		defer func() { _ = v.Close() }()
		var p vaultstate.Progress
		if err := try("beginning", func() (err error) { p, err = v.Begin(ctx, op); return err }); err != nil {
			return nil, err
		}
		if p.Phase == vaultstate.PhaseAuthority {
			if err := try("submitting", func() (err error) { p, err = v.Submit(ctx, op.ID, held[1:1+p.Needed]); return err }); err != nil {
				return nil, err
			}
		}
		if p.Phase == vaultstate.PhaseIssue {
			var issue *vaultstate.Issue
			if err := try("taking", func() (err error) { issue, err = v.Take(ctx, op.ID); return err }); err != nil {
				return nil, err
			}
			given = plain(issue)
			for _, s := range issue.Shares {
				if err := try("proving", func() error { _, err := v.Verify(ctx, op.ID, s.Number, s.Plain); return err }); err != nil {
					return given, err
				}
			}
		}
		return given, try("committing", func() error {
			_, err := v.Commit(ctx, op.ID)
			if errors.Is(err, vaultstate.ErrCommitted) {
				return nil
			}
			return err
		})
	}
}

// TestFaultsEverywhere has every call to the file system fail: once, and people
// try again; or from then on for all that write, as on a full disk or one that
// was mounted read-only, until it is healed or never. What is said to be done is
// done and on disk; else it is the old state or the new one, and the next run
// goes on or cleans up. Every third call: make test-long asks for all.
func TestFaultsEverywhere(t *testing.T) {
	never, always := func(*vaulttest.Disk) {}, func(d *vaulttest.Disk) { d.Fail(0, nil, false) }
	everyOperation(t, func(t *testing.T, b *bench, op vaultstate.Operation, to local.Seal) {
		before := snapshot(t, b)
		for _, f := range []struct {
			name  string
			err   error
			stays bool
			heal  func(*vaulttest.Disk)
		}{
			{"EIO, once", syscall.EIO, false, never},
			{"ENOSPC, until it is healed", syscall.ENOSPC, true, always},
			{"EROFS, for ever", syscall.EROFS, true, never},
		} {
			tried, done, every := 0, 0, 3
			if os.Getenv("CONCLAVE_LONG") != "" {
				every = 1
			}
			for n := 1; ; n += every {
				disk := b.disk.Crash(vaulttest.Kept)
				disk.Fail(n, f.err, f.stays)
				var given []secret.Bytes
				var err error
				secret.Do(func() { given, err = stubborn(op, to, f.heal)(t, disk, b.seal, b.held) })
				if disk.Calls() < n {
					secret.WipeAll(given)
					break
				}
				tried++
				if err == nil {
					done++
				} else if !errors.Is(err, f.err) && !errors.Is(err, vaultstate.ErrNotReady) {
					t.Errorf("%s at call %d: it ended with %v", f.name, n, err)
				}
				disk.Fail(0, nil, false)
				losses := []vaulttest.Loss{vaulttest.Kept}
				if err == nil {
					losses = append(losses, vaulttest.Lost)
				}
				for _, loss := range losses {
					a := &aftermath{disk: disk.Crash(loss), seal: b.seal, to: b.to, held: b.held, given: given, before: before, commit: n%2 == 0, rubble: f.stays}
					var which string
					var bad error
					secret.Do(func() { which, bad = a.check(t) })
					if bad == nil && err == nil && which != "new" {
						bad = fmt.Errorf("it was said to be done, and it is %s", which)
					}
					if bad != nil {
						t.Errorf("%s at call %d (unsynced writes %v; it ended with %v): %v", f.name, n, loss, err, bad)
					}
				}
				secret.WipeAll(given)
			}
			t.Logf("%s: at each of %d calls; %d ended well, 0 lost", f.name, tried, done)
			if tried == 0 || f.name == "EIO, once" && done < tried/2 {
				t.Errorf("%s: %d of %d ended well", f.name, done, tried)
			}
		}
	})
}
