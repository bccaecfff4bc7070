//go:build linux && cgo

package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"conclave/ui/qr"
	"conclave/vaultstate/pgp"
)

var custodians = []string{"Alice Adams", "Bob Baker", "Carol Chen"}

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

// play holds the ceremony up to its last page.
func (r *room) play(t *testing.T, p *terminal) {
	t.Helper()
	r.playTo(t, p, func(page string) bool { return strings.Contains(page, "all have written it") })
}

// playTo holds it until a page stands at which stop says so.
func (r *room) playTo(t *testing.T, p *terminal, stop func(page string) bool) {
	t.Helper()
	last := ""
	for range 200 {
		page := p.await("the next page", func(s string) bool {
			return strings.Contains(s, "ctrl+c stop") && !strings.Contains(s, "The program works") && body(s) != last
		})
		// Keys of the first moments of a page do not count: type-ahead is dropped.
		last = body(page)
		time.Sleep(400 * time.Millisecond)
		if page = p.screen(); body(page) != last {
			continue
		}
		if stop(page) {
			return
		}
		r.answer(t, p, page)
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
	case has("Never a group"):
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
