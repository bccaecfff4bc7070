package command

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"conclave/assets/clean"
	"conclave/ceremony/custodian"
	"conclave/ceremony/folder"
	"conclave/ceremony/plan"
	"conclave/ceremony/signature"
	"conclave/ceremony/transcript"
	"conclave/vaultstate"
)

// recovering are the flags of a recover alone.
type recovering struct{ reason, breakGlass, head, trust string }

func (f *flags) recoverFlags() {
	s := f.set
	f.recoveryFlags()
	s.Lookup("skip-proof").Hidden = true // the page is full; a plan says it
	s.StringVar(&f.recovering.reason, "reason", "", "`WHY`: loss, or compromise: somebody may have them")
	f.confirmFlags()
	s.StringVar(&f.recovering.breakGlass, "break-glass", "", "`"+plan.BreakGlassWord+"`: without all that; for ever visible")
}

// confirmFlags are what confirms the records, from outside of them.
func (f *flags) confirmFlags() {
	f.set.StringVar(&f.recovering.head, "head", "", "the `HEAD` of the newest record, from paper")
	f.set.StringVar(&f.recovering.trust, "trust", "", "or a `FILE` with the keys of those who signed a record")
}

func (p *Process) recoverCommand() *cobra.Command {
	c := &cobra.Command{Use: "recover -plan FILE [flags]", Short: "Make new recovery shares, without a quorum, where they are lost", Args: cobra.NoArgs,
		Long: "Needs a confirmed record, a plan approved by two of its people, 2 PIN holders."}
	f := ceremonyFlags(c)
	f.recoverFlags()
	c.RunE = func(c *cobra.Command, _ []string) error { return p.hold(c.Context(), vaultstate.Recover, f) }
	return c
}

// recovery is what a recover rests on, and marks the keys of earlier records
// that count for it.
func (f *flags) recovery(q *plan.Request, t *target, roster *custodian.Roster, now time.Time) error {
	r := f.recovering
	q.Recovery = plan.Recovery{Reason: r.reason, BreakGlass: r.breakGlass}
	if t.pin.Len() > 0 {
		q.Recovery.GivenPIN = t.login
	}
	if roster == nil {
		if r.head+r.trust != "" {
			return usage("-head and -trust confirm a record, and none of this vault was found. Nothing was touched; name it with -previous.")
		}
		return nil
	}
	q.Recovery.Rewrapped = roster.Kind == string(vaultstate.Rewrap) && roster.Outcome == "closed"
	chain, anchor, err := f.confirmed(roster, now)
	if err != nil {
		return err
	}
	q.Recovery.Anchor = anchor
	if r.trust != "" { // the last that was read
		q.Values = append(q.Values, plan.Value{Name: "trust", Text: r.trust + ", SHA-256 " + f.files[len(f.files)-1].SHA256(), Source: "flag -trust"})
	}
	set, known := roster.ValidSet()
	for _, one := range chain {
		id := one.rep.Header.Facts.Text("id")
		if known && set.Ceremony == id {
			q.Recovery.Replaces = fmt.Sprintf("the set %s of %s, %d shares, %d needed", set.ID, set.Ceremony, set.Shares, set.Threshold)
		}
		q.Known = append(q.Known, keysOf(one, id)...)
	}
	return nil
}

