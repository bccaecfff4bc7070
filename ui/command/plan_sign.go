package command

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"conclave/assets/clean"
	"conclave/ceremony/custodian"
	"conclave/ceremony/folder"
	"conclave/ceremony/plan"
	"conclave/ceremony/signature"
)

// Approvals lie beside the plan, in FILE.approvals: the signatures of the
// approvers, and plan.txt, which they signed. That one is for people: what a
// signature has to fit is made of the plan anew each time.
const (
	approvalsExt = ".approvals"
	signedText   = "plan.txt"
	maxApprovals = 100
)

func (p *Process) planSignCommand() *cobra.Command {
	var dir, text string
	var files []string
	c := &cobra.Command{Use: "sign FILE", Short: "Approve a plan, by a signature that was made elsewhere", Args: cobra.ExactArgs(1),
		Long: "Without -signature it says what approvers sign, and how: with ssh-keygen, OpenPGP\nor minisign, on a machine of their own. Signatures lie in FILE.approvals.",
		RunE: func(c *cobra.Command, args []string) error {
			agreed, err := p.planned(c.Context(), args[0], dir)
			switch {
			case err != nil:
				return err
			case len(agreed.Approvers) == 0:
				return usage("%s names no approver. Nothing was added; write approver \"NAME\" { key = \"FILE\" } into it.", clean.Clean(args[0]))
			case text != "":
				if err := newFile(text, func(w io.Writer) error { _, err := w.Write(agreed.ApprovableText()); return err }); err != nil {
					return failed("writing what is approved: %v. Nothing was written; name a new file.", err)
				}
			}
			for _, f := range files {
				if err := p.addApproval(args[0], f, agreed); err != nil {
					return err
				}
			}
			if len(files) == 0 {
				p.howToApprove(args[0], text, agreed)
			}
			_, err = fmt.Fprintln(p.Stdout, approvalsText(agreed))
			return err
		},
	}
	c.Flags().StringVar(&dir, "dir", ".", "the `DIR` with the records of the vault")
	c.Flags().StringVar(&text, "text", "", "write what approvers sign to a new `FILE`")
	c.Flags().StringArrayVar(&files, "signature", nil, "`FILE` with a signature over it; once for each")
	return c
}

func approvalsText(p *plan.Plan) string {
	var names []string
	for _, a := range p.Approved() {
		names = append(names, clean.Clean(a.Name))
	}
	if len(names) == 0 {
		names = []string{"nobody yet"}
	}
	return fmt.Sprintf("approvals: %d of %d that are needed: %s", len(p.Approved()), p.Approvals, strings.Join(names, ", "))
}

func (p *Process) howToApprove(name, text string, agreed *plan.Plan) {
	b, out := agreed.ApprovableText(), text
	if out == "" {
		out = signedText
	}
	fmt.Fprintf(p.Stdout, "What approvers sign is the agreed plan, but for what is only known on the day: %d lines,\nSHA-256 %s.\n\n", len(agreed.Approvable()), sha256Hex(b))
	if text == "" {
		fmt.Fprintf(p.Stdout, "Write it out and read it:\n\n  conclave plan sign %s -text %s\n\n", clean.Clean(name), out)
	}
	fmt.Fprintf(p.Stdout, "Sign it with the key that the plan names, on a machine of your own:\n")
	out = strconv.Quote(clean.Clean(out))
	if !strings.ContainsAny(out, " \\$`'") {
		out = strings.Trim(out, `"`)
	}
	for _, a := range agreed.Approvers {
		how := ""
		switch a.Key.Kind {
		case signature.SSH:
			how = fmt.Sprintf("ssh-keygen -Y sign -f KEY -n %s < %s > me%s", signature.PlanNamespace, out, a.Key.Kind.Ext())
		case signature.OpenPGP:
			how = fmt.Sprintf("gpg --armor --output me%s --detach-sign %s", a.Key.Kind.Ext(), out)
		case signature.Minisign:
			how = fmt.Sprintf("minisign -S -s KEY -m %s -x me%s", out, a.Key.Kind.Ext())
		case signature.RFC3161: // nobody approves by a time-stamp
		}
		fmt.Fprintf(p.Stdout, "\n  %s, %s key %s:\n  %s\n", clean.Clean(a.Name), a.Key.Kind, clean.Clean(a.Key.ID), how)
	}
	fmt.Fprintf(p.Stdout, "\nAdd the signature:\n\n  conclave plan sign %s -signature FILE\n\n", clean.Clean(name))
}

