//go:build linux && cgo

package main_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"rsc.io/qr/coding"

	"conclave/hsm/secret"
	"conclave/hsm/secret/memscan"
	"conclave/hsm/softhsm/need"
	"conclave/ui/qr"
	"conclave/vaultstate/pgp"
	"conclave/vaultstate/share"
	"conclave/vaultstate/vaulttest/reader"
)

// TestLeaks is the scan of the running program, as root from outside: an init
// held by hand in a terminal, with a wrong share on the way, and, while its last
// page stands, a search for every share (of which one was shown as a QR code too), the root token, the root key, the
// recovery key and the PIN, typed in two parts, in the process with the screen
// and in the one that holds the HSM's library, whose unwraps have returned by
// then. After the end all files, all forms of the report, and all that the
// terminal got are searched for the same.
//
// It runs with the mmap fall-back, whose pages it can read, and with
// memfd_secret, whose pages it cannot (make test-long); each with shares that
// are shown and with shares that are encrypted. Each scan proves itself with a
// canary in the process that it reads.
func TestLeaks(t *testing.T) {
	need.Tool(t, "root")
	lib := need.Tool(t, "softhsm")
	t.Parallel()
	memories := []struct{ name, tags string }{{"mmap", "mmapfallback"}}
	if os.Getenv("CONCLAVE_LONG") != "" { // it finds less, and takes as long
		memories = append(memories, struct{ name, tags string }{"memfd_secret", ""})
	}
	for _, b := range memories {
		t.Run(b.name, func(t *testing.T) {
			bin := build(t, b.tags)
			for _, encrypted := range []bool{false, true} {
				t.Run(map[bool]string{false: "shown", true: "encrypted"}[encrypted], func(t *testing.T) {
					t.Parallel() // it mostly waits, as people do
					h := hold(t, bin, lib, encrypted)
					for _, r := range h.scan() {
						t.Log(r)
						if n := len(r.Hits); n != 0 {
							t.Errorf("%d copies of secrets are left", n)
						}
					}
					h.end()
					h.nowhere()
				})
			}
		})
	}
}

// TestLeaksRed: the same scan finds out a program that forgets one wipe, and,
// where it cannot read the locked pages, one that makes a copy elsewhere.
func TestLeaksRed(t *testing.T) {
	need.Tool(t, "root")
	lib := need.Tool(t, "softhsm")
	t.Parallel()
	const file, old = "ceremony/prove.go", "shareBytes(r.plan.Shares))\n\tdefer raw.Wipe()\n"
	for _, c := range []struct{ name, tags, new string }{
		{"forgets a wipe", "mmapfallback", "shareBytes(r.plan.Shares))\n"},
		{"copies", "", old + "\tr.env.Machine.Host = string(raw.Expose()) // not in the agreed plan, whose hash is held\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			bin := build(t, c.tags, edit{file, old, c.new})
			found := 0
			for _, r := range hold(t, bin, lib, false).scan() {
				t.Log(r)
				found += r.Found("share")
			}
			if found == 0 {
				t.Error("a program that keeps a share is not found out")
			}
		})
	}
}

// held is a ceremony whose last page stands on the screen.
type held struct {
	t       *testing.T
	term    *terminal
	needles []memscan.Needle

	bin, dir  string
	encrypted bool
}

// The PIN, and its parts where two people type it. Each is longer than what
// could be found by chance.
const (
	pin     = pinOne + pinTwo
	pinOne  = "4711-Quartz-lamp"
	pinTwo  = "Heron:0815:bridge"
	planned = `ceremony "init" {
  id                 = "KC-1"
  root_token_pgp_key = "token.asc"
  root_token_fingerprint = %q
  vault {
    storage = "storage"
  }
  hsm {
    lib          = %q
    token_label  = "vault"
    key_label    = "root"
    key_id       = "01"
    generate_key = true
  }
  recovery {
    shares    = 3
    threshold = 2
  }
  operator "Olga Example" {}
  witness "Wim Waters" {
    pgp_key     = "wim.asc"
    fingerprint = %q
  }
  pin_holder "Pat Palmer" {}
  pin_holder "Quinn Quist" {}
  accept "one-witness" {
    reason = "a test"
  }
  accept "near-witness" {
    reason = "a test"
  }
  accept "no-second-medium" {
    reason = "a test"
  }
  accept "swap-on" {
    reason = "where the machine of the test has some"
  }
%s}
`
)

