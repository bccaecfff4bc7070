package e2e

import (
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A screen is a terminal that somebody looks at and types on.
type screen interface {
	text() string // what is seen now, rows with line ends
	send(keys string)
	resize(w, h int)
	over() bool // the program has ended
}

// Keys.
const (
	enter = "\r"
	f1    = "\x1bOP"
	ctrlC = "\x03"
	ctrlG = "\x07"
)

// people are everybody in the room: they read the page and do what it says.
// What they must not do by themselves, a test does in a hook.
type people struct {
	t      *testing.T
	s      screen
	shares map[string]string // by the custodian's name: what was written down
	dir    string            // a rehearsal's

	// hooks are done once each, on the first page that shows the text.
	hooks []hook
}

type hook struct {
	on string
	do func(p *people, page string)
}

var (
	word    = regexp.MustCompile(`Type (\S+) to`)
	shown   = regexp.MustCompile(`(?m)^ +(?:\S )?(\S+) \S+: share (\d+) of \d+\. Only`)
	line    = regexp.MustCompile(`(?m)^ .\s+(\d+)   (\S{3}) (\S{3})   (\S)`)
	asksFor = regexp.MustCompile(`(\S+) \S+: type [^.]*share`)
	pin     = regexp.MustCompile(`PIN of the practice token is (\d+)\.`)
	card    = regexp.MustCompile(`Groups (\d+), (\d+), (\d+) and (\d+) of the fingerprint`)
	onCard  = regexp.MustCompile(`the card says ((?:[0-9A-F]{4} ?){10})`)
	device  = regexp.MustCompile(`conclave rehearse challenge (\w+)`)
	seat    = regexp.MustCompile(`(?m)\S  +(?:operator|witness|custodian)(?: \d)? *$`)
	clock   = regexp.MustCompile(`\d\d:\d\d:\d\d UTC|Hidden in \d+:\d\d|\d+\.\d s`)
)

// prose is the text of a page as it is read, without the script beside it.
func prose(page string) string {
	var words []string
	for row := range strings.Lines(page) {
		if _, right, ok := strings.Cut(row, "│"); ok {
			row = right
		}
		words = append(words, strings.Fields(row)...)
	}
	return strings.Join(words, " ")
}

// still is a page without what moves by itself.
func still(page string) string { return clock.ReplaceAllString(page, "") }

// await waits for a page that is as wanted.
func (p *people) await(what string, ok func(page string) bool) string {
	p.t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if page := p.s.text(); ok(page) {
			return page
		}
		if p.s.over() {
			break
		}
	}
	p.t.Fatalf("waited in vain for %s; the screen:\n%s", what, p.s.text())
	return ""
}

func (p *people) sees(text string) string {
	p.t.Helper()
	return p.await("the text "+text, func(page string) bool { return strings.Contains(page, text) })
}

// turned waits until the page is another one.
func (p *people) turned(page string) {
	p.t.Helper()
	p.await("another page", func(now string) bool { return still(now) != still(page) })
}

// read waits until a page stands still for longer than its first keys are
// ignored.
func (p *people) read() string {
	p.t.Helper()
	page, since := "", time.Now()
	p.await("a page that stands still", func(now string) bool {
		if still(now) != still(page) {
			page, since = now, time.Now()
		}
		return time.Since(since) > 400*time.Millisecond || p.s.over()
	})
	return p.s.text()
}

// hold goes through a ceremony to its end.
func (p *people) hold() {
	p.t.Helper()
	last, stuck := "", 0
	for range 400 {
		if p.s.over() {
			return
		}
		page := p.read()
		if p.s.over() || p.hooked(page) {
			continue
		}
		if !p.act(page) {
			continue
		}
		p.after(page)
		if still(page) != still(last) {
			last, stuck = page, 0
		} else if stuck++; stuck > 5 {
			break
		}
	}
	p.t.Fatalf("the ceremony does not end; the screen:\n%s", p.s.text())
}

func (p *people) hooked(page string) bool {
	for i, h := range p.hooks {
		if strings.Contains(page, h.on) {
			p.hooks = append(p.hooks[:i:i], p.hooks[i+1:]...)
			h.do(p, page)
			return true
		}
	}
	return false
}

// after waits a little for the page to turn: a key may have been too early.
func (p *people) after(page string) {
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end) && !p.s.over(); time.Sleep(20 * time.Millisecond) {
		if still(p.s.text()) != still(page) {
			return
		}
	}
}

// act does what the page wants. It tells whether there was anything to do.
func (p *people) act(page string) bool {
	text := prose(page)
	has := func(s string) bool { return strings.Contains(text, s) }
	switch {
	case has("The program works"):
		return false
	case shown.MatchString(page):
		p.write(page)
	case has("Hidden in"):
		p.s.send(strings.Repeat("\x1b[B", 12))
		p.read()
		p.s.send(enter)
	case has("why is the ceremony held here"): // where the machine of the test has swap
		p.s.send("a test" + enter)
	case has("space is here"):
		p.s.send(strings.Repeat(" ", len(seat.FindAllString(page, -1))) + enter)
	case has("space row agrees"):
		p.s.send(" ")
	case asksFor.MatchString(text) && has("of 77"):
		name := asksFor.FindStringSubmatch(text)[1]
		p.s.send(p.shares[name] + enter)
	case card.MatchString(text):
		groups, typed := strings.Fields(onCard.FindStringSubmatch(text)[1]), ""
		for _, n := range card.FindStringSubmatch(text)[1:] {
			g, err := strconv.Atoi(n)
			if err != nil {
				p.t.Fatal(err)
			}
			typed += groups[g-1]
		}
		p.s.send(typed + enter)
	case device.MatchString(text):
		c := exec.CommandContext(p.t.Context(), conclave, "rehearse", "challenge", device.FindStringSubmatch(text)[1], "-dir", p.dir) // #nosec G204 -- the test's own
		said, err := c.Output()
		if err != nil {
			p.t.Fatal(err)
		}
		code := strings.TrimSpace(string(said))
		p.s.send(code[strings.LastIndex(code, " ")+1:] + enter)
	case pin.MatchString(text):
		p.s.send(pin.FindStringSubmatch(text)[1] + enter)
	case word.MatchString(text):
		p.s.send(word.FindStringSubmatch(text)[1] + enter)
	case has("enter "):
		p.s.send(enter)
	default:
		return false
	}
	return true
}

// write copies a share to paper and ticks every line.
func (p *people) write(page string) {
	p.t.Helper()
	name := shown.FindStringSubmatch(page)[1]
	text := ""
	rows := line.FindAllStringSubmatch(page, -1)
	if len(rows) != 11 {
		p.t.Fatalf("%s sees %d lines of a share:\n%s", name, len(rows), page)
	}
	for _, r := range rows {
		text += r[2] + r[3] + r[4]
	}
	p.shares[name] = text
	for range 10 {
		p.s.send("\x1b[B")
	}
	p.read()
	p.s.send(enter)
}

// hex is a share as other programs write it.
func hex(groups string) string {
	out := ""
	for i := 0; i+7 <= len(groups); i += 7 {
		out += groups[i : i+6]
	}
	return strings.ToLower(out)
}
