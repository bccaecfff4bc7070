package command

import (
	"context"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"conclave/ceremony/plan"
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

// Everything is every command's path without the program's name, and every flag
// with its dash.
func Everything() (commands, flags map[string]bool) {
	commands, flags = map[string]bool{}, map[string]bool{}
	root, _ := (&Process{}).root()
	var walk func(c *cobra.Command, path string)
	walk = func(c *cobra.Command, path string) {
		c.LocalFlags().VisitAll(func(f *pflag.Flag) { flags["-"+f.Name] = true })
		for _, sub := range c.Commands() {
			commands[path+sub.Name()] = true
			walk(sub, path+sub.Name()+" ")
		}
	}
	walk(root, "")
	return commands, flags
}

// RunShort is Run for tests: a commit is watched for a moment, not for seconds.
func RunShort(args []string, stdin *os.File, stdout, stderr io.Writer, shortfalls []string) int {
	p := &Process{Args: args, Stdin: stdin, Stdout: stdout, Stderr: stderr, Shortfalls: shortfalls, Now: time.Now, Settle: 50 * time.Millisecond}
	return p.run(context.Background())
}
