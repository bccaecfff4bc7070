package hsm

import (
	"testing"

	"conclave/hsm/worker"
)

func TestClock(t *testing.T) {
	for _, c := range []struct {
		text  string
		flags uint
		want  string
	}{
		{"2026112814023000", worker.FlagClockOnToken, "2026-11-28 14:02:30 +0000 UTC"},
		{"20261128140230", worker.FlagClockOnToken, "2026-11-28 14:02:30 +0000 UTC"},
		{"2026112814023000", worker.FlagTokenReady, ""}, // it says that it has none
		{"2026139914023000", worker.FlagClockOnToken, ""},
		{"now", worker.FlagClockOnToken, ""},
		{"", worker.FlagClockOnToken, ""},
	} {
		got := clock(worker.TokenInfo{Flags: c.flags, Clock: c.text})
		if text := got.String(); c.want == "" && !got.IsZero() || c.want != "" && text != c.want {
			t.Errorf("%q, %#x: %s", c.text, c.flags, text)
		}
	}
}
