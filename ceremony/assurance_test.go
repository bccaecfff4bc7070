package ceremony_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestAssurance: every test that ASSURANCE.md names is there, each row of an
// argument names one, and each promise has conditions and what would refute it.
func TestAssurance(t *testing.T) {
	text, err := os.ReadFile("ASSURANCE.md")
	if err != nil {
		t.Fatal(err)
	}
	parts := regexp.MustCompile(`(?m)^## `).Split(string(text), -1)
	promises := 0
	for _, part := range parts[1:] {
		title, _, _ := strings.Cut(part, "\n")
		if title[0] < '1' || title[0] > '9' {
			continue
		}
		promises++
		for _, must := range []string{"**Claim.** ", "**Conditions.** ", "| argument | tests |", "**Refuted by** "} {
			if strings.Count(part, must) != 1 {
				t.Errorf("%s: it needs one %q", title, must)
			}
		}
		_, table, _ := strings.Cut(part, "| argument | tests |\n|---|---|\n")
		for row := range strings.Lines(table) {
			if !strings.HasPrefix(row, "|") {
				break
			}
			if !strings.Contains(row, " Test") && !strings.Contains(row, " script/") {
				t.Errorf("%s: no test shows %s", title, row)
			}
		}
	}
	if promises < 5 {
		t.Errorf("%d promises", promises)
	}
	named := regexp.MustCompile("`([a-z./]*) ((?:Test|script/)[A-Za-z0-9/-]+)`").FindAllStringSubmatch(string(text), -1)
	if len(named) < 60 {
		t.Errorf("%d tests are named", len(named))
	}
	for _, m := range named {
		if !isTest(t, filepath.Join("..", filepath.FromSlash(m[1])), m[2]) {
			t.Errorf("there is no test %s in %q", m[2], m[1])
		}
	}
}
