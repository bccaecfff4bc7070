package record_test

import (
	"bytes"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"conclave/ceremony/record"
	"conclave/ceremony/transcript"
	"conclave/hsm/softhsm/need"
)

// onPaper makes the PDF and returns it with its text, sheet by sheet.
func onPaper(t *testing.T, ev []transcript.Event, rep transcript.Report) (pdf []byte, sheets []string) {
	t.Helper()
	pdftotext := need.Tool(t, "pdftotext")
	var b bytes.Buffer
	if err := record.New(ev, rep).PDF(&b); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), pdftotext, "-layout", "-", "-")
	cmd.Stdin = bytes.NewReader(b.Bytes())
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), strings.Split(strings.TrimSuffix(string(out), "\f"), "\f")
}

func flat(s string) string { return strings.Join(strings.Fields(s), " ") }

// TestPDF: each sheet has the head and its number, names of three scripts can be
// read, and what the font cannot show is an escape.
func TestPDF(t *testing.T) {
	entries := whole(true)
	entries[2].Facts["organisation"] = "Ωμέγα Αθήνα, Общество, Łódź Čížek Ğ ß"
	entries[3].Facts["organisation"] = "日本"
	ev, rep := scan(t, write(t, entries))
	_, sheets := onPaper(t, ev, rep)
	if len(sheets) < 2 {
		t.Errorf("the report has %d sheets", len(sheets))
	}
	for i, s := range sheets {
		for _, want := range []string{"head " + rep.Head.String(), fmt.Sprintf("sheet %d of %d", i+1, len(sheets)), "PRACTICE"} {
			if !strings.Contains(flat(s), want) {
				t.Errorf("sheet %d does not say %q:\n%s", i+1, want, s)
			}
		}
	}
	all := flat(strings.Join(sheets, " "))
	for _, want := range []string{"Ωμέγα Αθήνα, Общество, Łódź Čížek Ğ ß", `\u{65e5}\u{672c}`, "REKEY entered for Wim Example (witness), keyboard only",
		"CONSISTENT and closed: 30 events.", `while IFS= read -r l; do n=$((n+1))`} {
		if !strings.Contains(all, want) {
			t.Errorf("the paper does not say %q", want)
		}
	}
}

// TestHostilePDF: there is nothing to press and nothing that runs in it, and
// nothing that hides.
func TestHostilePDF(t *testing.T) {
	ev, rep := hostileRecord(t)
	pdf, sheets := onPaper(t, ev, rep)
	for _, bad := range []string{"/URI", "/JavaScript", "/JS", "/Link", "/Launch", "/GoTo", "/SubmitForm", "/Annot"} {
		if bytes.Contains(pdf, []byte(bad)) {
			t.Errorf("the document holds %s", bad)
		}
	}
	all := strings.Join(sheets, "")
	if !strings.Contains(flat(all), "CHANGED: the lines fit together") {
		t.Errorf("the verdict is not on paper: %.300s", all)
	}
	for _, r := range all {
		if r != '\n' && (r < 0x20 || r >= 0x7f && r < 0xa0 || r >= 0x200b && r <= 0x200f || r >= 0x2028 && r <= 0x202e || r >= 0x2060 && r <= 0x206f || r == 0xe000) {
			t.Errorf("the paper holds %U", r)
			break
		}
	}
}
