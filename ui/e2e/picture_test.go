package e2e

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/hinshun/vt10x"
)

var update = flag.Bool("update", false, "make the README's pictures anew")

// pictures is where the README's pictures are. Beside each is the text that was
// on the screen: the test that makes the picture compares it with what the
// program shows now, so a picture of an older page is found.
var pictures = filepath.Join("..", "..", "assets", "pictures")

// changes are what another run of the same version shows otherwise.
var changes = []struct {
	what *regexp.Regexp
	by   string
}{
	{regexp.MustCompile(`\d{4}-\d\d-\d\d(-\d{6})?`), "DATE"},
	{regexp.MustCompile(`\b\d{6}-init`), "init"}, // of a name in two rows
	{regexp.MustCompile(`\d\d:\d\d(:\d\d)?`), "TIME"},
	{regexp.MustCompile(`[0-9A-F]{4} [0-9A-F]{4}( +[A-Za-z]+){4}`), "HASH"},
	{regexp.MustCompile(`\d+ events`), "N events"},
}

// lasting is what stays of a page from run to run.
func lasting(page string) string {
	var rows []string
	for row := range strings.Lines(page) {
		for _, c := range changes {
			row = c.what.ReplaceAllString(row, c.by)
		}
		rows = append(rows, strings.TrimRight(row, " \n"))
	}
	return strings.TrimRight(strings.Join(rows, "\n"), "\n") + "\n"
}

// lie is where the ceremony of the pictures lies, on the pictures. What the
// test runs in has a name of the same length, so that lines end where they do.
const lie = "/srv/ceremonies"

// workplaces counts them: several tests have one at once.
var workplaces atomic.Int32

func workplace(t *testing.T) string {
	t.Helper()
	dir := fmt.Sprintf("/tmp/rm%0*d%d", len(lie)-len("/tmp/rm")-1, os.Getpid(), workplaces.Add(1))
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// picture makes a picture of the page that shows a text, or compares the page
// with the one that the picture was made of.
func picture(on, name string) hook {
	return hook{on, func(p *people, page string) { p.pictured(name) }}
}

func (p *people) pictured(name string) {
	p.t.Helper()
	page := p.read()
	s, ok := p.s.(*ptyScreen)
	if !ok {
		return // the pages in tmux are the same; their pictures are of the other terminal
	}
	text, file := lasting(strings.ReplaceAll(page, s.cmd.Dir, lie)), filepath.Join(pictures, name)
	if *update {
		vt := vt10x.New(vt10x.WithSize(80, 24))
		_, err := vt.Write(dimmed([]byte(strings.ReplaceAll(s.wrote(), s.cmd.Dir, lie))))
		if now := vt.String(); err != nil || lasting(now) != text {
			p.t.Fatalf("what was written makes another page (%v):\n%s\nthan there is:\n%s", err, now, text)
		}
		img := encode(p.t, newPainter(p.t).paint(p.t, vt))
		for to, b := range map[string][]byte{file + ".png": img, file + ".txt": []byte(text)} {
			if err := os.WriteFile(to, b, 0o644); err != nil {
				p.t.Fatal(err)
			}
		}
		return
	}
	want, err := os.ReadFile(file + ".txt")
	if err != nil || text != string(want) {
		p.t.Errorf("assets/pictures/%s.png is of another page (%v). Run make pictures. Now:\n%s\nthen:\n%s", name, err, text, want)
	}
}

// Each picture of the README exists, is small, and is one that a test holds to
// the program; each that is held is in the README.
func TestPicturesAreUsed(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	linked := regexp.MustCompile(`\(assets/pictures/([^)]+)\.png\)`).FindAllStringSubmatch(string(readme), -1)
	texts, err := filepath.Glob(filepath.Join(pictures, "*.txt"))
	if err != nil || len(linked) == 0 || len(texts) != len(linked) {
		t.Errorf("%d pictures are linked, %d have a text (%v)", len(linked), len(texts), err)
	}
	for _, l := range linked {
		for _, ext := range []string{".png", ".txt"} {
			if info, err := os.Stat(filepath.Join(pictures, l[1]+ext)); err != nil || info.Size() > 60_000 {
				t.Errorf("%s%s: %v, or too large", l[1], ext, err)
			}
		}
	}
}
