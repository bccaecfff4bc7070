package command

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"conclave/assets/clean"
	"conclave/ceremony/folder"
	"conclave/ceremony/record"
	"conclave/ceremony/signature"
	"conclave/ceremony/transcript"
)

// outside is what an auditor brings: only what does not come from the record's
// own directory can anchor it.
type outside struct {
	head     *transcript.Head
	receipts []transcript.Receipt
	next     []string // records of later ceremonies
	trust    *signature.Trust
	keys     []string // the files of trust
	anchored bool     // -require
	signers  int
}

// ofOne tells whether what was brought is of one record.
func (o *outside) ofOne() bool { return o.head != nil || len(o.receipts) > 0 || len(o.next) > 0 }

func (p *Process) verifyCommand() *cobra.Command {
	var head string
	var receipts, trust, require []string
	var chain bool
	var o outside
	c := &cobra.Command{
		Use: "verify DIR|FILE", Short: "Check that nothing in a transcript was changed", Args: cobra.MinimumNArgs(1),
		Long: "Two verdicts: CONSISTENT, the files fit together; ANCHORED, something that did\n" +
			"not come with them says so, too. Exit code 0: consistent and closed;\n" +
			"3: interrupted; 4: broken or changed, or -require is not met. No network.",
		RunE: func(c *cobra.Command, args []string) error {
			if err := o.read(c.Flags().Changed("head"), head, receipts, require); err != nil {
				return err
			}
			var err error
			if o.trust, err = readTrust(trust); err != nil {
				return err
			}
			o.keys = trust
			if chain {
				if len(o.receipts)+len(o.next)+o.signers > 0 || o.trust != nil || o.anchored {
					return usage("-chain takes no flag but -head. Nothing was checked.")
				}
				return p.verifyChain(args, o.head)
			}
			if len(args) > 1 {
				return usage("verify takes one directory or file. Nothing was checked.")
			}
			return p.verify(args[0], &o)
		},
	}
	f := c.Flags()
	f.StringVar(&head, "head", "", "the `HEAD` on paper: 64 hex digits or 32 words")
	f.StringArrayVar(&receipts, "receipt", nil, "`N:WORDS` from somebody's card: the record up to event N")
	f.StringArrayVar(&o.next, "previous", nil, "`DIR` of the next ceremony, which names this record's head")
	f.StringArrayVar(&trust, "trust", nil, "`FILE` of keys, or certificates of time-stamping authorities")
	f.StringArrayVar(&require, "require", nil, "`WHAT` must be so: anchored, or signatures:N")
	f.BoolVar(&chain, "chain", false, "the histories of vaults, with custody, from all in DIR…")
	return c
}

// read parses what was brought.
func (o *outside) read(given bool, head string, receipts, require []string) error {
	if given {
		h, err := transcript.ParseHead(head)
		if err != nil {
			return usage("-head: %v. Nothing was checked.", err)
		}
		o.head = &h
	}
	for _, s := range receipts {
		r, err := transcript.ParseReceipt(s)
		if err != nil {
			return usage("-receipt: %v. Nothing was checked.", err)
		}
		o.receipts = append(o.receipts, r)
	}
	for _, s := range require {
		n, is := strings.CutPrefix(s, "signatures:")
		count, err := strconv.Atoi(n)
		switch {
		case s == "anchored":
			o.anchored = true
		case is && err == nil && count > 0:
			o.signers = count
		default:
			return usage("-require=%s is not known: say anchored, or signatures:2. Nothing was checked.", clean.Clean(s))
		}
	}
	return nil
}

// verify checks one record, or all in a directory of several.
func (p *Process) verify(name string, o *outside) error {
	r, err := p.check(name, o)
	if errors.Is(err, folder.ErrNoRecord) {
		return p.verifyAll(name, o)
	}
	if err != nil {
		return err
	}
	return p.say(r, o)
}

