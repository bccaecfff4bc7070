//go:build linux && cgo

package main_test

import (
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"conclave/hsm/secret"
	"conclave/hsm/secret/memscan"
	"conclave/hsm/softhsm/need"
	"conclave/vaultstate/share"
)

// TestDrillLeaks holds a drill for which every custodian types their share, by
// hand in a terminal, and scans the program from outside between two of them:
// while the page stands on which the keyboard is passed on, no share that was
// typed before is in its memory, so never are two. The first custodian types one
// that nobody was handed out, before their own.
//
// The same scan finds out a program that does not wipe what it has compared.
func TestDrillLeaks(t *testing.T) {
	need.Tool(t, "root")
	need.Tool(t, "softhsm")
	t.Parallel()
	const file, wipe = "ceremony/drillproof.go", "raw, form, err := r.parse(in.Secret, shareBytes(set.Shares))\n\tdefer raw.Wipe()\n"
	for _, c := range []struct {
		name  string
		edits []edit
	}{
		{"wipes", nil},
		{"forgets a wipe", []edit{{file, wipe, strings.Replace(wipe, "\tdefer raw.Wipe()\n", "", 1)}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel() // it mostly waits, as people do
			d := prepareDrill(t, build(t, "mmapfallback", c.edits...))
			left := d.hold()
			if red := c.edits != nil; (left > 0) != red {
				t.Errorf("%d copies of shares are left between two custodians; the program forgets a wipe: %v", left, red)
			}
		})
	}
}

// drill is a drill of a practice vault with three shares.
type drill struct {
	t        *testing.T
	bin, dir string
	room     *room
}

// strange is a share that nobody was handed out.
var strange = strings.Repeat("nobody's share! ", 2) + "\x04"

func prepareDrill(t *testing.T, bin string) *drill {
	t.Helper()
	d := &drill{t: t, bin: bin, dir: filepath.Join(t.TempDir(), "vault"),
		room: &room{shares: map[string]string{}, slipped: true}}
	d.run("rehearse", "init", "-auto", "-plain", "-recovery-shares=3", "-recovery-threshold=2", "-dir", d.dir)
	for _, name := range custodians {
		first, _, _ := strings.Cut(strings.ToLower(name), " ")
		_, text, _ := strings.Cut(d.run("rehearse", "share", first, "-dir", d.dir), "\n")
		d.room.shares[name] = strings.TrimSpace(text)
	}
	return d
}

func (d *drill) run(args ...string) string {
	d.t.Helper()
	out, err := exec.CommandContext(d.t.Context(), d.bin, args...).CombinedOutput() // #nosec G204 -- what this test built
	if err != nil {
		d.t.Fatalf("%q: %v\n%s", args, err, out)
	}
	return string(out)
}

// hold holds the drill until all have typed, and counts what is found of their
// shares while the keyboard is passed on.
func (d *drill) hold() int {
	d.t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(d.t.Context()), d.bin, "rehearse", "drill", "-proof=share", "-dir", d.dir) // #nosec G204 -- what this test built
	p := openTerminal(d.t, cmd)
	end := memscan.Interrupt(p.cmd.Process.Pid, 2*time.Millisecond) // brings to light what is in registers
	defer end()
	var typed []memscan.Needle
	own := d.room.shares[custodians[0]]
	odd := string(share.Scheme{Practice: true}.Groups(secret.Take([]byte(strange))).Expose())
	left, passed, asked := 0, 0, 0
	d.room.playTo(d.t, p, func(page string) bool {
		switch {
		case strings.Contains(page, "Never a group"):
			name := who(d.t, page)
			switch asked++; asked {
			case 1:
				d.room.shares[name] = odd
			case 2:
				d.room.shares[name] = own
			}
			typed = append(typed, d.needles("share of "+name, d.room.shares[name])...)
		case handOver.MatchString(page) && len(typed) > 0:
			passed++
			left += d.scan(p.cmd.Process.Pid, typed)
		}
		return passed == len(custodians) || left > 0
	})
	if left == 0 && asked != len(custodians)+1 {
		d.t.Errorf("%d shares were asked for", asked)
	}
	return left
}

// needles are the forms of a share that is typed so.
func (d *drill) needles(name, text string) []memscan.Needle {
	d.t.Helper()
	typed := secret.Take([]byte(text))
	defer typed.Wipe()
	raw, _, err := share.Scheme{Practice: true}.Parse(typed, 33)
	if err != nil {
		d.t.Fatalf("the %s: %v", name, err)
	}
	defer raw.Wipe()
	return memscan.Forms(name, raw.Expose(), text)
}

// scan searches the program and its children, once a canary was found in each.
func (d *drill) scan(main int, needles []memscan.Needle) int {
	d.t.Helper()
	left := 0
	for _, pid := range append([]int{main}, memscan.Children(main)...) {
		r := scanned(d.t, pid, needles)
		d.t.Log(r)
		left += len(r.Hits)
	}
	return left
}
