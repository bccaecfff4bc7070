package command

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"github.com/spf13/cobra"

	"conclave/assets/clean"
	"conclave/ceremony/custodian"
	"conclave/ceremony/folder"
	"conclave/ceremony/record"
	"conclave/ceremony/transcript"
)

func (p *Process) transcriptCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "transcript COMMAND", Short: "Check a ceremony's transcript, or print it as a report", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			help(c, nil)
			return usage("transcript needs a command: verify or report.")
		},
	}
	c.AddCommand(p.verifyCommand(), p.reportCommand())
	return c
}

func (p *Process) verifyCommand() *cobra.Command {
	var paper string
	c := &cobra.Command{
		Use: "verify DIR|FILE [-head WORDS|HEX]", Short: "Check that nothing in a transcript was changed", Args: cobra.ExactArgs(1),
		Long: "Exit code 0: consistent and closed; 3: consistent but interrupted; 4: broken or\nchanged. A directory is compared with its head.txt; a directory of several\nceremonies is checked one after the other. No network, no HSM, no secret.",
		RunE: func(c *cobra.Command, args []string) error {
			var head *transcript.Head
			if c.Flags().Changed("head") {
				h, err := transcript.ParseHead(paper)
				if err != nil {
					return usage("-head: %v. Nothing was checked.", err)
				}
				head = &h
			}
			return p.verify(args[0], head)
		},
	}
	c.Flags().StringVar(&paper, "head", "", "compare with the `HEAD` on paper: 64 hex digits or 32 words")
	return c
}

// verify checks one record, or all in a directory of several.
func (p *Process) verify(name string, head *transcript.Head) error {
	r, err := readRecord(name)
	if errors.Is(err, folder.ErrNoRecord) {
		return p.verifyAll(name, head)
	}
	if err != nil {
		return err
	}
	return p.verdictOf(r, head)
}

// verifyAll checks every record directly below a directory, the worst decides.
func (p *Process) verifyAll(dir string, head *transcript.Head) error {
	found, err := folder.Find(dir)
	if err != nil {
		return err
	}
	switch {
	case len(found) == 0:
		return failed("%s holds no transcript. Nothing was checked; name the directory of a ceremony, or its transcript.jsonl.", clean.Clean(dir))
	case len(found) > 1 && head != nil:
		return usage("%s holds %d ceremonies, and -head names one. Nothing was checked; name its directory.", clean.Clean(dir), len(found))
	}
	var worst error
	code := -1
	for _, f := range found {
		r, err := readRecord(f.Dir)
		if err == nil {
			fmt.Fprintf(p.Stdout, "%s\n\n", clean.Clean(f.Dir))
			err = p.verdictOf(r, head)
			fmt.Fprintln(p.Stdout)
		}
		var end *ending
		switch {
		case errors.As(err, &end) && end.code > code:
			worst, code = err, end.code
		case err != nil && end == nil && code < CodeFailed:
			worst, code = err, CodeFailed
		}
	}
	return worst
}

func (p *Process) verdictOf(r *read, head *transcript.Head) error {
	if head != nil {
		r.rep.Compare(*head, "the head that was given", true)
	}
	if err := record.Verification(p.Stdout, r.rep); err != nil {
		return fmt.Errorf("printing the verdict: %w", err)
	}
	return verdict(r.name, r.rep)
}

// verdict is the line on stderr and the code of what was read.
func verdict(name string, rep transcript.Report) error {
	name = clean.Clean(name)
	switch rep.State {
	case transcript.Closed:
		return nil
	case transcript.Interrupted:
		return &ending{rep.Code(), fmt.Sprintf("%s was interrupted. What is there is consistent; nothing was changed by this check. Compare its last line with what the people remember.", name)}
	case transcript.Broken, transcript.Changed:
	}
	return &ending{rep.Code(), fmt.Sprintf("%s is not what it claims: it was changed or is damaged. Nothing was changed by this check; take another copy, and compare with the head on paper.", name)}
}

// read is a transcript with what lies beside it.
type read struct {
	name   string
	events []transcript.Event
	rep    transcript.Report
}

// readRecord reads a ceremony's directory or a transcript alone.
func readRecord(name string) (*read, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, fmt.Errorf("reading a record: %w", err)
	}
	if info.IsDir() {
		return readFolder(name)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("reading %q: this is not a regular file", clean.Clean(name))
	}
	f, err := os.Open(name) // #nosec G304 -- the operator's choice
	if err != nil {
		return nil, fmt.Errorf("reading a transcript: %w", err)
	}
	defer func() { _ = f.Close() }() // only read
	r := &read{name: name}
	r.rep, err = transcript.Scan(io.Reader(f), r.see)
	return r, err
}

func (r *read) see(ev transcript.Event) error {
	r.events = append(r.events, ev)
	return nil
}

func readFolder(dir string) (*read, error) {
	rec, err := folder.OpenRecord(dir)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rec.Close() }() // only read
	r := &read{name: dir}
	if r.events, r.rep, err = rec.Events(); err != nil {
		return nil, err
	}
	r.beside(rec)
	return r, nil
}

// beside compares the files of the record with what the transcript says of
// them. A file that is gone is no fault: custodians carry theirs away.
func (r *read) beside(rec *folder.Record) {
	for _, ev := range r.events {
		name, sum := ev.Facts.Text("file"), ev.Facts.Text("sha256")
		if ev.Kind != "share" && ev.Kind != "token" || name == "" || sum == "" {
			continue
		}
		b, err := rec.Get(name)
		switch {
		case errors.Is(err, os.ErrNotExist):
		case err != nil:
			r.rep.Refuse(err.Error())
		case sha256Hex(b) != sum:
			r.rep.Refuse(name + " is not the file that the transcript names")
		}
	}
	r.sums(rec)
	if r.rep.Code() != CodeDone || r.rep.Header.Facts.Text("previous_head") != "" {
		return // a roster over several records needs them all
	}
	b, err := rec.Get("roster.json")
	if err != nil {
		return
	}
	if ro, err := custodian.DeriveFrom(nil, r.events, r.rep); err == nil && !ro.Same(b) {
		r.rep.Refuse("roster.json is not what the transcript gives")
	}
}

// sums compares the other files with sha256sums, which lies beside them: it
// shows damage, not forgery.
func (r *read) sums(rec *folder.Record) {
	list, err := rec.Get("sha256sums")
	if err != nil {
		return // an interrupted record has none
	}
	for line := range strings.Lines(string(list)) {
		sum, name, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
		dir, file := path.Split(name)
		if r.rep.Header.Practice {
			file = strings.TrimPrefix(file, "PRACTICE-")
		}
		b, err := rec.Get(dir + file)
		switch {
		case errors.Is(err, os.ErrNotExist) && ok:
		case err != nil || !ok:
			r.rep.Refuse("sha256sums: a line of it cannot be followed")
			return
		case sha256Hex(b) != sum:
			r.rep.Refuse(clean.Clean(name) + " is not the file that sha256sums names")
		}
	}
}
