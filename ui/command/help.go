package command

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"conclave/assets/clean"
)

// dress gives every command a help flag without a letter, our help page, and
// the rule for mistakes.
func dress(root *cobra.Command) {
	root.SetHelpFunc(help)
	root.SetUsageFunc(func(c *cobra.Command) error {
		help(c, nil)
		return nil
	})
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usage("%s. Nothing was touched; see %s -h.", oneDash(err.Error()), c.CommandPath())
	})
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		c.Flags().Bool("help", false, "this page")
		c.Flags().Lookup("help").Hidden = true
		c.DisableFlagsInUseLine = true
		if check := c.Args; check != nil {
			c.Args = func(c *cobra.Command, args []string) error {
				if err := check(c, args); err != nil {
					return usage("%s. Nothing was touched; see %s -h.", oneDash(err.Error()), c.CommandPath())
				}
				return nil
			}
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(root)
}

// group is the annotation that puts a flag into the second part of a help page.
const group = "conclave-group"

// help writes a page of at most 24 rows of 80 columns.
func help(c *cobra.Command, _ []string) {
	w := c.OutOrStdout()
	fmt.Fprintf(w, "%s.\n\n  %s\n", c.Short, c.UseLine())
	if c.Long != "" {
		fmt.Fprintf(w, "\n%s\n", strings.TrimSpace(c.Long))
	}
	var rows [][2]string
	for _, sub := range c.Commands() {
		if !sub.Hidden && sub.Name() != "completion" && sub.Name() != "version" && sub.Name() != "guide" { // the last line has them
			rows = append(rows, [2]string{sub.Name(), sub.Short})
		}
	}
	table(w, rows)
	own, common := flagRows(c)
	table(w, own)
	if !c.HasParent() { // its page is full
		fmt.Fprint(w, "\nCOMMAND -h: its flags.  guide NAME: the manual.  version: this program's hash.\n")
	} else if len(common) > 0 {
		fmt.Fprint(w, "\nVault, HSM, people and the rest:\n")
		for _, l := range fill(common, 78, "  ") {
			fmt.Fprintf(w, "  %s\n", l)
		}
	}
}

// flagRows are a command's own flags with their texts, and the names of those
// that many commands share.
func flagRows(c *cobra.Command) (own [][2]string, common []string) {
	c.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		kind, text := pflag.UnquoteUsage(f)
		name := "-" + f.Name
		if kind != "" && f.NoOptDefVal == "" {
			name += " " + kind
		}
		if f.Annotations[group] != nil {
			common = append(common, name)
			return
		}
		own = append(own, [2]string{name, text})
	})
	return own, common
}

func table(w io.Writer, rows [][2]string) {
	if len(rows) == 0 {
		return
	}
	width := 0
	for _, r := range rows {
		width = max(width, len(r[0]))
	}
	fmt.Fprintln(w)
	for _, r := range rows {
		fmt.Fprintf(w, "  %-*s  %s\n", width, r[0], r[1])
	}
}

// fill puts words into lines, with a gap between them.
func fill(words []string, width int, gap string) []string {
	var lines []string
	line := ""
	for _, word := range words {
		if line != "" && len(line)+len(gap)+len(word) > width {
			lines, line = append(lines, line), ""
		}
		if line != "" {
			line += gap
		}
		line += word
	}
	return append(lines, line)
}

// sentence ends s with a full stop.
func sentence(s string) string {
	s = strings.TrimSpace(s)
	if s == "" || strings.ContainsAny(s[len(s)-1:], ".!?") {
		return s
	}
	return s + "."
}

// oneLine makes a message one line that is safe to show.
func oneLine(s string) string {
	return clean.Cut(strings.Join(strings.Fields(s), " "), 2000)
}