// confirmed are the records up to the newest that something outside of them
// confirms: a record names the head of the one before it, so that one confirms
// all before. The text says what does.
func (f *flags) confirmed(roster *custodian.Roster, now time.Time) ([]*read, string, error) {
	last, err := readRecord(f.recordsBefore)
	parent := filepath.Dir(filepath.Clean(f.recordsBefore))
	if errors.Is(err, folder.ErrNoRecord) {
		last, err = newest(f.recordsBefore)
		parent = f.recordsBefore
	}
	if err != nil {
		return nil, "", usage("-previous: %v. Nothing was touched.", err)
	}
	chain, whole, err := chainTo(parent, last)
	switch {
	case err != nil:
		return nil, "", err
	case last.rep.Head.String() != roster.Head:
		return nil, "", &ending{CodeChanged, "The records changed while they were read. Nothing was touched."}
	case !whole:
		chain = nil // a history with a gap shows nothing of what was before
	}
	o, by, upTo := &outside{}, []string{}, 0
	if err := o.read(f.recovering.head != "", f.recovering.head, nil, nil); err != nil {
		return nil, "", usage("-head: it is no head. Nothing was touched; type 64 hex digits, or the words of rows A to H.")
	}
	if f.recovering.trust != "" {
		o.trust = &signature.Trust{}
		b, err := f.read("trust", f.recovering.trust, signature.MaxFile)
		if err == nil {
			err = o.trust.Add(b)
		}
		if err != nil {
			return nil, "", usage("-trust: %s cannot be used: %v. Nothing was touched.", clean.Clean(f.recovering.trust), err)
		}
	}
	for i, one := range chain {
		id := clean.Clean(one.rep.Header.Facts.Text("id"))
		if o.trust != nil && one.dir {
			if within(one.name, f.recovering.trust) {
				return nil, "", usage("-trust: %s lies in the record itself, and keys that come with it show nothing. Nothing was touched; take the keys from the people.", clean.Clean(f.recovering.trust))
			}
			if err := one.signed(o.trust, now); err != nil {
				return nil, "", err
			}
			for _, who := range one.people {
				by, upTo = append(by, fmt.Sprintf("the signature of %s, by the key %s, on %s", who.who, who.key, id)), i+1
			}
		}
		if o.head != nil && one.rep.Head.SHA256 == o.head.SHA256 {
			by, upTo = append(by, fmt.Sprintf("the head of %s, as it was given: %s", id, one.rep.Head)), i+1
			o.head = nil
		}
		if one.rep.Code() == CodeChanged {
			return nil, "", &ending{CodeChanged, fmt.Sprintf("The record %s is not what it claims: %s. Nothing was touched; find another copy of it, or the reason.", clean.Clean(one.name), one.rep.Problem)}
		}
	}
	if o.head != nil {
		return nil, "", &ending{CodeChanged, "The head that was given is that of no record of this vault here: one is missing, or was changed. Nothing was touched; find another copy of the records."}
	}
	return chain[:upTo], strings.Join(by, ", "), nil
}

// keysOf are the keys that a record shows people to have had: custodians,
// witnesses and approvers. One whose ceremony changed nothing needed nobody's
// authority, and shows nobody.
func keysOf(r *read, id string) []plan.Known {
	var list []plan.Known
	changed := false
	add := func(name, key string) {
		if key != "" {
			list = append(list, plan.Known{Name: name, Key: key, Ceremony: id, Anchored: true})
		}
	}
	for _, ev := range r.events {
		switch f := ev.Facts; ev.Kind {
		case "outcome":
			changed = true
		case "approval":
			add(f.Text("name"), f.Text("key"))
		case "share":
			add(f.Text("custodian"), f.Text("pgp"))
		case "pgp-key":
			if f.Text("result") == "same" {
				add(f.Text("custodian"), f.Text("fingerprint"))
			}
		}
	}
	if !changed || r.rep.State != transcript.Closed || r.rep.Last.Kind != "closed" || r.rep.Header.Practice {
		return nil
	}
	return list
}

// lacking prints what a plan of a recover has not yet.
func (p *Process) lacking(agreed *plan.Plan) {
	for _, s := range agreed.Lacking() {
		fmt.Fprintln(p.Stdout, "lacking: "+s)
	}
	if who := agreed.Authority(); agreed.Kind == vaultstate.Recover && len(who) > 0 {
		fmt.Fprintln(p.Stdout, "approvals that count for a recover: "+strings.Join(who, ", "))
	}
}

// recreated is what is said of a vault for ever: that its recovery shares were
// once re-created without a quorum.
func (k *knowledge) recreated() []string {
	if k.roster == nil {
		return nil
	}
	return slices.Clone(k.roster.RecreatedSentences())
}
