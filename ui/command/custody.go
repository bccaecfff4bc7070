package command

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"conclave/assets/clean"
	"conclave/ceremony"
	"conclave/ceremony/custody"
	"conclave/ceremony/folder"
	"conclave/ceremony/signature"
	"conclave/ceremony/transcript"
)

func (p *Process) custodyCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "custody COMMAND", Short: "Enter what happens to shares between ceremonies, and show it", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			help(c, nil)
			return usage("custody needs a command: add, show or guide.")
		},
	}
	c.AddCommand(p.custodyAddCommand(), p.custodyShowCommand())
	return c
}

// vaultFlags gives c the flags that name a vault and its records.
func vaultFlags(c *cobra.Command) *flags {
	f := &flags{set: c.Flags(), hsm: map[string]*string{}}
	f.set.SortFlags = false
	f.set.StringVar(&f.config, "config", "", "an OpenBao or Vault server configuration, a `FILE`")
	f.set.StringVar(&f.storage, "storage", "", "the vault's storage directory `DIR`, if no -config gives it")
	f.set.StringVar(&f.dir, "dir", ".", "the `DIR` with the records of the vault")
	return f
}

// vault is the storage directory that the flags name. It need not be there.
func (f *flags) vault() (string, error) {
	t := &target{}
	cfg, _, _, err := readConfig(f.config)
	if err != nil {
		return "", err
	}
	defer cfg.Wipe()
	if err := t.setStorage(f, cfg); err != nil {
		return "", err
	}
	return t.storage.Text, nil
}

// adding is one call of custody add.
type adding struct {
	*flags
	values           map[string]*string // by the fact's name
	by, sign, toSign string
	trusted          []string
	trust            *signature.Trust
	signed           []byte
	event            custody.Event
	*asker
}

func (p *Process) custodyAddCommand() *cobra.Command {
	a := &adding{values: map[string]*string{}}
	c := &cobra.Command{Use: "add [EVENT] [flags]", Short: "Enter what happened to a share, a copy, the PIN or a holder", Args: cobra.MaximumNArgs(1)}
	var names []string
	for _, e := range custody.Events {
		names = append(names, e.ID)
	}
	c.Long = "Events: " + strings.Join(fill(names, 70, ", "), ",\n        ") + ".\n" +
		"Without EVENT it asks for everything; with one, for what no flag says. An entry\nstays for ever: a mistake is withdrawn by another."
	a.flags = vaultFlags(c)
	for _, e := range custody.Events {
		for _, f := range e.Fields() {
			if a.values[f.Name] == nil {
				a.values[f.Name] = a.set.String(f.Name, "", "`TEXT`: "+f.Question)
			}
		}
	}
	common(a.set)
	a.set.StringVar(&a.by, "entered-by", "", "the `NAME` of who makes the entry")
	a.set.StringVar(&a.toSign, "to-sign", "", "write to a new `FILE` what is signed, and add nothing")
	a.set.StringVar(&a.sign, "signature", "", "`FILE` with a signature over that: ssh, OpenPGP, minisign")
	a.set.StringArrayVar(&a.trusted, "trust", nil, "`FILE` of keys: add only a signature by these")
	c.RunE = func(_ *cobra.Command, args []string) error { return p.custodyAdd(a, args) }
	return c
}

func (p *Process) custodyAdd(a *adding, args []string) error {
	a.asker = &asker{in: bufio.NewScanner(p.Stdin), out: p.Stdout}
	if err := a.prepare(args); err != nil {
		return err
	}
	vault, err := a.vault()
	if err != nil {
		return err
	}
	k, err := know(a.dir, vault, nil)
	if err != nil {
		return err
	}
	facts, err := a.facts()
	if err != nil {
		return err
	}
	e := custody.New(a.event.ID, a.by, k.head(), facts)
	if err := custody.Check(e); err != nil {
		return usage("%v. Nothing was added.", err)
	}
	return p.enter(a, k, e)
}

