//go:build linux && cgo

package main_test

import (
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"rsc.io/qr/coding"

	"conclave/hsm/secret"
	"conclave/hsm/secret/memscan"
	"conclave/vaultstate/share"
	"conclave/vaultstate/vaulttest/reader"
)

// collect finds out every secret of the ceremony, by other means than its own.
func (h *held) collect(storage, lib, conf string, r *room) {
	h.t.Helper()
	if len(r.shares) != len(custodians) || r.token == "" || !r.slipped {
		h.t.Fatalf("%d shares were seen, a root token: %v", len(r.shares), r.token != "")
	}
	var raw [][]byte
	for name, text := range r.shares {
		typed := secret.Take([]byte(text))
		s, _, err := share.Scheme{}.Parse(typed, 33)
		if err != nil {
			h.t.Fatalf("the share of %s: %v", name, err)
		}
		groups := share.Scheme{}.Groups(s)
		h.needles = append(h.needles, memscan.Forms("share of "+name, s.Expose(), string(groups.Expose()))...)
		raw = append(raw, append([]byte(nil), s.Expose()...))
		secret.WipeAll([]secret.Bytes{typed, s, groups})
	}
	if (r.scanned != nil) != (r.keys == nil) {
		h.t.Fatalf("a QR code was shown: %v", r.scanned != nil)
	}
	// Only the rows in the middle, which are not the same in every code, and 24
	// cells of them in a row: a cell is one of four, and programs have tables of
	// such small numbers.
	for i, row := range r.scanned[min(4, len(r.scanned)):min(11, len(r.scanned))] {
		h.needles = append(h.needles, memscan.Run(24, memscan.Forms(fmt.Sprintf("share, row %d of its QR code", i+5), cellsOf(row), row))...)
	}
	if r.scanned != nil {
		h.needles = append(h.needles, memscan.Forms("share, codewords of its QR code", r.codewords(h.t))...)
	}
	// Each key once, and each confirmation of the witness.
	if r.keys != nil && len(r.codes) <= len(r.keys) {
		h.t.Fatalf("%d challenges were answered, with %d keys", len(r.codes), len(r.keys))
	}
	for i, code := range r.codes {
		h.needles = append(h.needles, memscan.Forms(fmt.Sprintf("code %d", i+1), []byte(code), strings.ReplaceAll(code, "-", ""))...)
	}
	h.needles = append(h.needles, memscan.Forms("root token", []byte(r.token))...)
	h.needles = append(h.needles, memscan.Forms("PIN, part 1", []byte(pinOne))...)
	h.needles = append(h.needles, memscan.Forms("PIN, part 2", []byte(pinTwo))...)
	err := reader.SoftHSM(reader.Key{Lib: lib, Conf: conf, TokenLabel: "vault", PIN: pin, Label: "root"}, func(unwrap reader.Unwrap) error {
		state, err := reader.Open(storage, unwrap)
		if err != nil {
			return err
		}
		if string(reader.Combine(raw[:2])) != string(state.Recovery) {
			h.t.Error("two of the shares do not give the recovery key")
		}
		h.needles = append(h.needles, memscan.Forms("root key", state.Root)...)
		h.needles = append(h.needles, memscan.Forms("recovery key", state.Recovery)...)
		return nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

// cellsOf is a row of a QR code as the program holds it.
func cellsOf(row string) []byte {
	return []byte(strings.NewReplacer(" ", "\x00", "▀", "\x01", "▄", "\x02", "█", "\x03").Replace(row))
}

// codewords are what the first custodian's QR code is made of, with the checks.
func (r *room) codewords(t *testing.T) []byte {
	t.Helper()
	plan, err := coding.NewPlan(3, coding.L, 0)
	if err != nil {
		t.Fatal(err)
	}
	var b coding.Bits
	coding.Alpha(strings.ReplaceAll(r.shares[custodians[0]], " ", "")).Encode(&b, 3)
	b.Pad(8*plan.DataBytes - b.Bits())
	b.AddCheckBytes(3, coding.L)
	return b.Bytes()
}

// end leaves the last page, and the program.
func (h *held) end() {
	h.t.Helper()
	h.term.send("\r")
	h.term.await("the end", func(s string) bool { return strings.Contains(s, "enter leave") })
	time.Sleep(400 * time.Millisecond) // type-ahead is dropped
	h.term.send("\r")
	select {
	case <-h.term.ended:
	case <-time.After(20 * time.Second):
		h.t.Fatalf("the program does not end; the screen:\n%s", h.term.screen())
	}
	h.term.close()
}

// nowhere looks for the secrets in all that is left of the ceremony: every file,
// every form of a report, and what the terminal got. A share or token that was
// shown was on the screen for a while, and must be gone from it.
func (h *held) nowhere() {
	h.t.Helper()
	look := func(what string, b []byte, needles []memscan.Needle) {
		names, err := memscan.Find(b, needles...)
		if err != nil {
			h.t.Fatal(err)
		}
		for _, n := range names {
			h.t.Errorf("%s holds the %s", what, n)
		}
	}
	records, err := filepath.Glob(filepath.Join(h.dir, "*-init"))
	if err != nil || len(records) != 1 {
		h.t.Fatalf("%d records, %v", len(records), err)
	}
	for _, form := range []string{"text", "markdown", "html", "pdf", "json", "audit"} {
		out := filepath.Join(h.dir, "report."+form)
		cmd := exec.CommandContext(h.t.Context(), h.bin, "transcript", "report", "-format="+form, "-out="+out, records[0]) // #nosec G204 -- what this test built
		if b, err := cmd.CombinedOutput(); err != nil {
			h.t.Fatalf("the report as %s: %v\n%s", form, err, b)
		}
	}
	files := 0
	err = filepath.WalkDir(h.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path) // #nosec G304 G122 -- this test's own directory
		if err != nil {
			return err
		}
		files++
		look(strings.TrimPrefix(path, h.dir+"/"), b, h.needles)
		return nil
	})
	if err != nil || files < 15 {
		h.t.Errorf("%d files were read, %v", files, err)
	}
	look("the screen at the end", []byte(h.term.screen()), h.needles)
	typed := h.needles // what nobody is ever shown
	if !h.encrypted {
		typed = slices.DeleteFunc(slices.Clone(h.needles), func(n memscan.Needle) bool {
			return strings.HasPrefix(n.Name, "share") || strings.HasPrefix(n.Name, "root token")
		})
	}
	look("what the terminal got", h.term.written(), typed)
	look("what the terminal got, without its sequences", []byte(ansi.Strip(string(h.term.written()))), typed)
	if n, err := memscan.Find(h.term.written(), memscan.Forms("the heading", []byte("Olga Example: close"))...); err != nil || len(n) == 0 {
		h.t.Errorf("the search finds nothing in what the terminal got: %v", err)
	}
}

// scan searches the process with the screen and its children. A canary of the
// same length is planted in each, and must be found there.
func (h *held) scan() []memscan.Report {
	h.t.Helper()
	main := h.term.cmd.Process.Pid
	children := memscan.Children(main)
	if len(children) != 1 {
		h.t.Fatalf("the program has %d children, not one that holds the HSM's library", len(children))
	}
	var reports []memscan.Report
	for _, pid := range append([]int{main}, children...) {
		r := scanned(h.t, pid, h.needles)
		if pid != main {
			r.Hits = withoutLogin(r.Hits)
		}
		reports = append(reports, r)
	}
	return reports
}

// scanned is one process. A canary of a share's length is planted in it, and must
// be found.
func scanned(t *testing.T, pid int, needles []memscan.Needle) memscan.Report {
	t.Helper()
	canary := make([]byte, 33)
	_, _ = rand.Read(canary)
	remove, err := memscan.Plant(pid, canary)
	if err != nil {
		t.Fatal(err)
	}
	r, err := memscan.Scan(pid, append(memscan.Forms("canary", canary), needles...)...)
	if err != nil {
		t.Fatal(err)
	}
	if err := remove(); err != nil {
		t.Fatal(err)
	}
	if n := r.Found("canary, bytes"); n != 1 {
		t.Errorf("the canary was found %d times: %v", n, r)
	}
	r.Hits = slices.DeleteFunc(r.Hits, func(h memscan.Hit) bool { return strings.HasPrefix(h.Needle, "canary") })
	return r
}

// withoutLogin leaves out the one copy of the PIN that the process with the
// HSM's library keeps in locked memory until it logs out, so that a session
// that was lost does not cost the people another entry.
func withoutLogin(hits []memscan.Hit) []memscan.Hit {
	at := func(needle string) int {
		return slices.IndexFunc(hits, func(h memscan.Hit) bool { return h.Needle == needle && h.Mapping == "anonymous memory" })
	}
	one, two := at("PIN, part 1, bytes"), at("PIN, part 2, bytes")
	if one < 0 || two < 0 || hits[two].Address != hits[one].Address+int64(len(pinOne)) {
		return hits
	}
	return slices.DeleteFunc(slices.Clone(hits), func(h memscan.Hit) bool { return h == hits[one] || h == hits[two] })
}
