package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"conclave/hsm/softhsm/need"
)

// quantile is a value that a part of the list does not exceed.
func quantile(list []time.Duration, part float64) float64 {
	list = slices.Sorted(slices.Values(list))
	return float64(list[int(part*float64(len(list)-1))]) / float64(time.Millisecond)
}

// until waits till something is so. It looks often: what it measures takes
// milliseconds.
func until(b *testing.B, s *ptyScreen, is func() bool) time.Duration {
	b.Helper()
	for begun := time.Now(); ; time.Sleep(50 * time.Microsecond) {
		switch took := time.Since(begun); {
		case is():
			return took
		case took > 20*time.Second || s.over():
			b.Fatalf("it does not come; the screen:\n%s", s.text())
		}
	}
}

// BenchmarkFirstFrame is from the start of the process to a whole page in a
// pseudo-terminal: of the menu, and of a rehearsal, which makes its token and its
// practice keys before.
func BenchmarkFirstFrame(b *testing.B) {
	need.Tool(b, "softhsm")
	for _, c := range []struct {
		name, sees string
		args       []string
	}{
		{"menu", "No vault named", nil},
		{"rehearsal", "Briefing", []string{"rehearse", "init", "-dir", "D"}},
	} {
		b.Run(c.name, func(b *testing.B) {
			var took []time.Duration
			for b.Loop() {
				begun := time.Now()
				s := openPTY(b, b.TempDir(), c.args...)
				until(b, s, func() bool { return strings.Contains(s.text(), c.sees) })
				took = append(took, time.Since(begun))
				_ = s.cmd.Process.Kill()
				<-s.done
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(quantile(took, 0.5), "p50-ms")
			b.ReportMetric(quantile(took, 0.95), "p95-ms")
		})
	}
}

// BenchmarkKey is from a key to the first byte of the frame that it changes, in a
// pseudo-terminal: on the list of people of an init, the longest script.
func BenchmarkKey(b *testing.B) {
	need.Tool(b, "softhsm")
	for _, size := range [][2]int{{80, 24}, {200, 60}} {
		b.Run(fmt.Sprintf("%dx%d", size[0], size[1]), func(b *testing.B) {
			s := openPTY(b, b.TempDir(), "rehearse", "recover", "-dir", "D")
			s.resize(size[0], size[1])
			until(b, s, func() bool { return strings.Contains(s.text(), "read this aloud") })
			time.Sleep(time.Second) // a key that comes before a page could be read does nothing
			s.send(enter)
			until(b, s, func() bool { return strings.Contains(s.text(), "mark who is here") })
			time.Sleep(200 * time.Millisecond) // till nothing of the page is still on its way
			var took []time.Duration
			for down := true; b.Loop(); down = !down {
				before := len(s.wrote())
				key := "\x1b[A"
				if down {
					key = "\x1b[B"
				}
				s.send(key)
				took = append(took, until(b, s, func() bool { return len(s.wrote()) > before }))
				// Till the frame is whole, and not in step with the frames.
				time.Sleep(25*time.Millisecond + time.Duration(len(took)%10)*900*time.Microsecond)
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(quantile(took, 0.5), "p50-ms")
			b.ReportMetric(quantile(took, 0.99), "p99-ms")
		})
	}
}

// BenchmarkCeremony is each ceremony whole, with every person played: how long, and
// the most that its largest process had in memory.
func BenchmarkCeremony(b *testing.B) {
	need.Tool(b, "softhsm")
	for _, name := range []string{"init", "unseal", "rekey", "recovery-rekey", "rotate", "re-encrypt", "generate-root", "recover", "rewrap", "drill"} {
		b.Run(name, func(b *testing.B) {
			var took []time.Duration
			var most int64
			for b.Loop() {
				dir := b.TempDir()
				if name != "init" {
					rehearse(b, dir, "init")
				}
				if name == "re-encrypt" {
					rehearse(b, dir, "rotate")
				}
				d, rss := rehearse(b, dir, name)
				took, most = append(took, d), max(most, rss)
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(quantile(took, 0.5), "p50-ms")
			b.ReportMetric(float64(most)/1024, "most-MiB")
		})
	}
}

// rehearse holds one and tells how long it took and the most that one of its
// processes had in memory, in KiB.
func rehearse(b *testing.B, dir, name string) (time.Duration, int64) {
	b.Helper()
	cmd := exec.CommandContext(context.Background(), conclave, "rehearse", name, "-auto", "-plain", "-dir", "D")
	cmd.Dir = dir
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	begun := time.Now()
	if err := cmd.Run(); err != nil {
		b.Fatalf("%s: %v\n%s", name, err, out.String())
	}
	took := time.Since(begun)
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		b.Fatal("the system does not say what the program used")
	}
	return took, usage.Maxrss
}
