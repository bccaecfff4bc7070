package command

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"conclave/assets/clean"
	"conclave/ceremony/folder"
	"conclave/ceremony/signature"
	"conclave/ceremony/transcript"
)

// signaturesDir is where signatures lie in a record.
const signaturesDir = "signatures"

// person is a good signature by a key that the auditor trusts.
type person struct{ who, key string }

// readTrust reads the files of -trust.
func readTrust(files []string) (*signature.Trust, error) {
	if len(files) == 0 {
		return nil, nil
	}
	var t signature.Trust
	for _, name := range files {
		b, _, err := readFile(name, signature.MaxFile)
		if err == nil {
			err = t.Add(b)
		}
		if err != nil {
			return nil, usage("-trust %s: %v. Nothing was checked.", clean.Clean(name), err)
		}
	}
	return &t, nil
}

// signed checks the signatures beside a record. Without trust they are named.
func (r *read) signed(trust *signature.Trust, now time.Time) error {
	rec, err := folder.OpenRecord(r.name)
	if err != nil {
		return err
	}
	defer func() { _ = rec.Close() }() // only read
	note, err := rec.Get("checkpoint.note")
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if _, _, err := transcript.ParseCheckpoint(note); err != nil {
		return nil // the record is refused for it already
	}
	known := trust
	if known == nil {
		known = &signature.Trust{}
	}
	r.byHSM(note, known, trust != nil)
	names, err := rec.Names(signaturesDir)
	if err != nil {
		return err
	}
	if len(names) > maxFiles {
		r.rep.Refuse("there are too many signatures")
		return nil
	}
	for _, name := range names {
		b, err := rec.Get(name)
		if err != nil {
			return err
		}
		if signature.IsStamp(b) {
			r.stamped(path.Base(name), trust != nil, note, b, known)
			continue
		}
		r.judge(path.Base(name), trust != nil, func() (signature.Result, error) {
			return known.Check(note, b, r.rep.Header.Practice, now)
		})
	}
	return nil
}

// judge notes what one signature shows.
func (r *read) judge(file string, brought bool, check func() (signature.Result, error)) {
	s, err := check()
	by := file + " (" + string(s.Kind) + ") "
	switch {
	case errors.Is(err, signature.ErrWrong):
		r.rep.Refuse(signaturesDir + "/" + file + ": " + err.Error())
		return
	case err != nil:
		r.remark("signed by", file+": not counted: "+err.Error())
	case s.Trusted:
		r.people = append(r.people, person{s.Who, s.Key})
		r.remark("signed by", by+s.Who)
		r.rep.Anchor("the " + string(s.Kind) + " signature of " + s.Who)
	case brought:
		r.remark("signed by", by+"not counted: -trust does not name its key")
	case s.Checked:
		r.remark("signed by", by+"good, but whose it is only -trust can tell")
	default:
		r.remark("signed by", by+"not checked: only -trust can give the key")
	}
	r.remark("", s.Key)
}

func (r *read) remark(about, text string) {
	r.rep.Notes = append(r.rep.Notes, transcript.Note{About: about, Text: text})
}

// signers counts the people: two keys of one, or two names of one key, are one.
func (r *read) signers() int {
	who, keys := map[string]bool{}, map[string]bool{}
	for _, p := range r.people {
		who[strings.ToLower(p.who)], keys[p.key] = true, true
	}
	return min(len(who), len(keys))
}

func (p *Process) signCommand() *cobra.Command {
	var files, trusted []string
	var name, query, stamp string
	c := &cobra.Command{
		Use: "sign DIR", Short: "Add signatures that people made after the ceremony, or a time-stamp", Args: cobra.ExactArgs(1),
		Long: "Without -signature it says what is signed, and how: with ssh-keygen, OpenPGP or\nminisign, on the signer's own machine. -tsq writes a query for a time-stamping\n" +
			"authority (RFC 3161), -tsr files its answer. The transcript stays as it is.",
		RunE: func(_ *cobra.Command, args []string) error {
			trust, err := readTrust(trusted)
			if err != nil {
				return err
			}
			r, err := p.toSign(args[0])
			if err != nil {
				return err
			}
			switch {
			case query != "" && (stamp != "" || len(files) > 0):
				return usage("-tsq stands alone: its answer comes later. Nothing was written.")
			case query != "":
				return p.writeQuery(r, query)
			case len(files) == 0 && stamp == "":
				return p.howToSign(r)
			}
			if name != "" && len(files) > 1 {
				return usage("-name is of one signature. Nothing was added.")
			}
			for _, f := range files {
				if err := p.addSignature(r, f, name, trust); err != nil {
					return err
				}
			}
			if stamp == "" {
				return nil
			}
			return p.addStamp(r, stamp, trust)
		},
	}
	f := c.Flags()
	f.StringArrayVar(&files, "signature", nil, "`FILE` with a signature over checkpoint.note")
	f.StringVar(&name, "name", "", "the `NAME` of who signed, for the file's name")
	f.StringVar(&query, "tsq", "", "a new `FILE` for the query to a time-stamping authority")
	f.StringVar(&stamp, "tsr", "", "`FILE` with an authority's answer")
	f.StringArrayVar(&trusted, "trust", nil, "`FILE` of keys or certificates: add only what is by these")
	return c
}

