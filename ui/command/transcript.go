package command

import (
	"errors"
	"fmt"
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
			return usage("transcript needs a command: verify, report, sign, disclose, or verifier.")
		},
	}
	c.AddCommand(p.verifyCommand(), p.reportCommand(), p.signCommand(), p.discloseCommand(), p.verifierCommand())
	return c
}

// verdict is the line on stderr and the code of what was read.
func verdict(name string, rep transcript.Report) error {
	name = clean.Clean(name)
	switch rep.State {
	case transcript.Closed, transcript.Open:
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
	dir    bool // name is a record's directory, not a transcript alone
	events []transcript.Event
	rep    transcript.Report
	files  []artefact // that the transcript names
	more   bool       // it names more than are looked at
	tally  record.Tally
	people []person // who signed, as the auditor knows them
	hsmKey string   // that signs the record, as it says; "" if it names none
}

// artefact is a file beside the transcript that an event names.
type artefact struct{ name, sum string }

// maxFiles bounds the files of a hostile transcript.
const maxFiles = 1000

// readRecord reads a ceremony's directory or a transcript alone, and keeps all
// events.
func readRecord(name string) (*read, error) {
	var events []transcript.Event
	r, err := scanRecord(name, func(ev transcript.Event) error {
		events = append(events, ev)
		return nil
	})
	if r != nil {
		r.events = events
	}
	return r, err
}

// scanRecord is readRecord that keeps no events and hands each to see.
func scanRecord(name string, see func(transcript.Event) error) (*read, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, fmt.Errorf("reading a record: %w", err)
	}
	r := &read{name: name, dir: info.IsDir()}
	both := func(ev transcript.Event) error {
		r.note(ev)
		r.tally.See(ev)
		return see(ev)
	}
	if r.dir {
		return r, r.folder(both)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("reading %q: this is not a regular file", clean.Clean(name))
	}
	f, err := os.Open(name) // #nosec G304 -- the operator's choice
	if err != nil {
		return nil, fmt.Errorf("reading a transcript: %w", err)
	}
	defer func() { _ = f.Close() }() // only read
	r.rep, err = transcript.Scan(f, both)
	return r, err
}

func (r *read) folder(see func(transcript.Event) error) error {
	rec, err := folder.OpenRecord(r.name)
	if err != nil {
		return err
	}
	defer func() { _ = rec.Close() }() // only read
	if r.rep, err = rec.Verify(see); err != nil {
		return err
	}
	r.beside(rec)
	return nil
}

// note keeps the files that events name. Those of later orders of the same name
// are looked at, too: a file has one content.
func (r *read) note(ev transcript.Event) {
	if ev.Kind == "signing-key" {
		r.hsmKey = ev.Facts.Text("key")
	}
	name, sum := ev.Facts.Text("file"), ev.Facts.Text("sha256")
	if ev.Kind != "share" && ev.Kind != "token" && ev.Kind != "notice" && ev.Kind != "named" || name == "" || sum == "" {
		return
	}
	if r.more = r.more || len(r.files) == maxFiles; !r.more {
		r.files = append(r.files, artefact{name, sum})
	}
}

// beside compares the files of the record with what the transcript says of
// them. A file that is gone is no fault: custodians carry theirs away.
func (r *read) beside(rec *folder.Record) {
	if r.more {
		r.rep.Refuse(fmt.Sprintf("the transcript names more than %d files", maxFiles))
	}
	for _, f := range r.files {
		b, err := rec.Get(f.name)
		switch {
		case errors.Is(err, os.ErrNotExist):
		case err != nil:
			r.rep.Refuse(err.Error())
		case sha256Hex(b) != f.sum:
			r.rep.Refuse(f.name + " is not the file that the transcript names")
		}
	}
	r.sums(rec)
	if r.rep.Code() != CodeDone || r.rep.Header.Facts.Text("previous_head") != "" {
		return // a roster over several records needs them all; see history
	}
	r.roster(rec, nil)
}

// roster compares roster.json, if there is one, with what the transcript gives
// after the roster of the records before.
func (r *read) roster(rec *folder.Record, before *custodian.Roster) {
	found, err := rec.Get("roster.json")
	if err != nil {
		return
	}
	t, err := rec.Transcript()
	if err != nil {
		return
	}
	defer func() { _ = t.Close() }() // only read
	if ro, err := custodian.Derive(before, t); err == nil && !ro.Same(found) {
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
