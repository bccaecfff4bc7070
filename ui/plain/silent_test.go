package plain_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"conclave/ceremony"
	"conclave/ui/plain"
)

// TestSilentHSM: an HSM that does not answer is said to be silent, once.
func TestSilentHSM(t *testing.T) {
	for name, c := range map[string]struct {
		waited time.Duration // before the work began
		want   int
	}{"silent": {ceremony.Patience, 1}, "slow": {0, 0}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &fake{t: t, prompts: []ceremony.Prompt{{Kind: ceremony.Work, StepID: "commit", Heading: "The program works."}},
				work: func(context.Context, int) { time.Sleep(2500 * time.Millisecond) }}
			var out bytes.Buffer
			asked := time.Now().Add(-c.waited)
			plain.Run(t.Context(), f, plain.Options{In: feed(t), Out: &out, Piped: true, Waiting: func() time.Time { return asked }})
			if n := strings.Count(out.String(), "The HSM has not answered for"); n != c.want {
				t.Errorf("said %d times, want %d:\n%s", n, c.want, &out)
			}
		})
	}
}
