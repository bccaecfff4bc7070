package command

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"conclave/assets/clean"
	"conclave/ceremony"
	"conclave/ceremony/plan"
	"conclave/vaultstate"
)

// mostAsked is how many custodians are asked for by name.
const mostAsked = 16

func (p *Process) planNewCommand() *cobra.Command {
	return &cobra.Command{Use: "new FILE", Short: "Ask for what a plan says, and write it", Args: cobra.ExactArgs(1),
		Long: "Each question is one line. An empty answer takes what stands in brackets, or\nleaves the value out. A file that is there already is not touched.",
		RunE: func(_ *cobra.Command, args []string) error {
			name := args[0]
			if _, err := os.Lstat(name); !errors.Is(err, os.ErrNotExist) {
				return usage("%s is there already, or cannot be looked at. Nothing was touched; name a new file.", clean.Clean(name))
			}
			a := &asker{in: bufio.NewScanner(p.Stdin), out: p.Stdout, echo: p.pipedIn()}
			d := a.draft(plan.DefaultID(false, p.Now()))
			if a.err != nil {
				return failed("%v. Nothing was written.", a.err)
			}
			text := d.Bytes()
			if err := newFile(name, func(w io.Writer) error { _, err := w.Write(text); return err }); err != nil {
				return failed("writing the plan: %v.", err)
			}
			if _, err := plan.Parse(name, text); err != nil {
				fmt.Fprintf(p.Stdout, "\n%v\n", err)
				return failed("%s was written and is no plan yet. Mend it with an editor, then conclave plan check.", clean.Clean(name))
			}
			_, err := fmt.Fprintf(p.Stdout, "\n%s is written. Next: conclave plan check, review, conclave plan print.\n", clean.Clean(name))
			return err
		},
	}
}

// asker asks for one line after the other; after an error it asks no more.
type asker struct {
	in   *bufio.Scanner
	out  io.Writer
	echo bool // nobody's enter key ends the line of a question
	err  error
}

// ask returns a line that holds no secret, or what is usual.
func (a *asker) ask(question, usual string, fits func(string) bool) string {
	for a.err == nil {
		if usual == "" {
			fmt.Fprintf(a.out, "%s: ", question)
		} else {
			fmt.Fprintf(a.out, "%s [%s]: ", question, usual)
		}
		if a.echo {
			fmt.Fprintln(a.out)
		}
		if !a.in.Scan() {
			a.err = errors.Join(errors.New("the input has ended before the plan was whole"), a.in.Err())
			break
		}
		text := strings.TrimSpace(a.in.Text())
		switch {
		case text == "":
			text = usual
		case text != clean.Clean(text):
			fmt.Fprintln(a.out, "  That cannot be shown as it is. It was not taken.")
			continue
		case ceremony.SecretShape(text):
			fmt.Fprintln(a.out, "  This looks like a share, a token or a key. No secret is asked for here; it was not taken.")
			continue
		}
		if fits == nil || fits(text) {
			return text
		}
		fmt.Fprintln(a.out, "  That does not fit. It was not taken.")
	}
	return ""
}

func (a *asker) maybe(question string) string { return a.ask(question+" (empty: none)", "", nil) }

func (a *asker) must(question, usual string) string {
	return a.ask(question, usual, func(s string) bool { return s != "" })
}

func (a *asker) number(question, usual string) int {
	text := a.ask(question, usual, func(s string) bool { n, err := strconv.Atoi(s); return err == nil && n > 0 && n < 256 })
	n, _ := strconv.Atoi(text) // it fits, or the input has ended
	return n
}