// prepare finds what can be wrong before anybody is asked.
func (a *adding) prepare(args []string) (err error) {
	if len(args) == 1 {
		var ok bool
		if a.event, ok = custody.ByID(args[0]); !ok {
			return usage("%q is no event of custody. Nothing was added; see conclave custody add -h.", clean.Clean(args[0]))
		}
	}
	if a.sign != "" && a.toSign != "" {
		return usage("-to-sign comes first, -signature when it is signed. Nothing was added.")
	}
	if a.trust, err = readTrust(a.trusted); err != nil {
		return err
	}
	if a.sign != "" {
		if a.signed, _, err = readFile(a.sign, signature.MaxFile); err != nil {
			return usage("-signature: %v. Nothing was added.", err)
		}
	}
	for _, name := range append(slices.Sorted(maps.Keys(a.values)), "entered-by") {
		text := a.by
		if v := a.values[name]; v != nil {
			text = *v
		}
		switch {
		case text != clean.Clean(text):
			return usage("-%s cannot be shown as it is. Nothing was added.", name)
		case ceremony.SecretShape(text):
			return usage("-%s looks like a share, a token or a key. Nothing was added; say it without the secret.", name)
		}
		if a.event.ID != "" && a.given(name) && name != "entered-by" && !slices.ContainsFunc(a.event.Fields(), func(f custody.Field) bool { return f.Name == name }) {
			return usage("-%s: %s has no such field. Nothing was added; see conclave custody add -h.", name, a.event.ID)
		}
	}
	return nil
}

// facts are those of the entry: from flags, and for the rest from people.
func (a *adding) facts() (transcript.Facts, error) {
	whole := a.event.ID == ""
	if whole {
		fmt.Fprintln(a.out, "What happened?")
		for _, e := range custody.Events {
			fmt.Fprintf(a.out, "  %-20s %s\n", e.ID, e.Text)
		}
		id := a.ask("Event", "", func(s string) bool { _, ok := custody.ByID(s); return ok })
		a.event, _ = custody.ByID(id)
	}
	facts := transcript.Facts{}
	for _, f := range a.event.Fields() {
		needed := slices.Contains(a.event.Needs, f)
		text := *a.values[f.Name]
		fits := func(s string) bool { return s == "" && !needed || s != "" && readField(f, s, transcript.Facts{}) }
		switch {
		case text == "" && (needed || whole):
			question := f.Question
			if !needed {
				question += " (empty: not said)"
			}
			text = a.ask(question, "", fits)
		case !fits(text):
			return nil, usage("-%s=%s does not fit: %s. Nothing was added.", f.Name, clean.Clean(text), f.Question)
		}
		if text != "" {
			readField(f, text, facts)
		}
	}
	if a.by == "" {
		a.by = a.must("Who makes this entry, by full name", "")
	}
	if whole && a.err == nil {
		fmt.Fprintf(a.out, "\n  %s\n  entered by %s\n\n", custody.Entry{Event: transcript.Event{Entry: custody.New(a.event.ID, a.by, "", facts)}}.Text(), a.by)
		if a.must("Add it? It cannot be taken out again. yes or no", "") != "yes" && a.err == nil {
			return nil, &ending{CodeStopped, "Nothing was added."}
		}
	}
	if a.err != nil {
		return nil, failed("%v. Nothing was added.", errors.Join(errors.New("the input has ended before the entry was whole"), a.in.Err()))
	}
	return facts, nil
}

// maxEntry bounds a text.
const maxEntry = 400

// readField puts a text into the facts, if it is what the field takes.
func readField(f custody.Field, text string, facts transcript.Facts) bool {
	text = strings.Join(strings.Fields(text), " ")
	if text == "" || len(text) > maxEntry {
		return false
	}
	switch f.Name {
	case "number", "entry":
		n, err := strconv.Atoi(text)
		facts[f.Name] = n
		return err == nil && n > 0 && n <= 1<<20
	case "shares":
		var list []string
		for _, s := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' }) {
			n, err := strconv.Atoi(s)
			if err != nil || n < 1 || n > 255 {
				return false
			}
			list = append(list, fmt.Sprint(n))
		}
		facts[f.Name] = list
		return len(list) > 0
	case "on":
		_, err := time.Parse(time.DateOnly, text)
		facts[f.Name] = text
		return err == nil
	}
	facts[f.Name] = text
	return true
}

