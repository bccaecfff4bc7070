// Package e2e holds the program to what people see: the built binary in a real
// terminal, with keys typed one after the other by somebody who reads the
// screen. It has tests only.
package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// conclave is the program, built once.
var conclave string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "e2e")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	conclave = filepath.Join(dir, "conclave")
	if out, err := exec.CommandContext(context.Background(), "go", "build", "-o", conclave, "conclave").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building the program: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}
