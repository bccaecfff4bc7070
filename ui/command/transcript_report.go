package command

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"conclave/assets/clean"
	"conclave/ceremony/folder"
	"conclave/ceremony/record"
)

// reportFormats are the forms of a report, in the order of the help.
var reportFormats = []struct {
	name  string
	write func(*record.Page, io.Writer) error
}{
	{"text", (*record.Page).Text},
	{"markdown", (*record.Page).Markdown},
	{"html", (*record.Page).HTML},
	{"pdf", (*record.Page).PDF},
	{"json", (*record.Page).JSON},
	{"audit", (*record.Page).Audit},
}

func (p *Process) reportCommand() *cobra.Command {
	var format, out string
	var names []string
	for _, f := range reportFormats {
		names = append(names, f.name)
	}
	known := strings.Join(names, ", ")
	c := &cobra.Command{
		Use: "report DIR|FILE [-format=FORMAT] [-out FILE|DIR]", Short: "Print a transcript as a page to read, or as data", Args: cobra.ExactArgs(1),
		Long: "The report says no more than the transcript; the transcript is the record, the\nreport is a copy. An HTML report is one file that needs no other and no network.\nThe audit is for an auditor: what is open, who is known by what, the questions\nauditors ask, the token before and after, every call that used or made a key,\nthe script as it went, written controls and where they show. With -out it is a\nnew directory, with the audit as text, HTML and PDF, the report as JSON, the\ntranscript, and their digests. The exit code is that of verify.",
		RunE: func(_ *cobra.Command, args []string) error {
			i := slices.Index(names, format)
			if i < 0 {
				return usage("-format=%s is not known: say one of %s.", clean.Clean(format), known)
			}
			if f, ok := p.Stdout.(*os.File); ok && format == "pdf" && out == "" && term.IsTerminal(int(f.Fd())) {
				return usage("A PDF is nothing for a terminal. Say where it should go: -out FILE.")
			}
			r, err := readRecord(args[0])
			if errors.Is(err, folder.ErrNoRecord) {
				return failed("%s holds no transcript. Nothing was printed; name the directory of one ceremony.", clean.Clean(args[0]))
			}
			if err != nil {
				return err
			}
			page := record.New(r.events, r.rep)
			if format == "audit" && out != "" {
				if err := toDir(out, page); err != nil {
					return err
				}
				return verdict(args[0], r.rep)
			}
			err = p.toFile(out, func(w io.Writer) error { return reportFormats[i].write(page, w) })
			if err != nil {
				return fmt.Errorf("printing the report: %w", err)
			}
			return verdict(args[0], r.rep)
		},
	}
	c.Flags().StringVar(&format, "format", "text", "`FORMAT`: "+known)
	c.Flags().StringVar(&out, "out", "", "write to a new `FILE`, an audit to a new directory")
	return c
}

// toFile lets write fill a new file, or standard output if it has no name.
func (p *Process) toFile(name string, write func(io.Writer) error) error {
	if name == "" {
		return write(p.Stdout)
	}
	return newFile(name, write)
}

func newFile(name string, write func(io.Writer) error) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) // #nosec G304 -- the operator's choice
	if err != nil {
		return err
	}
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// toDir makes a new directory with all that an auditor gets.
func toDir(dir string, page *record.Page) error {
	files, err := page.Bundle()
	if err != nil {
		return fmt.Errorf("making the audit: %w", err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return fmt.Errorf("making a directory for the audit: %w", err)
	}
	for _, f := range files {
		if err := newFile(filepath.Join(dir, f.Name), func(w io.Writer) error { _, err := w.Write(f.Data); return err }); err != nil {
			return fmt.Errorf("writing the audit: %w", err)
		}
	}
	return nil
}
