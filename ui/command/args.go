package command

import (
	"bytes"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// rewrite gives every flag the second dash that cobra wants: -name and --name
// are the same. What follows "--", a "-" alone, and the value of a flag that
// takes one stay as they are.
func rewrite(root *cobra.Command, args []string) []string {
	takes := withValues(root)
	out := make([]string, 0, len(args))
	value := false
	for i, a := range args {
		switch {
		case value:
			value = false
		case a == "--":
			return append(out, args[i:]...)
		case a == "-h", a == "-?":
			a = "--help"
		case len(a) > 1 && a[0] == '-':
			name := strings.TrimLeft(a, "-")
			a = "--" + name
			value = takes[name] // "name=value" is no name
		}
		out = append(out, a)
	}
	return out
}

// withValues are the names of all flags that need a value. A name means the
// same in every command.
func withValues(root *cobra.Command) map[string]bool {
	takes := map[string]bool{}
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if f.NoOptDefVal == "" {
				takes[f.Name] = true
			}
		})
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(root)
	return takes
}

// oneDash writes cobra's messages as the flags are written here.
func oneDash(s string) string { return strings.ReplaceAll(s, "--", "-") }

func completing(args []string) bool {
	return len(args) > 0 && (args[0] == cobra.ShellCompRequestCmd || args[0] == cobra.ShellCompNoDescRequestCmd)
}

// singleDash takes what cobra offers a shell to complete and writes flags with
// one dash.
type singleDash struct {
	w    io.Writer
	held bytes.Buffer
}

func (d *singleDash) Write(p []byte) (int, error) { return d.held.Write(p) }

func (d *singleDash) flush() {
	if d == nil {
		return
	}
	for line := range strings.Lines(d.held.String()) {
		if strings.HasPrefix(line, "--") {
			line = strings.ReplaceAll(line[1:], "`", "") // they mark the value's name for our help
		}
		_, _ = io.WriteString(d.w, line) // the shell is gone: nobody to tell
	}
}