// verifyAll checks every record directly below a directory, the worst decides.
func (p *Process) verifyAll(dir string, o *outside) error {
	found, err := folder.Find(dir)
	if err != nil {
		return err
	}
	switch {
	case len(found) == 0:
		return failed("%s holds no transcript. Nothing was checked; name the directory of a ceremony, or its transcript.jsonl.", clean.Clean(dir))
	case len(found) > 1 && o.ofOne():
		return usage("%s holds %d ceremonies, and -head, -receipt and -previous are of one. Nothing was checked; name its directory.", clean.Clean(dir), len(found))
	}
	var worst error
	code := -1
	for _, f := range found {
		r, err := p.check(f.Dir, o)
		if err == nil {
			fmt.Fprintf(p.Stdout, "%s\n\n", clean.Clean(f.Dir))
			err = p.say(r, o)
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

// check reads a record once, from its first line to its last, and holds what
// was brought against it.
func (p *Process) check(name string, o *outside) (*read, error) {
	heads := map[uint64]transcript.Head{} // of the events that receipts name
	for _, want := range o.receipts {
		heads[want.Event] = transcript.Head{}
	}
	var entries []transcript.Event // of a chain of custody
	r, err := scanRecord(name, func(ev transcript.Event) error {
		if len(entries) > 0 || ev.Seq == 1 && ev.Facts.Text("ceremony") == transcript.Custody {
			entries = append(entries, ev)
		}
		// A line's hash stands in the line that follows.
		if _, ok := heads[ev.Seq-1]; ok {
			h, err := transcript.ParseHead(ev.Prev)
			if err != nil {
				return err
			}
			heads[ev.Seq-1] = transcript.Head{Count: ev.Seq - 1, SHA256: h.SHA256}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	heads[r.rep.Head.Count] = r.rep.Head
	if o.head != nil {
		r.rep.Compare(*o.head, "the head that was given", true)
	}
	for _, want := range o.receipts {
		r.rep.CompareReceipt(want, heads[want.Event])
	}
	for _, dir := range o.next {
		if err := r.followed(dir); err != nil {
			return nil, err
		}
	}
	if i := slices.IndexFunc(o.keys, func(file string) bool { return r.dir && within(r.name, file) }); i >= 0 {
		return nil, usage("-trust: %s lies in the record itself, and keys that come with it show nothing. Nothing was checked; take the keys from the people.", clean.Clean(o.keys[i]))
	}
	if r.dir {
		if err := r.signed(o.trust, p.Now()); err != nil {
			return nil, err
		}
	} else if len(entries) > 0 {
		r.custody(entries, o.trust, p.Now())
	} else if o.trust != nil || o.signers > 0 {
		return nil, usage("signatures lie beside a transcript: name the record's directory. Nothing was checked.")
	}
	return r, r.history()
}

// within tells whether path is dir or lies in it.
func within(dir, path string) bool {
	a, err := filepath.EvalSymlinks(dir)
	b, err2 := filepath.EvalSymlinks(path)
	if err != nil || err2 != nil {
		return false
	}
	rel, err := filepath.Rel(a, b)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, "../")
}

// say prints the two verdicts.
func (p *Process) say(r *read, o *outside) error {
	if r.rep.Head.Count > 0 {
		r.rep.Notes = append(r.rep.Notes, transcript.Note{About: "tree root", Text: r.rep.Root.String()})
	}
	r.rep.Notes = append(r.tally.Notes(), r.rep.Notes...)
	missing := o.missing(r)
	if err := record.Verification(p.Stdout, r.rep); err != nil {
		return fmt.Errorf("printing the verdict: %w", err)
	}
	if missing != "" && r.rep.Code() != CodeChanged {
		fmt.Fprintln(p.Stdout, "REQUIRED "+missing+".")
		return &ending{CodeChanged, fmt.Sprintf("%s does not have what -require asks for: %s. Nothing was changed by this check; ask the people of the ceremony for what they kept.", clean.Clean(r.name), missing)}
	}
	return verdict(r.name, r.rep)
}

// missing is what -require asks for and the record has not.
func (o *outside) missing(r *read) string {
	if o.anchored && !r.rep.Anchored {
		return "an anchor, and nothing from outside names its last line"
	}
	if n := r.signers(); n < o.signers {
		return fmt.Sprintf("signatures of %d people by keys that -trust names, and there are %d", o.signers, n)
	}
	return ""
}