func (a *asker) draft(id string) *plan.Draft {
	var kinds []string
	for _, c := range ceremony.All {
		kinds = append(kinds, c.ID)
	}
	kind := a.ask("Ceremony: "+strings.Join(kinds, ", "), kinds[0], func(s string) bool { return slices.Contains(kinds, s) })
	d := plan.NewDraft(kind)
	d.Set("id", a.must("Id of the ceremony", id))
	d.Set("purpose", a.maybe("What it is held for"))
	d.Set("previous", a.maybe("Directory with the record before"))
	d.Set("second_medium", a.maybe("Directory of a second medium for encrypted shares"))
	d.Set("attendance", a.ask("How many people must be here (empty: those whom the steps need)", "", optional))
	if a.ask("Must the machine be on no network: true, or empty", "", func(s string) bool { return s == "" || s == "true" }) != "" {
		d.True("offline")
	}
	d.Set("retention_years", a.ask("Years that the record is kept (empty: not said)", "", optional))
	d.Set("drill_months", a.ask("Months until the shares are proven again", "12", optional))
	d.Set("backup_drill_months", a.ask("Months until the HSM's backup is proven again", "24", optional))
	d.Set("anchor", a.ask("Does the HSM keep a note of the vault's state, to find an older copy that is put back (hsm, or empty)", "", func(s string) bool { return s == "" || s == "hsm" }))
	config := a.maybe("The server's configuration file")
	storage := ""
	if config == "" {
		storage = a.must("The vault's storage directory", "")
	}
	d.Block("vault", "", "config", config, "storage", storage)
	var named []string // of the HSM: what no configuration says
	if config == "" {
		named = []string{"lib", a.must("The HSM's PKCS#11 library", ""), "token_label", a.must("The token's label", ""), "key_label", a.must("The key's label", "")}
	}
	d.Block("hsm", "", append(named, "sign_record", a.maybe("Label of the key in the HSM that signs the record"))...)
	shares := 0
	k := vaultstate.Kind(kind)
	a.otherKey(d, k)
	if k == plan.RevokeRoot {
		d.Set("accessor", a.must("The accessor of the root token", ""))
	}
	if k == plan.Drill {
		d.Set("proof", a.ask("What is proven: share, key, quorum or hsm-backup (empty: the key of those whose share is encrypted to one, the share of the others)", "", func(s string) bool {
			return s == "" || slices.Contains(plan.Proofs, s)
		}))
	}
	if (plan.Request{Kind: k}).Issues() {
		shares = a.number("Recovery shares", "5")
		d.Block("recovery", "", "shares", fmt.Sprint(shares), "threshold", fmt.Sprint(a.number("How many of them are needed", "3")))
	}
	a.people(d, shares, k != plan.Unseal)
	return d
}

// otherKey asks for the second key of a ceremony that has one.
func (a *asker) otherKey(d *plan.Draft, k vaultstate.Kind) {
	if k == vaultstate.Rewrap {
		d.Block("new_hsm", "", "token_label", a.maybe("The new key's token, if it is another than the vault's"),
			"key_label", a.must("The new key's label", ""), "key_id", a.maybe("The new key's id, in hex"))
	}
	if k == plan.Retire {
		d.Block("old_hsm", "", "token_label", a.maybe("The token of the key to destroy, if it is another than the vault's"),
			"key_label", a.must("The label of the key to destroy", ""), "key_id", a.must("Its id, in hex", ""))
	}
}

func (a *asker) people(d *plan.Draft, shares int, witness bool) {
	one := func(kind, question string, must bool) bool {
		name := a.maybe
		if must {
			name = func(q string) string { return a.must(q, "") }
		}
		who := name(question)
		if who != "" {
			d.Block(kind, who, "organisation", a.maybe("  of the organisation"))
		}
		return who != ""
	}
	one("operator", "Who is the operator", true)
	if one("witness", "Who is the witness", witness) {
		one("witness", "Who is the second witness, of another organisation if the first is not", false)
	}
	if one("pin_holder", "Who types the first part of the HSM's PIN", false) {
		one("pin_holder", "Who types the second part", true)
	}
	one("auditor", "Who is the auditor", false)
	a.approvers(d)
	for i := range max(shares, mostAsked) {
		question := fmt.Sprintf("Custodian %d", i+1)
		ask := a.maybe
		if i < shares {
			ask = func(q string) string { return a.must(q, "") }
		}
		who := ask(question)
		if who == "" {
			return
		}
		organisation, key, fingerprint := a.maybe("  of the organisation"), "", ""
		if i < shares {
			if key = a.maybe("  file with the PGP key"); key != "" {
				fingerprint = a.must("  its fingerprint, from the person's own card", "")
			}
		}
		d.Block("custodian", who, "organisation", organisation, "pgp_key", key, "fingerprint", fingerprint)
		if shares > 0 && i+1 == shares {
			return
		}
	}
}

// approvers asks for those who sign the plan.
func (a *asker) approvers(d *plan.Draft) {
	for i := range mostAsked {
		who := a.maybe(fmt.Sprintf("Approver %d, who signs the plan", i+1))
		if who == "" {
			return
		}
		d.Block("approver", who, "organisation", a.maybe("  of the organisation"), "key", a.must("  file with the public key: ssh, OpenPGP or minisign", ""))
	}
}

// optional fits nothing, or a number.
func optional(s string) bool {
	n, err := strconv.Atoi(s)
	return s == "" || err == nil && n > 0
}
