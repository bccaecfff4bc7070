package main

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
	"time"
)

func TestRecord(t *testing.T) {
	cast, err := record(exec.CommandContext(t.Context(), "sh", "-c", `printf 'one \303'; sleep 0.3; printf '\244 <two>\n'`), 40, 10, 100*time.Millisecond, "A test")
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.Split(bytes.TrimSpace(cast), []byte("\n"))
	var head struct {
		Version, Width, Height int
		Title                  string
	}
	if err := json.Unmarshal(lines[0], &head); err != nil || head.Version != 2 || head.Width != 40 || head.Height != 10 || head.Title != "A test" {
		t.Errorf("%+v, %v", head, err)
	}
	text, last := "", 0.0
	for _, l := range lines[1:] {
		var event [3]any
		if err := json.Unmarshal(l, &event); err != nil || event[1] != "o" {
			t.Fatalf("%s: %v", l, err)
		}
		at, _ := event[0].(float64)
		if at < last || at > last+0.101 {
			t.Errorf("%v follows %v: the wait was not cut to 0.1 s", at, last)
		}
		last = at
		s, _ := event[2].(string)
		text += s
	}
	if want := "one ä <two>\r\n"; text != want || !strings.Contains(string(cast), "<two>") {
		t.Errorf("recorded %q, want %q", text, want)
	}
	if _, err := record(exec.CommandContext(t.Context(), "false"), 40, 10, time.Second, ""); err == nil {
		t.Error("a program that fails was recorded as if it had not")
	}
}
