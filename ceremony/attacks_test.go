package ceremony_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestAttacks: each attack of ATTACKS.md has a test, every test that it names is
// there, and every test of attacks is named.
func TestAttacks(t *testing.T) {
	text, err := os.ReadFile("ATTACKS.md")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`([a-z./]+) ([A-Za-z0-9/-]+)`")
	rows := 0
	for row := range strings.Lines(string(text)) {
		cells := strings.Split(row, "|")
		if len(cells) != 5 || strings.HasPrefix(row, "|---") || strings.Contains(row, "| tests |") {
			continue
		}
		rows++
		tests := named.FindAllStringSubmatch(cells[3], -1)
		if len(tests) == 0 || strings.Count(cells[3], "`") != 2*len(tests) {
			t.Errorf("%s: its tests are %s", cells[1], cells[3])
		}
		for _, m := range tests {
			if !isTest(t, filepath.Join("..", filepath.FromSlash(m[1])), m[2]) {
				t.Errorf("%s: there is no test %s in %s", cells[1], m[2], m[1])
			}
		}
	}
	if rows < 30 {
		t.Errorf("%d attacks are listed", rows)
	}
	for _, file := range []string{"attack_test.go", "public_test.go"} {
		b, err := os.ReadFile(file) // #nosec G304 -- one of two
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllStringSubmatch(string(b), -1) {
			if !strings.Contains(string(text), "`ceremony "+m[1]+"`") {
				t.Errorf("%s is in no row", m[1])
			}
		}
	}
}

// isTest tells whether a directory has a test function or a script of a name.
func isTest(t *testing.T, dir, name string) bool {
	t.Helper()
	if !strings.HasPrefix(name, "Test") {
		_, err := os.Stat(filepath.Join(dir, "testdata", filepath.FromSlash(name)+".txtar"))
		return err == nil
	}
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f) // #nosec G304 -- of this repository
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(b), "\nfunc "+name+"(t *testing.T)") {
			return true
		}
	}
	return false
}