// addApproval puts a good signature beside the plan.
func (p *Process) addApproval(name, file string, agreed *plan.Plan) error {
	b, _, err := readFile(file, signature.MaxFile)
	if err != nil {
		return usage("-signature: %v. Nothing was added.", err)
	}
	before := agreed.Approved()
	if err := agreed.Approve([]plan.File{{Name: file, Data: b}}, p.Now()); err != nil {
		return &ending{CodeChanged, fmt.Sprintf("%s. Nothing was added; see conclave plan sign.", sentence(err.Error()))}
	}
	i := slices.IndexFunc(agreed.Approvers, func(a plan.Approver) bool {
		return a.Approval != nil && !slices.ContainsFunc(before, func(b plan.Approver) bool { return b.Key.ID == a.Key.ID })
	})
	a := agreed.Approvers[i] // Approve gave one of them its approval
	dir := name + approvalsExt
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return failed("making a directory beside the plan: %v. Nothing was added.", err)
	}
	err = newFile(filepath.Join(dir, signedText), func(w io.Writer) error { _, err := w.Write(agreed.ApprovableText()); return err })
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return failed("writing what was signed: %v. Nothing was added.", err)
	}
	at := filepath.Join(dir, folder.FileName(a.Name)+a.Key.Kind.Ext())
	if err := newFile(at, func(w io.Writer) error { _, err := w.Write(b); return err }); err != nil {
		return failed("adding the signature: %v. It was not added.", err)
	}
	_, err = fmt.Fprintf(p.Stdout, "%s: %s signature of %s, good\n", clean.Clean(at), a.Key.Kind, clean.Clean(a.Name))
	return err
}

// approve takes the approvals that lie beside the plan. One that is none ends
// everything: an approval that does not count must not look like one.
func (f *flags) approve(agreed *plan.Plan, now time.Time) error {
	if f.doc == nil {
		return nil
	}
	dir := f.doc.Name + approvalsExt
	there, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return usage("the approvals: %v. Nothing was touched.", err)
	case len(there) > maxApprovals:
		return usage("%s holds %d files, and no plan has so many approvers. Nothing was touched.", clean.Clean(dir), len(there))
	}
	var files []plan.File
	for _, e := range there {
		if e.Name() == signedText {
			continue
		}
		name := filepath.Join(dir, e.Name())
		b, _, err := readFile(name, signature.MaxFile)
		if err != nil {
			return usage("the approvals: %v. Nothing was touched.", err)
		}
		files = append(files, plan.File{Name: filepath.Base(dir) + "/" + e.Name(), Data: b})
	}
	if err := agreed.Approve(files, now); err != nil {
		return &ending{CodeChanged, fmt.Sprintf("%s%s Nothing was touched; move what does not count away, and have the plan signed as it is (conclave plan sign).",
			sentence(strings.ReplaceAll(err.Error(), "\n", "; ")), sinceSigned(filepath.Join(dir, signedText), agreed))}
	}
	return nil
}

// sinceSigned says where the plan differs from the text that lies beside the
// signatures. That text proves nothing; it helps to find the difference.
func sinceSigned(name string, agreed *plan.Plan) string {
	b, _, err := readFile(name, plan.MaxDocument*16)
	if err != nil {
		return ""
	}
	now, signed := agreed.Approvable(), strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
	for i := range max(len(now), len(signed)) {
		a, b := "nothing", "nothing"
		if i < len(signed) {
			a = clean.Cut(signed[i], 300)
		}
		if i < len(now) {
			b = clean.Cut(now[i], 300)
		}
		if a != b {
			return fmt.Sprintf(" By %s, line %d was %q, and is now %q.", signedText, i+1, a, b)
		}
	}
	return ""
}

// approvers reads the keys of those who approve, each once.
func (f *flags) approvers(q *plan.Request) error {
	if s, ok := f.doc.Setting(plan.Approvals); ok {
		n, err := strconv.Atoi(s.Text)
		if err != nil {
			return fmt.Errorf("reading %s: %w", plan.Approvals, err)
		}
		q.Approvals = plan.Number{Value: n, Given: true}
	}
	for _, e := range f.doc.Approvers() {
		key := plan.File{Name: "the plan", Data: []byte(e.KeyText)}
		if e.KeyText == "" {
			b, err := f.read("approver "+e.Name, e.KeyFile, maxKey)
			if err != nil {
				return usage("the key of the approver %s: %v. Nothing was touched.", clean.Clean(e.Name), err)
			}
			key = plan.File{Name: e.KeyFile, Data: b}
		}
		q.Approvers = append(q.Approvers, plan.ApproverKey{Name: e.Name, Organisation: e.Organisation, Key: key})
	}
	return nil
}

// known are the keys that earlier records have: of approvers, and of custodians.
func known(ro *custodian.Roster) []plan.Known {
	if ro == nil {
		return nil
	}
	var list []plan.Known
	for _, s := range ro.Sets {
		for _, h := range s.Holdings {
			if h.PGP != "" {
				list = append(list, plan.Known{Name: h.Custodian, Key: h.PGP, Ceremony: s.Ceremony})
			}
		}
	}
	for _, a := range ro.Approvers {
		list = append(list, plan.Known{Name: a.Name, Key: a.Key, Ceremony: a.Ceremony})
	}
	return list
}