// toSign refuses a record that nobody should sign.
func (p *Process) toSign(dir string) (*read, error) {
	r, err := scanRecord(dir, func(transcript.Event) error { return nil })
	switch {
	case errors.Is(err, folder.ErrNoRecord):
		return nil, failed("%s holds no transcript. Nothing was added; name the directory of one ceremony.", clean.Clean(dir))
	case err != nil:
		return nil, err
	case !r.dir:
		return nil, usage("a record's directory is signed, not its transcript alone. Nothing was added.")
	case r.rep.Code() != CodeDone:
		return nil, &ending{r.rep.Code(), fmt.Sprintf("%s is %s: nobody signs that. Nothing was added; see conclave transcript verify.", clean.Clean(dir), r.rep.State)}
	}
	return r, nil
}

func (r *read) checkpoint() ([]byte, error) {
	rec, err := folder.OpenRecord(r.name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rec.Close() }() // only read
	b, err := rec.Get("checkpoint.note")
	if errors.Is(err, os.ErrNotExist) {
		return nil, failed("%s has no checkpoint.note: a program before there were any made it. Nothing was added; sign head.txt by hand.", clean.Clean(r.name))
	}
	return b, err
}

func (p *Process) howToSign(r *read) error {
	if _, err := r.checkpoint(); err != nil {
		return err
	}
	c := r.rep.Checkpoint()
	file := "checkpoint.note"
	if c.Practice {
		file = "PRACTICE-" + file
		fmt.Fprint(p.Stdout, "PRACTICE: this is the record of a rehearsal.\n\n")
	}
	fmt.Fprintf(p.Stdout, "%s is what people sign. It says:\n\n", clean.Clean(path.Join(r.name, file)))
	for line := range strings.Lines(c.Text()) {
		fmt.Fprintf(p.Stdout, "  %s\n", clean.Clean(strings.TrimSuffix(line, "\n")))
	}
	_, err := fmt.Fprintf(p.Stdout, `
First compare the head with your own paper. Then, with a key of yours:

  ssh-keygen -Y sign -f KEY -n %s < %[2]s > me.sshsig
  gpg --armor --output me.asc --detach-sign %[2]s
  minisign -S -s KEY -m %[2]s -x me.minisig

Add it to the record:

  conclave transcript sign DIR -signature FILE -name NAME

A time-stamping authority (RFC 3161) can date it: -tsq FILE, later -tsr FILE.

An auditor checks with a list of keys that does not come from the record:

  conclave transcript verify DIR -trust FILE -require=signatures:2
`, signature.Namespace(c.Practice), file)
	return err
}

// addSignature checks a signature as far as it can be, and puts it beside the
// record.
func (p *Process) addSignature(r *read, file, name string, trust *signature.Trust) error {
	b, _, err := readFile(file, signature.MaxFile)
	if err != nil {
		return err
	}
	note, err := r.checkpoint()
	if err != nil {
		return err
	}
	known := trust
	if known == nil {
		known = &signature.Trust{}
	}
	s, err := known.Check(note, b, r.rep.Header.Practice, p.Now())
	if err != nil {
		return &ending{CodeChanged, fmt.Sprintf("%s: %v. Nothing was added; sign %s as conclave transcript sign says.", clean.Clean(file), err, clean.Clean(r.name))}
	}
	if trust != nil && !s.Trusted {
		return &ending{CodeChanged, fmt.Sprintf("%s is by the key %s, which -trust does not name. Nothing was added.", clean.Clean(file), s.Key)}
	}
	name = cmp.Or(name, s.Who, s.Key)
	at, err := folder.Attach(r.name, path.Join(signaturesDir, folder.FileName(name)+s.Kind.Ext()), b)
	if errors.Is(err, os.ErrExist) {
		return failed("%v. Nothing was added; give another -name.", err)
	}
	if err != nil {
		return err
	}
	how := "good"
	if !s.Checked {
		how = "not checked: without the key nobody can; give -trust"
	}
	_, err = fmt.Fprintf(p.Stdout, "%s: %s signature by %s, %s\n", clean.Clean(at), s.Kind, s.Key, how)
	return err
}