// enter writes the entry, or what is signed of it.
func (p *Process) enter(a *adding, k *knowledge, e transcript.Entry) (err error) {
	if len(k.problems) > 0 && k.chain == nil {
		// A chain that is damaged is not gone on with; OpenCustody says the same.
		if _, rep, err := folder.ReadCustody(k.chainFile); err == nil && rep.Code() == CodeChanged {
			return &ending{CodeChanged, fmt.Sprintf("%s Nothing was added; find another copy of the chain, or the reason.", strings.Join(k.problems, " "))}
		}
	}
	if n := e.Facts.Number("entry"); n != 0 && (k.chain == nil || !slices.ContainsFunc(k.chain.Entries, func(x custody.Entry) bool { return int(x.Seq) == n })) { //nolint:gosec // a count of lines
		return usage("-entry=%d: the chain has no such entry; see conclave custody show. Nothing was added.", n)
	}
	c, err := folder.OpenCustody(k.dir, k.vault, k.practice)
	if err != nil {
		return failed("%v. Nothing was added.", err)
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	if c.Head().Count == 0 {
		if err := c.Append(custody.Header(k.vault, k.practice, k.head(), "conclave "+version())); err != nil {
			return err
		}
		fmt.Fprintf(p.Stdout, "The chain begins: %s\n", clean.Clean(k.chainFile))
	}
	statement := custody.Statement(k.vault, k.practice, c.Head().String(), e)
	if a.toSign != "" {
		if err := newFile(a.toSign, func(w io.Writer) error { _, err := w.Write(statement); return err }); err != nil {
			return failed("-to-sign: %v. Nothing was added.", err)
		}
		_, err := fmt.Fprintf(p.Stdout, "%s is what is signed, with nothing entered in between:\n\n  ssh-keygen -Y sign -f KEY -n %s %[1]s\n  gpg --armor --detach-sign %[1]s\n  minisign -S -s KEY -m %[1]s\n\nThen the same command again, with -signature FILE in place of -to-sign.\n", clean.Clean(a.toSign), signature.Namespace(k.practice))
		return err
	}
	if a.signed != nil {
		if e, err = a.signature(statement, k.practice, p.Now(), e); err != nil {
			return err
		}
	}
	if err := c.Append(e); err != nil {
		return err
	}
	h := c.Head()
	_, err = fmt.Fprintf(p.Stdout, "Entry %d is in %s, %s.\nFor your card: %s\n", h.Count, clean.Clean(k.chainFile), said(e), h.Receipt())
	return err
}

// said is how an entry is known to be somebody's.
func said(e transcript.Entry) string {
	if e.Evidence == transcript.BySignature {
		return "signed with the key " + clean.Clean(e.Facts.Text("signer"))
	}
	return "entered for " + clean.Clean(e.Claimed) + ", keyboard only"
}

// signature puts the signature that was given into the entry, if it is a good
// one of these very words.
func (a *adding) signature(statement []byte, practice bool, now time.Time, e transcript.Entry) (transcript.Entry, error) {
	known := cmp.Or(a.trust, &signature.Trust{})
	s, err := known.Check(statement, a.signed, practice, now)
	switch {
	case err != nil:
		return e, &ending{CodeChanged, fmt.Sprintf("%s: %v. Nothing was added; the words to sign change with every entry: make them anew with -to-sign.", clean.Clean(a.sign), err)}
	case a.trust != nil && !s.Trusted:
		return e, &ending{CodeChanged, fmt.Sprintf("%s is by the key %s, which -trust does not name. Nothing was added.", clean.Clean(a.sign), s.Key)}
	case !s.Checked:
		return e, usage("%s can be checked only with the key %s: give it with -trust. Nothing was added.", clean.Clean(a.sign), s.Key)
	}
	e, err = custody.Sign(e, a.signed, s.Key)
	if err != nil {
		return e, usage("-signature: %v. Nothing was added.", err)
	}
	return e, nil
}
