package command_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// asInReadme holds the README to what a rehearsal printed: how many steps the
// ceremony has, and, of an init, each line of the example, in this order.
func asInReadme(t *testing.T, row, printed string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	readme := string(b)
	steps := regexp.MustCompile(`Step 1 of (\d+)`).FindStringSubmatch(printed)
	said := regexp.MustCompile("(?m)^\\| `" + row + "` \\|[^|]+\\| (\\d+) \\|").FindStringSubmatch(readme)
	if steps == nil || said == nil || steps[1] != said[1] {
		t.Errorf("%s: the steps are %q, the README's table says %q", row, steps, said)
	}
	if row != "init" {
		return
	}
	_, example, ok := strings.Cut(readme, "$ conclave rehearse init -auto -plain -dir D\n")
	example, _, end := strings.Cut(example, "\n\n")
	if !ok || !end {
		t.Fatal("the README has no example")
	}
	left, found := strings.Split(printed, "\n"), 0
	for line := range strings.Lines(example) {
		line = strings.TrimSpace(line)
		if line == "..." || strings.HasPrefix(line, "conclave:") { // the last is on the other stream, with the time
			continue
		}
		at := slices.Index(left, line)
		if at < 0 {
			t.Errorf("the README's example has, and the rehearsal has not at this place: %s", line)
			continue
		}
		left, found = left[at+1:], found+1
	}
	if found < 10 {
		t.Errorf("%d lines of the README's example were found", found)
	}
}
