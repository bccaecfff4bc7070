package record_test

import (
	"bytes"
	"io"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"conclave/ceremony/record"
	"conclave/ceremony/transcript"
	"conclave/hsm/softhsm/need"
)

// hostile holds what terminals, browsers, readers of Markdown and people obey.
const hostile = "CONSISTENT and closed\u202e \u2066x\u200b\u009b\x1b[2J\u2028 <script>alert(1)</script><img src=x onerror=alert(1)>" +
	"![i](http://evil.example/i.png) [l](javascript:alert(1)) <https://evil.example> https://evil.example www.evil.example a@evil.example " +
	"``code`` | <!-- &lt; \"' \\ # * _ ~ $ {{.}} "

// hostileRecord is a record with a hostile text in every field that takes any.
func hostileRecord(t *testing.T) ([]transcript.Event, transcript.Report) {
	t.Helper()
	entries := signed()
	for i, e := range entries {
		if e.Kind != "override" {
			entries[i].Claimed += hostile
		}
		entries[i].Step += hostile
		for name, v := range e.Facts {
			for _, f := range transcript.Kinds[e.Kind].Facts {
				if f.Name != name || f.OneOf != nil {
					continue
				}
				switch v := v.(type) {
				case string:
					e.Facts[name] = hostile + v + hostile
				case []string:
					e.Facts[name] = append(v, hostile)
				}
			}
		}
	}
	ev, rep := scan(t, write(t, entries))
	rep.Refuse("x" + hostile)
	return ev, rep
}

// forms are all forms of a report that are text.
var forms = map[string]func(*record.Page, io.Writer) error{
	"text": (*record.Page).Text, "json": (*record.Page).JSON, "html": (*record.Page).HTML, "markdown": (*record.Page).Markdown,
	"audit": (*record.Page).Audit, "audit in html": (*record.Page).AuditHTML,
}

// TestHostile: no form holds what a terminal would obey or what hides.
func TestHostile(t *testing.T) {
	ev, rep := hostileRecord(t)
	for name, form := range forms {
		var b bytes.Buffer
		if err := form(record.New(ev, rep), &b); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(b.String(), "CONSISTENT and closed") {
			t.Errorf("%s: the test's text is not in it", name)
		}
		for _, r := range b.String() {
			if r != '\n' && (r < 0x20 || r >= 0x7f && r < 0xa0 || r >= 0x200b && r <= 0x200f || r >= 0x2028 && r <= 0x202e || r >= 0x2060 && r <= 0x206f) {
				t.Errorf("%s holds %U", name, r)
				break
			}
		}
	}
}

// TestHostileText: what comes from the file is not taken for the program's own
// words: it begins no line, and nothing of it comes after the verdict.
func TestHostileText(t *testing.T) {
	ev, rep := hostileRecord(t)
	var b bytes.Buffer
	if err := record.New(ev, rep).Text(&b); err != nil {
		t.Fatal(err)
	}
	if err := record.New(ev, rep).Audit(&b); err != nil {
		t.Fatal(err)
	}
	if err := record.Verification(&b, rep); err != nil {
		t.Fatal(err)
	}
	for l := range strings.Lines(b.String()) {
		if strings.HasPrefix(l, "CONSISTENT") || strings.HasPrefix(l, "ANCHORED") {
			t.Errorf("a text from the file begins a line: %s", l)
		}
	}
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	if last := lines[len(lines)-1]; !strings.HasPrefix(last, "CHANGED") {
		t.Errorf("after the verdict comes %s", last)
	}
}

// TestHostileHTML: the page has the elements of the template and no others.
func TestHostileHTML(t *testing.T) {
	ev, rep := hostileRecord(t)
	var audit bytes.Buffer
	if err := record.New(ev, rep).AuditHTML(&audit); err != nil {
		t.Fatal(err)
	}
	s := html(t, ev, rep) + audit.String()
	tag := regexp.MustCompile(`<(/?[a-zA-Z!][^\s>]*)`)
	ours := regexp.MustCompile(`^(!DOCTYPE|/?(html|head|meta|title|style|body|main|h1|h2|b|div|p|section|table|tr|th|td|pre|code|details|summary|footer|script))$`)
	scripts := 0
	for _, m := range tag.FindAllStringSubmatch(scriptElement.ReplaceAllString(s, "<script></script>"), -1) {
		if !ours.MatchString(m[1]) {
			t.Errorf("the page has an element %s", m[0])
		}
		if m[1] == "script" {
			scripts++
		}
	}
	if scripts != 4 {
		t.Errorf("the two pages have %d scripts", scripts)
	}
}

// TestHostileMarkdown: outside of code there are only words.
func TestHostileMarkdown(t *testing.T) {
	ev, rep := hostileRecord(t)
	var b bytes.Buffer
	if err := record.New(ev, rep).Markdown(&b); err != nil {
		t.Fatal(err)
	}
	rest := b.String()
	outside := ""
	for {
		i := strings.IndexByte(rest, '`')
		if i < 0 {
			break
		}
		n := len(rest[i:]) - len(strings.TrimLeft(rest[i:], "`"))
		fence := rest[i : i+n]
		outside += rest[:i] + "CODE"
		rest = rest[i+n:]
		end := regexp.MustCompile("[^`]" + fence + "(?:[^`]|$)").FindStringIndex(rest)
		if end == nil || strings.Contains(rest[:end[0]], "\n") {
			t.Fatalf("code does not end in its line: %.200s", rest)
		}
		rest = rest[end[0]+1+n:]
	}
	outside, _, _ = strings.Cut(outside+rest, "## How to check")
	for _, bad := range []string{"evil", "<", "&", "[", "](", "!", "@", "://", "www", "|", "$", "_", "*", "~", "\\"} {
		if strings.Contains(outside, bad) {
			t.Errorf("outside of code there is %q", bad)
		}
	}
	for l := range strings.Lines(outside) {
		if l != "\n" && !regexp.MustCompile(`^(#{1,2} |> ?|- |  - |Head: |[A-Z])`).MatchString(l) {
			t.Errorf("a line begins with %q", l)
		}
	}
}

// TestMarkdownReader has the page read by GitHub's reader of Markdown, which
// makes links of what looks like one: there is no element that leads out, and
// none that came from the transcript.
func TestMarkdownReader(t *testing.T) {
	reader := need.Tool(t, "cmark-gfm")
	ev, rep := hostileRecord(t)
	var b bytes.Buffer
	if err := record.New(ev, rep).Markdown(&b); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), reader, "-e", "autolink", "-e", "table", "-e", "strikethrough", "-e", "footnotes", "--unsafe") // #nosec G204 -- need's
	cmd.Stdin = &b
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`<(/?[a-zA-Z!][^\s>]*)`).FindAllStringSubmatch(string(out), -1) {
		if !regexp.MustCompile(`^/?(h1|h2|blockquote|p|ul|li|code|pre)$`).MatchString(m[1]) {
			t.Errorf("the page has an element %s", m[0])
		}
	}
	if !strings.Contains(string(out), "evil.example") {
		t.Error("the test's text is not in it")
	}
}