var custodians = []string{"Alice Adams", "Bob Baker", "Carol Chen"}

// hold holds an init of 3 shares, 2 needed, up to its last page.
func hold(t *testing.T, bin, lib string, encrypted bool) *held {
	t.Helper()
	dir := t.TempDir()
	conf := makeToken(t, dir)
	storage := filepath.Join(dir, "storage")
	if err := os.Mkdir(storage, 0o700); err != nil {
		t.Fatal(err)
	}
	args := []string{"init", "-storage", storage, "-dir", dir, "-id", "KC-1", "-hsm-lib", lib, "-hsm-token-label", "vault",
		"-hsm-key-label", "root", "-hsm-key-id", "01", "-hsm-generate-key", "-recovery-shares=3", "-recovery-threshold=2",
		"-operator=Olga Example", "-witness=Wim Waters", "-allow-recorder"}
	room := &room{dir: dir, shares: map[string]string{}}
	if encrypted {
		args = room.plan(t, lib)
	}
	for _, name := range custodians {
		if !encrypted {
			args = append(args, "-custodian="+name)
		}
	}
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), bin, args...)
	cmd.Env = []string{"SOFTHSM2_CONF=" + conf}
	h := &held{t: t, term: openTerminal(t, cmd)}
	end := memscan.Interrupt(h.term.cmd.Process.Pid, 2*time.Millisecond)
	defer end()
	room.play(t, h.term)
	if n := end(); n < 1000 {
		t.Errorf("the program got %d signals", n)
	}
	h.collect(storage, lib, conf, room)
	h.bin, h.dir, h.encrypted = bin, dir, encrypted
	return h
}

