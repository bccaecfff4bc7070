package local_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"conclave/vaultstate"
	"conclave/vaultstate/vaulttest"
)

// TestCalls counts what each ceremony asks of the file system. The commit writes
// no content: it is one exchange, or one rename where there was nothing.
func TestCalls(t *testing.T) {
	for _, op := range []vaultstate.Operation{
		{ID: "op", Kind: vaultstate.Init, Shares: 5, Threshold: 3, RootToken: true},
		{ID: "op", Kind: vaultstate.Rekey},
		{ID: "op", Kind: vaultstate.RecoveryRekey, Shares: 7, Threshold: 4},
		{ID: "op", Kind: vaultstate.Rotate},
		{ID: "op", Kind: vaultstate.GenerateRoot},
	} {
		t.Run(string(op.Kind), func(t *testing.T) {
			b := empty(t)
			if op.Kind != vaultstate.Init {
				b = initialised(t)
			}
			c := counter{b.disk, b.disk.Count()}
			ctx := t.Context()
			p, err := b.Begin(ctx, op)
			if err == nil && p.Phase == vaultstate.PhaseAuthority {
				t.Log("begin: ", c.since())
				p, err = b.Submit(ctx, op.ID, b.held[:p.Needed])
			}
			if err != nil {
				t.Fatal(err)
			}
			t.Log("stage: ", c.since())
			if p.Phase == vaultstate.PhaseIssue {
				issue, err := b.Take(ctx, op.ID)
				if err != nil {
					t.Fatal(err)
				}
				t.Log("take:  ", c.since())
				for _, s := range issue.Shares {
					if _, err := b.Verify(ctx, op.ID, s.Number, s.Plain); err != nil {
						t.Fatal(err)
					}
				}
				t.Log("proofs:", c.since())
			}
			before := b.disk.Count()
			if _, err := b.Commit(ctx, op.ID); err != nil {
				t.Fatal(err)
			}
			t.Log("commit:", c.since())
			after := b.disk.Count()
			exchanges := 1
			if op.Kind == vaultstate.Init || op.Kind == vaultstate.GenerateRoot {
				exchanges = 0
			}
			if got := after["exchange"] - before["exchange"]; got != exchanges {
				t.Errorf("the commit exchanges %d times, want %d", got, exchanges)
			}
			for _, n := range []string{"create", "write", "link", "chmod, chown"} {
				if after[n] != before[n] {
					t.Errorf("the commit has a %s", n)
				}
			}
		})
	}
}

// counter says what was called since it was asked last.
type counter struct {
	disk *vaulttest.Disk
	last map[string]int
}

func (c *counter) since() string {
	now := c.disk.Count()
	total := 0
	var each []string
	for _, n := range slices.Sorted(maps.Keys(now)) {
		if d := now[n] - c.last[n]; d > 0 {
			total += d
			each = append(each, fmt.Sprintf("%s %d", n, d))
		}
	}
	c.last = now
	return fmt.Sprintf("%d calls (%s)", total, strings.Join(each, ", "))
}
