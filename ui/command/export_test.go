package command

import (
	"context"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"conclave/ceremony/plan"
	"conclave/hsm/secret"
	"conclave/ui/term"
)

// For tests of records that lie on disk.
var PreviousRoster = previousRoster

// KeysOf are the keys in a record that count for a recover.
func KeysOf(dir string) ([]plan.Known, error) {
	r, err := readRecord(dir)
	if err != nil {
		return nil, err
	}
	return keysOf(r, "KC-1"), nil
}

// Everything is the flags, with their dash, of every command by its path without
// the program's name; "" is the program.
func Everything() map[string]map[string]bool {
	commands := map[string]map[string]bool{}
	root, _ := (&Process{}).root()
	var walk func(c *cobra.Command, path string)
	walk = func(c *cobra.Command, path string) {
		flags := map[string]bool{"-h": true}
		c.Flags().VisitAll(func(f *pflag.Flag) { flags["-"+f.Name] = true })
		c.InheritedFlags().VisitAll(func(f *pflag.Flag) { flags["-"+f.Name] = true })
		commands[path] = flags
		for _, sub := range c.Commands() {
			walk(sub, strings.TrimSpace(path+" "+sub.Name()))
		}
	}
	walk(root, "")
	return commands
}

var OfTheMachine = ofTheMachine

// RunShort is Run for tests: a commit is watched for a moment, not for seconds.
func RunShort(args []string, stdin *os.File, stdout, stderr io.Writer, shortfalls []string) int {
	later, _ := time.ParseDuration(os.Getenv("CONCLAVE_TEST_LATER")) // of a test that has a run wait
	now := func() time.Time { return time.Now().Add(later) }
	p := &Process{Args: args, Stdin: stdin, Stdout: stdout, Stderr: stderr, Now: now, Settle: 50 * time.Millisecond}
	// What the machine is that the tests run on is none of theirs, nor how its terminal is reached.
	for _, s := range shortfalls {
		if s != secret.SwapOn {
			p.Shortfalls = append(p.Shortfalls, s)
		}
	}
	p.recorders = func() []term.Recorder {
		if os.Getenv("SSH_CONNECTION") == "" {
			return nil
		}
		return []term.Recorder{{Name: "ssh", Sentence: "It comes over the network."}}
	}
	return p.run(context.Background())
}
