package command

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"conclave/assets/clean"
	"conclave/ceremony/folder"
	"conclave/ceremony/signature"
	"conclave/ceremony/transcript"
)

func (p *Process) discloseCommand() *cobra.Command {
	var seq uint64
	var file, own string
	var trusted, signatures []string
	c := &cobra.Command{
		Use: "disclose DIR -event N | disclose -check FILE", Short: "Take one event out with its proof, or check one", Args: cobra.MaximumNArgs(1),
		Long: "The event goes to standard output as its line in the transcript, followed by a\n" +
			"proof that it is in the tree that checkpoint.note names. Whoever gets it sees\n" +
			"nothing of the other events. -check: exit code 4 if the proof does not hold.",
		RunE: func(c *cobra.Command, args []string) error {
			switch checks := c.Flags().Changed("check"); {
			case checks && (len(args) > 0 || c.Flags().Changed("event")):
				return usage("-check takes a file, and neither a directory nor -event. Nothing was checked.")
			case checks:
				return p.checkDisclosed(file, own, trusted, signatures)
			case len(args) == 0 || seq == 0:
				return usage("disclose needs the record's directory and -event N. Nothing was disclosed.")
			}
			return p.disclose(args[0], seq)
		},
	}
	f := c.Flags()
	f.Uint64Var(&seq, "event", 0, "`N`, the number of the event")
	f.StringVar(&file, "check", "", "`FILE` that disclose made")
	f.StringVar(&own, "checkpoint", "", "-check: `FILE`, your own copy of checkpoint.note")
	f.StringArrayVar(&trusted, "trust", nil, "-check: `FILE` of keys: ssh, OpenPGP or minisign")
	f.StringArrayVar(&signatures, "signature", nil, "-check: `FILE` with a signature over checkpoint.note")
	return c
}

func (p *Process) disclose(dir string, seq uint64) error {
	r, err := p.toSign(dir)
	if err != nil {
		return err
	}
	if seq > r.rep.Head.Count {
		return usage("-event=%d: the transcript has %d events. Nothing was disclosed.", seq, r.rep.Head.Count)
	}
	note, err := r.checkpoint()
	if err != nil {
		return err
	}
	rec, err := folder.OpenRecord(dir)
	if err != nil {
		return err
	}
	defer func() { _ = rec.Close() }() // only read
	t, err := rec.Transcript()
	if err != nil {
		return err
	}
	defer func() { _ = t.Close() }() // only read
	var prover transcript.Prover
	var line []byte
	for rd := transcript.NewReader(t); ; {
		ev, err := rd.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = prover.Add(rd.Line())
		}
		if err != nil {
			return fmt.Errorf("disclosing an event: %w", err)
		}
		if ev.Seq == seq {
			line = bytes.Clone(rd.Line())
		}
	}
	proof, err := prover.Prove(seq)
	if err != nil {
		return err
	}
	if _, err := p.Stdout.Write(transcript.Disclose(line, seq, proof, note)); err != nil {
		return fmt.Errorf("disclosing an event: %w", err)
	}
	return nil
}

// checkDisclosed checks the proof of a disclosed event, and what the recipient
// brings against its checkpoint.
func (p *Process) checkDisclosed(file, own string, trusted, signatures []string) error {
	trust, err := readTrust(trusted)
	if err != nil {
		return err
	}
	if trust == nil && len(signatures) > 0 {
		return usage("-signature needs -trust: whose key it is has to come from you. Nothing was checked.")
	}
	b, _, err := readFile(file, 2*transcript.MaxLine)
	if err != nil {
		return err
	}
	d, err := transcript.ParseDisclosed(b)
	if err != nil {
		return &ending{CodeChanged, fmt.Sprintf("%s: %v. Nothing was changed by this check; ask for another copy.", clean.Clean(file), err)}
	}
	anchors, err := p.anchorsOf(d, own, trust, signatures)
	if err != nil {
		return err
	}
	p.showDisclosed(d)
	fmt.Fprintf(p.Stdout, "\nPROVEN: it is event %d of the %d that this checkpoint names.\n", d.Event.Seq, d.Checkpoint.Head.Count)
	if len(anchors) == 0 {
		fmt.Fprintln(p.Stdout, "NOT ANCHORED: whoever made this file could have made the checkpoint, too, with a\nhead that you know. Bring your own copy of it with -checkpoint, or a signature\nwith -trust and -signature.")
	} else {
		fmt.Fprintf(p.Stdout, "ANCHORED by %s.\n", strings.Join(anchors, ", by "))
	}
	fmt.Fprintln(p.Stdout, "It does not show what the other events are.")
	return nil
}

func (p *Process) anchorsOf(d transcript.Disclosed, own string, trust *signature.Trust, signatures []string) ([]string, error) {
	var anchors []string
	if own != "" {
		b, _, err := readFile(own, signature.MaxFile)
		if err != nil {
			return nil, err
		}
		c, _, err := transcript.ParseCheckpoint(b)
		if err != nil {
			return nil, usage("-checkpoint %s: %v. Nothing was checked.", clean.Clean(own), err)
		}
		if c != d.Checkpoint {
			return nil, &ending{CodeChanged, "The event is not from the transcript that your checkpoint names. Nothing was changed by this check; ask whoever gave it to you."}
		}
		anchors = append(anchors, "your copy of the checkpoint")
	}
	for _, name := range signatures {
		b, _, err := readFile(name, signature.MaxFile)
		if err != nil {
			return nil, err
		}
		s, err := trust.Check(d.Note, b, d.Checkpoint.Practice, p.Now())
		if err == nil && !s.Trusted {
			err = errors.New("-trust does not name its key")
		}
		if err != nil {
			return nil, &ending{CodeChanged, fmt.Sprintf("%s: %v. Nothing was changed by this check; ask whoever gave it to you.", clean.Clean(name), err)}
		}
		anchors = append(anchors, "the "+string(s.Kind)+" signature of "+s.Who)
	}
	return anchors, nil
}

// showDisclosed prints the event, each fact on a line behind its label.
func (p *Process) showDisclosed(d transcript.Disclosed) {
	kind := "PRODUCTION: an event of a ceremony that counts."
	if d.Event.Practice {
		kind = "PRACTICE: an event of a rehearsal."
	}
	fmt.Fprintf(p.Stdout, "%s\n\n", kind)
	row := func(label, text string) {
		if text != "" {
			fmt.Fprintf(p.Stdout, "  %-13s %s\n", clean.Clean(label), clean.Cut(text, 4096))
		}
	}
	ev := d.Event
	row("ceremony", d.Checkpoint.ID)
	row("event", fmt.Sprint(ev.Seq, " of ", d.Checkpoint.Head.Count))
	row("time", ev.Time.UTC().Format("2006-01-02 15:04:05 UTC"))
	row("kind", ev.Kind+": "+transcript.Kinds[ev.Kind].Text)
	row("step", ev.Step)
	row("claimed", ev.Claimed)
	row("evidence", string(ev.Evidence))
	for _, name := range slices.Sorted(maps.Keys(ev.Facts)) {
		switch v := ev.Facts[name].(type) {
		case []string:
			for _, s := range v {
				row(name, s)
			}
		default:
			row(name, fmt.Sprint(v))
		}
	}
	// Not the head that stands in the checkpoint: the proof leads to the root
	// alone, and a true head beside a false root would look like an anchor.
	row("tree root", d.Checkpoint.Root.String())
}
