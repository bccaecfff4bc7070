package record_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"conclave/ceremony/record"
	"conclave/ceremony/transcript"
	"conclave/hsm/softhsm/need"
)

func html(t *testing.T, ev []transcript.Event, rep transcript.Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := record.New(ev, rep).HTML(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

var (
	styleElement  = regexp.MustCompile(`(?s)<style>(.*?)</style>`)
	scriptElement = regexp.MustCompile(`(?s)<script>(.*?)</script>`)
	dataElement   = regexp.MustCompile(`(?s)<script type="application/json" id="data">(.*?)</script>`)
	policy        = regexp.MustCompile(`<meta http-equiv="Content-Security-Policy" content="([^"]*)">`)
)

// TestPolicy: the page runs what its policy names, and the policy names nothing
// else; nothing in the page leads out of it.
func TestPolicy(t *testing.T) {
	ev, rep := scan(t, write(t, whole(false)))
	s := html(t, ev, rep)
	sum := func(re *regexp.Regexp) string {
		all := re.FindAllStringSubmatch(s, -1)
		if len(all) != 1 {
			t.Fatalf("%d elements match %s", len(all), re)
		}
		h := sha256.Sum256([]byte(all[0][1]))
		return "'sha256-" + base64.StdEncoding.EncodeToString(h[:]) + "'"
	}
	m := policy.FindStringSubmatch(s)
	if m == nil {
		t.Fatal("there is no policy")
	}
	got := strings.NewReplacer("&#39;", "'", "&#43;", "+").Replace(m[1])
	want := "default-src 'none'; script-src " + sum(scriptElement) + "; style-src " + sum(styleElement) + "; base-uri 'none'; form-action 'none'"
	if got != want {
		t.Errorf("the policy is %s, want %s", got, want)
	}
	for _, no := range []string{"href=", "src=\"", "http://", "https://", " style=", " onload", "url("} {
		if strings.Contains(s, no) {
			t.Errorf("the page holds %s", no)
		}
	}
	for _, want := range []string{"This page can show damage, not forgery: whoever changes the record can change this check. Compare the head with the paper, or use", rep.Head.String()} {
		if !strings.Contains(s, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

// TestData: the lines in the page are those of the file, byte by byte.
func TestData(t *testing.T) {
	entries := whole(false)
	entries[2].Claimed = "Øystein </script><!-- & 日本 \u2028 \U0001f511"
	file := write(t, entries)
	ev, rep := scan(t, file)
	block := dataElement.FindStringSubmatch(html(t, ev, rep))
	if block == nil {
		t.Fatal("there is no data")
	}
	var data struct{ Lines []string }
	if err := json.Unmarshal([]byte(block[1]), &data); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(data.Lines, "\n") + "\n"; got != string(file) {
		t.Errorf("the lines are\n%s\nwant\n%s", got, file)
	}
	if strings.ContainsAny(block[1], "<>&\u2028") {
		t.Error("the data holds what could end its element")
	}
}

// browse opens a page in a browser and returns what that writes.
func browse(t *testing.T, chromium, page string, args ...string) string {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "report.html")
	if err := os.WriteFile(file, []byte(page), 0o600); err != nil {
		t.Fatal(err)
	}
	args = append(args, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
		"--user-data-dir="+filepath.Join(dir, "profile"), "file://"+file)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute) // browsers are slow to start on a busy machine
	defer cancel()
	out, err := exec.CommandContext(ctx, chromium, args...).Output() // #nosec G204 -- the test's own file
	if err != nil {
		t.Fatalf("running %s: %v", chromium, err)
	}
	return string(out)
}

var checkElement = regexp.MustCompile(`(?s)<p id="check"[^>]*>(.*?)</p>`)

// TestBrowser opens pages in a real browser: as it was made; with one byte
// changed in a line, in the last line, in the text that is shown, in the script.
func TestBrowser(t *testing.T) {
	chromium := need.Tool(t, "chromium")
	entries := whole(false)
	// Lines of all lengths around SHA-256's block, and no ASCII only.
	for i := range 130 {
		entries = append(entries[:2:2], append([]transcript.Entry{typed("answer", "people", "Ольга Ω", facts{"field": "x", "value": strings.Repeat("é", i)})}, entries[2:]...)...)
	}
	ev, rep := scan(t, write(t, entries))
	good := html(t, ev, rep)
	lastSalt := ev[len(ev)-1].Salt
	middleSalt := ev[20].Salt
	for _, tt := range []struct {
		name, old, new, want string
	}{
		{"right", "", "", "No damage found: the lines that lie in this page fit together and end in the head " + rep.Head.String()},
		{"a line", middleSalt, flip(middleSalt), "DAMAGED: Line 22 does not hold the hash of the line before it."},
		{"the last line", lastSalt, flip(lastSalt), "DAMAGED: The last line is not the one that the head names."},
		{"the text", "<td class=\"v\">Dora Example, Payments", "<td class=\"v\">Nora Example, Payments", "DAMAGED: The text that is shown is not the one"},
		{"the script", "the lines that lie in this page fit", "THE lines that lie in this page fit", "Not checked"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.old != "" && strings.Count(good, tt.old) != 1 {
				t.Fatalf("%q is in the page %d times", tt.old, strings.Count(good, tt.old))
			}
			dom := browse(t, chromium, strings.Replace(good, tt.old, tt.new, 1), "--dump-dom")
			got := checkElement.FindStringSubmatch(dom)
			if got == nil || !strings.HasPrefix(got[1], tt.want) {
				t.Errorf("the page says %q, want %q", got, tt.want)
			}
			if !strings.Contains(dom, "Wim Example (witness), keyboard only") {
				t.Error("the report cannot be read")
			}
		})
	}
}

// flip changes the first digit.
func flip(hex string) string {
	if hex[0] == '0' {
		return "1" + hex[1:]
	}
	return "0" + hex[1:]
}

// TestScriptsOff prints a page in a browser that runs no script: all of it is on
// the paper, and the head at the foot of each sheet.
func TestScriptsOff(t *testing.T) {
	chromium, pdftotext := need.Tool(t, "chromium"), need.Tool(t, "pdftotext")
	ev, rep := scan(t, write(t, whole(true)))
	pdf := filepath.Join(t.TempDir(), "printed.pdf")
	// A second policy, since a headless Chromium with scripts off prints nothing.
	const off = `<meta http-equiv="Content-Security-Policy" content="script-src 'none'">`
	browse(t, chromium, strings.Replace(html(t, ev, rep), "<head>", "<head>"+off, 1), "--print-to-pdf="+pdf)
	out, err := exec.CommandContext(t.Context(), pdftotext, pdf, "-").Output() // #nosec G204 -- the test's own file
	if err != nil {
		t.Fatal(err)
	}
	s := strings.Join(strings.Fields(string(out)), " ")
	for _, want := range []string{"Not checked: scripts are off", "REKEY entered for Wim Example (witness), keyboard only", "PRACTICE: a rehearsal", "tail -n1"} {
		if !strings.Contains(s, want) {
			t.Errorf("the paper does not say %q:\n%s", want, out)
		}
	}
	if sheets, heads := strings.Count(string(out), "\f"), strings.Count(s, "head "+rep.Head.String()); heads < sheets || sheets < 2 {
		t.Errorf("%d sheets, the head is on %d", sheets, heads)
	}
}
