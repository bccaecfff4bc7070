package command

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"conclave/assets"
	"conclave/assets/clean"
)

// guideCommand prints the manual. Its pages are Markdown that reads as text.
func (p *Process) guideCommand() *cobra.Command {
	return &cobra.Command{
		Use: "guide [NAME]", Short: "The manual: every ceremony, before, on and after the day", Args: cobra.MaximumNArgs(1),
		ValidArgs: assets.Guides(),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				table(p.Stdout, guideRows())
				return nil
			}
			page := assets.Guide(args[0])
			if page == "" {
				return usage("there is no page %q in the manual; conclave guide lists them.", clean.Cut(args[0], 40))
			}
			_, err := fmt.Fprint(p.Stdout, page)
			return err
		},
	}
}

// guideRows are the names of the pages and what they are about.
func guideRows() [][2]string {
	var rows [][2]string
	for _, name := range assets.Guides() {
		head, _, _ := strings.Cut(assets.Guide(name), "\n")
		_, about, _ := strings.Cut(head, ": ")
		rows = append(rows, [2]string{name, about})
	}
	return rows
}