// plan writes a plan by which shares and token go to keys, and two people type
// the PIN.
func (r *room) plan(t *testing.T, lib string) (args []string) {
	t.Helper()
	r.keys = map[string]*pgp.Private{}
	var people strings.Builder
	for _, name := range custodians {
		r.keys[name] = keyPair(t, name, filepath.Join(r.dir, name+".asc"))
		key, err := r.keys[name].Key()
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&people, "  custodian %q {\n    pgp_key     = %q\n    fingerprint = %q\n  }\n", name, name+".asc", key.Fingerprint)
	}
	wim := "Wim Waters"
	r.keys[wim] = keyPair(t, wim, filepath.Join(r.dir, "wim.asc"))
	key, err := r.keys[wim].Key()
	if err != nil {
		t.Fatal(err)
	}
	olga := "Olga Example"
	r.tokenKey = keyPair(t, olga, filepath.Join(r.dir, "token.asc"))
	r.keys[olga] = r.tokenKey
	token, err := r.tokenKey.Key()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(r.dir, "plan.hcl")
	if err := os.WriteFile(file, fmt.Appendf(nil, planned, token.Fingerprint, lib, key.Fingerprint, people.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{"init", "-plan", file, "-dir", r.dir}
}

func makeToken(t *testing.T, dir string) (conf string) {
	t.Helper()
	tokens := filepath.Join(dir, "tokens")
	if err := os.Mkdir(tokens, 0o700); err != nil {
		t.Fatal(err)
	}
	conf = filepath.Join(dir, "softhsm2.conf")
	if err := os.WriteFile(conf, []byte("directories.tokendir = "+tokens+"\nlog.level = ERROR\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "softhsm2-util", "--init-token", "--free", "--label", "vault", "--pin", pin, "--so-pin", pin)
	cmd.Env = append(os.Environ(), "SOFTHSM2_CONF="+conf)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("making a token: %v\n%s", err, out)
	}
	return conf
}

func keyPair(t *testing.T, name, file string) *pgp.Private {
	t.Helper()
	pair, key, err := pgp.GenerateKey(name, time.Now().Add(-time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	text, err := key.Armor(false)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return pair
}

// room is the people: they read what the screen says and do it.
type room struct {
	dir      string
	keys     map[string]*pgp.Private // of those whose share is encrypted
	tokenKey *pgp.Private
	shares   map[string]string // as they wrote them down, or decrypted them
	token    string
	codes    []string // of the challenges that were answered
	slipped  bool     // somebody has typed somebody else's share by now
	scanned  []string // what the screen showed as a QR code, row by row
}

var (
	handOver = regexp.MustCompile(`Type ([A-Z0-9 -]+) to begin`)
	absent   = regexp.MustCompile(`│  [▸ ]   [A-Z].*(operator|witness|custodian|pin holder)`)
	cursorOn = regexp.MustCompile(`│  ▸   [A-Z].*(operator|witness|custodian|pin holder)`)
	onBackup = regexp.MustCompile(`▌ (key's backup|snapshot) `)
	typeWord = regexp.MustCompile(`Type ([A-Z]+) to`)
	asked    = regexp.MustCompile(`([A-Z][a-z]+ [A-Z][a-z]+), (?:custodian [0-9]+|witness|operator): is this`)
	openAt   = regexp.MustCompile(`([0-9]+):____`)
	group    = regexp.MustCompile(`(?m)^ (✓|▸| ) +([0-9]+)   (\S[^\n]{2,28}?)(?:   |$)`)
	speaker  = regexp.MustCompile(`([A-Z][a-z]+ [A-Z][a-z]+): `)
)

// play holds the ceremony up to its last page.
func (r *room) play(t *testing.T, p *terminal) {
	t.Helper()
	last := ""
	for range 200 {
		page := p.await("the next page", func(s string) bool {
			return strings.Contains(s, "ctrl+c stop") && !strings.Contains(s, "The program works") && body(s) != last
		})
		if strings.Contains(page, "all have written it") {
			return
		}
		// Keys of the first moments of a page do not count: type-ahead is dropped.
		last = body(page)
		time.Sleep(400 * time.Millisecond)
		if s := p.screen(); body(s) == last {
			r.answer(t, p, s)
		}
	}
	t.Fatalf("the ceremony does not end; the screen:\n%s", p.screen())
}

func (r *room) answer(t *testing.T, p *terminal, page string) {
	t.Helper()
	has := func(text string) bool { return strings.Contains(page, text) }
	switch {
	case handOver.MatchString(page):
		p.send(handOver.FindStringSubmatch(page)[1] + "\r")
	case has("space is here"):
		for absent.MatchString(page) {
			key := "j"
			if cursorOn.MatchString(page) {
				key = " "
			}
			p.send(key)
			page = p.await("the mark", func(s string) bool { return body(s) != body(page) })
		}
		p.send("\r")
	case has("space row agrees"):
		for strings.Contains(page, "space row agrees") {
			p.send(" ")
			page = p.await("the next row", func(s string) bool { return body(s) != body(page) })
		}
	case has("ctrl+r record it"):
		// A form may stay empty, but for what it says of the backup.
		for has("NO BACKUP") && !onBackup.MatchString(page) {
			p.send("\x1b[B")
			page = p.await("the next line", func(s string) bool { return body(s) != body(page) })
		}
		if onBackup.MatchString(page) {
			p.send("NO BACKUP")
		}
		p.send("\x12")
	case has("CONCLAVE CHALLENGE"):
		p.send(r.code(t, who(t, page)) + "\r")
	case has("type the PIN"):
		p.send(pin + "\r")
	case has("type your part of the"):
		p.send(map[string]string{"Pat Palmer": pinOne, "Quinn Quist": pinTwo}[who(t, page)] + "\r")
	case has("all written"):
		r.write(t, p, page)
	case has("as a QR code?"):
		p.send("\x1b[B")
		p.await("the cursor", func(s string) bool { return strings.Contains(s, "▸ Show the QR code") })
		p.send("\r")
	case has("No phone, no camera"):
		r.scan(t, p)
		p.send("\r")
	case has("which share. Never a group"):
		p.send(r.share(t, who(t, page)) + "\r")
	case openAt.MatchString(page):
		p.send(r.card(t, page, openAt.FindAllStringSubmatch(page, -1)) + "\r")
	case has("why is the ceremony held here"): // where the machine of the test has swap
		p.send("a test\r")
	case has("why are shares shown in plain"):
		p.send("a test with shares that are shown\r")
	case typeWord.MatchString(page):
		p.send(typeWord.FindStringSubmatch(page)[1] + "\r")
	default:
		p.send("\r")
	}
}

// code is that of somebody's challenge.
func (r *room) code(t *testing.T, name string) string {
	t.Helper()
	line := strings.TrimSpace(r.open(t, r.keys[name], fmt.Sprintf("challenges/%d-%s.asc", len(r.codes)+1, strings.ReplaceAll(strings.ToLower(name), " ", "-"))))
	_, code, ok := strings.Cut(line, "for "+name+": ")
	if !ok || len(code) != 24 {
		t.Fatalf("the challenge to %s is %q", name, line)
	}
	r.codes = append(r.codes, code)
	return code
}

// card is what stands on somebody's card in the groups that are open.
func (r *room) card(t *testing.T, page string, open [][]string) string {
	t.Helper()
	key, err := r.keys[asked.FindStringSubmatch(page)[1]].Key()
	if err != nil {
		t.Fatal(err)
	}
	text := ""
	for _, m := range open {
		n, err := strconv.Atoi(m[1])
		if err != nil {
			t.Fatal(err)
		}
		text += key.Fingerprint[4*n-4 : 4*n]
	}
	return text
}

func who(t *testing.T, page string) string {
	t.Helper()
	m := speaker.FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("nobody is spoken to:\n%s", page)
	}
	return m[1]
}

// write copies down what is shown, line by line.
func (r *room) write(t *testing.T, p *terminal, page string) {
	t.Helper()
	var lines []string
	for _, m := range group.FindAllStringSubmatch(page, -1) {
		if m[2] != strconv.Itoa(len(lines)+1) {
			t.Fatalf("line %s after %d lines:\n%s", m[2], len(lines), page)
		}
		lines = append(lines, strings.Join(strings.Fields(m[3]), ""))
	}
	text := strings.Join(lines, " ")
	if strings.Contains(page, "the root token") {
		r.token = strings.Join(lines, "")
	} else {
		r.shares[who(t, page)] = text
	}
	if r.scanned == nil && !strings.Contains(page, "the root token") {
		p.send("q") // the first one asks for a QR code too
		return
	}
	for i := range lines[1:] {
		p.send("j")
		p.await("the next line", func(s string) bool { return strings.Contains(s, fmt.Sprintf("▸ %2d", i+2)) })
	}
	p.send("\r")
}

// scan keeps the QR code that is shown. That it is read by a scanner is tested
// in ui.
func (r *room) scan(t *testing.T, p *terminal) {
	t.Helper()
	page := p.await("a QR code", func(s string) bool { return strings.Contains(s, "█") && strings.Contains(s, "▀") })
	for _, row := range strings.Split(page, "\n")[2:] {
		cells := []rune(row)
		if len(cells) > qr.Columns && strings.ContainsAny(row, "█▀▄") {
			r.scanned = append(r.scanned, strings.TrimSpace(string(cells[1:qr.Columns+1])))
		}
	}
	if len(r.scanned) < 14 {
		t.Fatalf("%d rows of a QR code:\n%s", len(r.scanned), page)
	}
}

// share is what a custodian types. The first one types somebody else's once.
func (r *room) share(t *testing.T, name string) string {
	t.Helper()
	if r.keys != nil && r.shares[name] == "" {
		r.decrypt(t)
	}
	if !r.slipped {
		r.slipped = true
		return r.shares[custodians[2]]
	}
	return r.shares[name]
}

func (r *room) decrypt(t *testing.T) {
	t.Helper()
	for _, name := range custodians {
		first, _, _ := strings.Cut(strings.ToLower(name), " ")
		r.shares[name] = r.open(t, r.keys[name], "shares/*-"+first+"-*.asc")
	}
	r.token = r.open(t, r.tokenKey, "root-token.asc")
}

// open decrypts the one file of the record that has such a name.
func (r *room) open(t *testing.T, pair *pgp.Private, pattern string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(r.dir, "*-init", pattern))
	if err != nil || len(files) != 1 {
		t.Fatalf("%s: %d files, %v", pattern, len(files), err)
	}
	message, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	plain, err := pair.Decrypt(message)
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Wipe()
	return string(plain.Expose())
}

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
		canary := make([]byte, 33)
		_, _ = rand.Read(canary)
		remove, err := memscan.Plant(pid, canary)
		if err != nil {
			h.t.Fatal(err)
		}
		r, err := memscan.Scan(pid, append(memscan.Forms("canary", canary), h.needles...)...)
		if err != nil {
			h.t.Fatal(err)
		}
		if err := remove(); err != nil {
			h.t.Fatal(err)
		}
		if n := r.Found("canary, bytes"); n != 1 {
			h.t.Errorf("the canary was found %d times: %v", n, r)
		}
		var hits []memscan.Hit
		for _, hit := range r.Hits {
			if !strings.HasPrefix(hit.Needle, "canary") {
				hits = append(hits, hit)
			}
		}
		if pid != main {
			hits = withoutLogin(hits)
		}
		r.Hits = hits
		reports = append(reports, r)
	}
	return reports
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
