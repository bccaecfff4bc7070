package main_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// edit replaces a text that occurs once in a file of the program.
type edit struct{ file, old, new string }

// build builds the program, with the edits in place of what the files say.
func build(t *testing.T, tags string, edits ...edit) string {
	t.Helper()
	dir := t.TempDir()
	replace := map[string]string{}
	for i, e := range edits {
		raw, err := os.ReadFile(e.file)
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(raw), e.old); n != 1 {
			t.Fatalf("%s holds %q %d times: the edit must be written anew", e.file, e.old, n)
		}
		abs, err := filepath.Abs(e.file)
		if err != nil {
			t.Fatal(err)
		}
		replace[abs] = filepath.Join(dir, fmt.Sprintf("edit%d.go", i))
		if err := os.WriteFile(replace[abs], []byte(strings.Replace(string(raw), e.old, e.new, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	bin := filepath.Join(dir, "conclave")
	args := []string{"build", "-buildvcs=false", "-o", bin, "-tags", tags}
	if len(replace) > 0 {
		args = append(args, "-overlay", writeJSON(t, filepath.Join(dir, "overlay.json"), map[string]any{"Replace": replace}))
	}
	cmd := exec.CommandContext(t.Context(), "go", append(args, ".")...)
	cmd.Env = os.Environ()
	if runtime.GOARCH == "amd64" || runtime.GOARCH == "arm64" {
		cmd.Env = append(cmd.Env, "GOEXPERIMENT=runtimesecret") // as make builds it
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building the program: %v\n%s", err, out)
	}
	return bin
}

func writeJSON(t *testing.T, file string, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
