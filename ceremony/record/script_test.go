package record_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"conclave/ceremony/record"
)

func script() *record.Script {
	return &record.Script{Ceremony: "INIT", ID: "KC-7", Purpose: "a <b>test</b> \x1b[2J", Hash: strings.Repeat("9f3c2a71", 8), Words: slices32(),
		Reviewed: time.Date(2026, 11, 24, 16, 0, 0, 0, time.UTC), Worksheet: true, Notes: []string{"5 shares, any 3 of them act together."},
		People: []record.ScriptPerson{{Name: "Olga Ψ Example", Role: "operator"}, {Name: "Алиса <script>", Role: "custodian", Organisation: "IT", Share: 1}},
		Steps: []record.ScriptStep{{Number: 1, Title: "Purpose", Reader: "Olga Ψ Example", Aloud: []string{"We make the keys of a new vault."}, By: []string{"Olga Ψ Example"}},
			{Number: 2, Title: "Old state", Maybe: true, By: []string{"Olga Ψ Example"}}},
	}
}

func slices32() []string {
	var w []string
	for i := range 32 {
		w = append(w, fmt.Sprintf("word%d", i))
	}
	return w
}

// TestScript: golden text; the other forms hold the same, and nothing of a
// hostile name that they would obey.
func TestScript(t *testing.T) {
	forms := map[string][]byte{}
	for name, write := range map[string]func(io.Writer) error{"text": script().Text, "html": script().HTML, "pdf": script().PDF} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		forms[name] = b.Bytes()
	}
	if *update {
		if err := os.WriteFile("testdata/script.txt", forms["text"], 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/script.txt")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(forms["text"], want) {
		t.Errorf("got\n%s", forms["text"])
	}
	html := string(forms["html"])
	for _, bad := range []string{"<script", "<b>test", "\x1b"} {
		if strings.Contains(html, bad) {
			t.Errorf("the page holds %q", bad)
		}
	}
	for _, part := range []string{"agreed plan SHA-256 9f3c2a71", "Exception sheet 3", "Card of Алиса", "group 11", `<span>initials</span>`} {
		if !strings.Contains(html, part) {
			t.Errorf("the page has no %q", part)
		}
	}
	if !bytes.HasPrefix(forms["pdf"], []byte("%PDF-")) || len(forms["pdf"]) < 5000 {
		t.Error("no PDF")
	}
}
