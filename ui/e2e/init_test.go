package e2e

import (
	"bytes"
	"context"
	"encoding/base64"
	stdhex "encoding/hex"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"conclave/hsm/softhsm/need"
)

// slips are what goes wrong in the room, each on the first page that gives the
// occasion.
func slips(t *testing.T) []hook {
	gone := func(p *people, page, what string) {
		t.Helper()
		if line.MatchString(page) {
			t.Errorf("%s leaves a line of the share on the screen:\n%s", what, page)
		}
	}
	return []hook{
		{"read this aloud", func(p *people, page string) {
			p.s.resize(50, 12)
			p.sees("This window is too small.")
			p.s.resize(80, 24) // what the machine could not give makes the page longer than smaller windows
			p.sees("read this aloud")
			p.sees("Briefing")
		}},
		{"type the PIN", func(p *people, page string) {
			p.s.send("999999" + enter)
			p.sees("Wrong PIN.")
		}},
		{"share 1 of 5. Only Alice", func(p *people, page string) {
			p.s.send(f1)
			gone(p, p.sees("Any key brings the page back."), "F1")
			p.s.send("x")
			p.sees("Only Alice looks at this screen.")
		}},
		{"share 2 of 5. Only Bob", func(p *people, page string) {
			p.s.resize(60, 20)
			gone(p, p.sees("This window is too small."), "a small window")
			p.s.resize(80, 24)
			p.sees("Only Bob looks at this screen.")
		}},
		{"Alice Adams: type", func(p *people, page string) {
			share := p.shares["Alice"]
			p.s.send(share[:45] + slip(share[45:46]) + share[46:])
			p.sees("Group 7 does not check.")
			p.pictured("4-share")
			p.s.send(ctrlG)
			p.await("group 7 to be open", func(page string) bool { return !strings.Contains(page, "does not check") })
			p.s.send(share[42:49] + enter)
			p.turned(page)
		}},
		{"Bob Baker: type", func(p *people, page string) {
			p.s.send(p.shares["Carol"] + enter)
			p.await("the other's share to be a stop", func(page string) bool {
				return strings.Contains(prose(page), "This is the share of Carol Chen, typed in Bob Baker's turn.")
			})
		}},
	}
}

// views are the pages that the README has pictures of; one more is taken in the
// middle of a slip.
func views() []hook {
	return []hook{
		picture("mark who is here", "1-people"),
		picture("Three of eight rows agreed", "2-hash"),
		picture("Alice: nobody else", "3-hand-over"),
		picture("all have written it", "5-result"),
	}
}

// slip is another digit than c.
func slip(c string) string {
	if c == "1" {
		return "2"
	}
	return "1"
}

// secondThoughts are a ceremony that is stopped while a share is half typed.
func secondThoughts() []hook {
	return []hook{{"Alice Adams: type", func(p *people, page string) {
		p.s.send(p.shares["Alice"][:30])
		p.sees("30 of 77")
		p.s.send(ctrlC)
		p.sees("Stop the ceremony safely?")
		p.read()
		p.s.send("The alarm went off." + enter)
		p.sees("The ceremony is over.")
	}}}
}

// A whole init by hand, with what goes wrong on such a day, then another
// ceremony that is stopped in the middle. The shares are in no file of all
// that, and what the terminal was sent has them only where they were shown.
func TestByHand(t *testing.T) {
	t.Parallel()
	need.Tool(t, "softhsm")
	in := workplace(t)
	dir := filepath.Join(in, "D")
	s := openPTY(t, in, "rehearse", "init", "-shares-on-screen", "-dir", "D")
	p := &people{t: t, s: s, shares: map[string]string{}, dir: dir, hooks: append(views(), slips(t)...)}
	p.hold()
	if code := s.code(); code != 0 {
		t.Fatalf("init ended with %d:\n%s", code, s.text())
	}
	p.allDone(5)
	second := openPTY(t, in, "rehearse", "rekey", "-dir", "D")
	q := &people{t: t, s: second, shares: p.shares, hooks: secondThoughts()}
	q.hold()
	if code := second.code(); code != 3 {
		t.Errorf("a ceremony that was stopped ended with %d:\n%s", code, second.text())
	}
	q.allDone(5)
	for name, share := range p.shares {
		if !holds([]byte(s.wrote()), share) {
			t.Errorf("%s's share was not sent to the terminal where it was shown", name)
		}
		if holds([]byte(second.wrote()), share) {
			t.Errorf("what %s typed was sent to the terminal", name)
		}
	}
	nowhere(t, dir, p.shares)
	verified(t, dir, 2)
}

// allDone holds the people to what they were to do.
func (p *people) allDone(shares int) {
	p.t.Helper()
	for _, h := range p.hooks {
		p.t.Errorf("nobody saw a page with %q", h.on)
	}
	if len(p.shares) != shares {
		p.t.Errorf("%d of %d shares were shown", len(p.shares), shares)
	}
}

// pieces are a share in the forms in which it could be found, each whole and,
// where its groups stand together, in parts of two groups.
func pieces(groups string) []string {
	h := hex(groups)
	raw, err := stdhex.DecodeString(h)
	if err != nil {
		panic("a share is not hex")
	}
	list := []string{string(raw), base64.StdEncoding.EncodeToString(raw)}
	for i := 0; i+12 <= len(h); i += 6 {
		list = append(list, h[i:i+12], strings.ToUpper(h[i:i+12]))
	}
	for i := 0; i+14 <= len(groups); i += 7 {
		list = append(list, groups[i:i+14], groups[i:i+3]+" "+groups[i+3:i+6])
	}
	return list
}

// holds tells whether a share, or a part of it, is in a text.
func holds(text []byte, share string) bool {
	for _, piece := range pieces(share) {
		if bytes.Contains(text, []byte(piece)) {
			return true
		}
	}
	return false
}

func TestHolds(t *testing.T) {
	const share = "798114Z20CB50F02E950G91FE71E1BA749A4190850903C08K3FEFC7Z8F600EF7F911FW357601C"
	for text, want := range map[string]bool{
		"a screen:  4   91F E71   E":          true,
		"91FE71E1BA749A":                      true,
		"...20cb5002e950...":                  true,
		"...20CB5002E950...":                  true,
		"798114":                              false,
		"share fingerprint: bluebird examine": false,
	} {
		if got := holds([]byte(text), share); got != want {
			t.Errorf("holds(%q) = %v", text, got)
		}
	}
	raw, err := stdhex.DecodeString(hex(share))
	if err != nil || len(raw) != 33 {
		t.Fatalf("%d bytes: %v", len(raw), err)
	}
	for _, text := range []string{string(raw), base64.StdEncoding.EncodeToString(raw)} {
		if !holds([]byte("x"+text+"y"), share) {
			t.Errorf("not found: %q", text)
		}
	}
}

// nowhere looks for shares in every file under dir.
func nowhere(t *testing.T, dir string, shares map[string]string) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		for name, share := range shares {
			if holds(b, share) {
				t.Errorf("%s's share, or a part of it, is in %s", name, path)
			}
		}
		return nil
	})
	if err != nil || files < 10 {
		t.Fatalf("looked into %d files: %v", files, err)
	}
}

// verified runs the program's own check over the records.
func verified(t *testing.T, dir string, records int) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "*", "*transcript.jsonl"))
	if err != nil || len(found) != records {
		t.Fatalf("%d records in %s, want %d (%v)", len(found), dir, records, err)
	}
	for _, file := range found {
		out, err := exec.CommandContext(context.Background(), conclave, "transcript", "verify", filepath.Dir(file)).CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", file, err, out)
		}
	}
}
