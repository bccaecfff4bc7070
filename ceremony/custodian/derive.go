package custodian

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"conclave/ceremony/transcript"
)

// format is the version of roster.json.
const format = 1

// ErrChain says that transcripts do not follow one another.
var ErrChain = errors.New("the records do not follow one another")

// Derive makes the roster that follows from previous, which may be nil, and the
// next transcript of the same vault. A broken transcript is refused. One that
// was interrupted counts as far as it goes.
func Derive(previous *Roster, r io.Reader) (*Roster, error) {
	d := newDeriver(previous)
	rep, err := transcript.Scan(r, d.event)
	if err != nil {
		return nil, fmt.Errorf("deriving the roster: %w", err)
	}
	return d.end(rep)
}

// DeriveFrom is Derive for events that were read and verified already.
func DeriveFrom(previous *Roster, events []transcript.Event, rep transcript.Report) (*Roster, error) {
	d := newDeriver(previous)
	for _, ev := range events {
		if err := d.event(ev); err != nil {
			return nil, fmt.Errorf("deriving the roster: %w", err)
		}
	}
	return d.end(rep)
}

// deriver folds events into a roster.
type deriver struct {
	r          *Roster
	first      bool        // there is no previous roster
	before     *Roster     // as it was before the last swap, for an undo
	recreation *Recreation // shares are being re-created
	ofBackup   bool        // a drill of the HSM's backup
	newHSM     string      // serial of the token that a rewrap moves to, if it is another
	undo       bool        // the people chose to put the old state back
	holders
}

func newDeriver(previous *Roster) *deriver {
	if previous == nil {
		return &deriver{r: &Roster{Format: format}, first: true}
	}
	return &deriver{r: previous.clone()}
}

func (r *Roster) clone() *Roster {
	c := *r
	c.Terms, c.Tokens = slices.Clone(r.Terms), slices.Clone(r.Tokens)
	c.OldSigningKeys = slices.Clone(r.OldSigningKeys)
	c.OldRecoveryKeys, c.OldRootKeys, c.OldSealKeys = slices.Clone(r.OldRecoveryKeys), slices.Clone(r.OldRootKeys), slices.Clone(r.OldSealKeys)
	c.Recreated = slices.Clone(r.Recreated)
	c.Sets, c.Approvers = slices.Clone(r.Sets), slices.Clone(r.Approvers)
	for i := range c.Sets {
		c.Sets[i].Holdings = slices.Clone(c.Sets[i].Holdings)
	}
	return &c
}

func (d *deriver) end(rep transcript.Report) (*Roster, error) {
	switch {
	case rep.State != transcript.Closed && rep.State != transcript.Interrupted:
		return nil, fmt.Errorf("deriving the roster: the transcript is %s: %s", rep.State, rep.Problem)
	case rep.Head.Count == 0:
		return nil, errors.New("deriving the roster: the transcript is empty")
	}
	d.r.Head, d.r.Ended, d.r.Outcome = rep.Head.String(), stamp(rep.Last.Time), "interrupted"
	if rep.State == transcript.Closed {
		d.r.Outcome, d.r.Nonce = rep.Last.Kind, ""
	}
	return d.r, nil
}

func (d *deriver) event(ev transcript.Event) error {
	r, f := d.r, ev.Facts
	switch ev.Kind {
	case "header":
		return d.header(ev)
	case "target":
		d.state(f, false)
	case "equipment":
		switch which := f.Text("which"); {
		case d.ofBackup: // a drill of the HSM's backup moves nothing
		case which == "new":
			d.newHSM = f.Text("serial") // the vault's once it has moved
		case which == "":
			r.HSM = f.Text("serial")
		}
	case "requests":
		if _, changed := f["nonce"]; changed {
			r.Nonce = f.Text("nonce")
		}
	case "issued":
		if r.set(f.Text("set")) != nil {
			return fmt.Errorf("event %d: the set %s was issued before", ev.Seq, f.Text("set"))
		}
		r.Sets = append(r.Sets, Set{ID: f.Text("set"), Ceremony: r.Ceremony, Issued: stamp(ev.Time), State: Pending,
			Shares: f.Number("shares"), Threshold: f.Number("threshold")})
	case "person", "pgp-key", "challenge":
		d.know(ev)
	case "approval":
		r.approved(Approval{Name: f.Text("name"), Kind: f.Text("kind"), Key: f.Text("key"), Ceremony: r.Ceremony})
	case "shown", "attested":
		d.delivered(ev)
	case "share", "api-share":
		s := r.set(f.Text("set"))
		switch {
		case s == nil || s.State != Pending:
			return fmt.Errorf("event %d: a share of a set that is not being issued", ev.Seq)
		case f.Text("custodian") == "":
			return nil // the API handed it out without a plan: nobody wrote down to whom
		}
		s.Holdings = append(s.Holdings, Holding{Number: f.Number("number"), Custodian: f.Text("custodian"),
			Fingerprint: f.Text("fingerprint"), PGP: f.Text("pgp"), File: f.Text("file"), SHA256: f.Text("sha256"),
			Organisation: d.organisations[f.Text("custodian")], Subkey: d.subkeys[f.Text("pgp")], Challenged: d.challenged[f.Text("pgp")]})
	case "signing-key":
		if line := f.Text("key"); line != r.SigningKey {
			retire(&r.SigningKey, &r.OldSigningKeys)
			r.SigningKey = line
		}
	case "recovery":
		d.recovery(ev)
	case "proven":
		return d.proven(ev)
	case "acknowledged":
		d.acknowledged(ev)
	case "void":
		if s := r.set(f.Text("set")); s != nil && s.State == Pending {
			s.State, s.Ended = Void, r.Ceremony
		}
	case "rollback":
		d.undo = f.Text("choice") == "undo"
	case "swapped":
		d.swapped(f)
	case "outcome":
		if r.Kind == transcript.Session && f.Text("recovery_key") != f.Text("recovery_key_before") {
			// A session has no event of the swap, and voids what does not count.
			r.void(func(s *Set) bool { return s.Ceremony != r.Ceremony })
			r.Swap()
		}
		d.state(f, true)
	case "anchor":
		switch f.Text("moment") {
		case "found":
			r.AnchorMissing = cmp.Or(f.Text("missing"), r.AnchorMissing)
		case "written":
			r.Anchor, r.AnchorCeremony, r.AnchorHead = f.Text("key"), f.Text("ceremony"), f.Text("head")
		case "removed":
			r.Anchor, r.AnchorCeremony, r.AnchorHead = "", "", ""
		}
	case "adopted":
		d.r = r.Adopted(f.Text("recovery_key"), f.Text("root_key"), r.Ceremony)
		d.r.Terms, d.r.AnchorMissing = slices.Clone(f.List("terms")), ""
		d.state(f, true)
	case "key-destroyed":
		if i := slices.Index(r.OldSealKeys, f.Text("ref")); i >= 0 {
			r.OldSealKeys = slices.Delete(r.OldSealKeys, i, i+1)
		}
	case "token":
		if i := slices.IndexFunc(r.Tokens, func(t Token) bool { return t.Accessor == f.Text("accessor") }); i >= 0 {
			r.Tokens[i].Fate = f.Text("fate") // the ceremony that made it, or a later one, says what became of it
			return nil
		}
		r.Tokens = append(r.Tokens, Token{Accessor: f.Text("accessor"), Ceremony: r.Ceremony, Receiver: f.Text("receiver"), Fate: f.Text("fate"),
			Purpose: f.Text("purpose"), Until: f.Text("until")})
	}
	return nil
}

func (d *deriver) header(ev transcript.Event) error {
	r, f := d.r, ev.Facts
	if !d.first {
		switch {
		case f.Text("previous_head") != r.Head:
			return fmt.Errorf("%w: %s does not name the head of %s", ErrChain, f.Text("id"), r.Ceremony)
		case f.Number("sequence") != r.Sequence+1:
			return fmt.Errorf("%w: %s is number %d of the vault, %s is %d", ErrChain, f.Text("id"), f.Number("sequence"), r.Ceremony, r.Sequence)
		case f.Flag("practice") != r.Practice:
			return fmt.Errorf("%w: %s and %s are not both practice", ErrChain, f.Text("id"), r.Ceremony)
		}
	}
	r.Practice, r.Vault, r.Sequence = f.Flag("practice"), f.Text("vault"), f.Number("sequence")
	r.Ceremony, r.Kind = f.Text("id"), f.Text("ceremony")
	d.ofBackup = slices.ContainsFunc(f.List("plan"), func(l string) bool { return strings.HasPrefix(l, "proof = "+ProofHSM+" ") })
	return nil
}

// approved notes who approved a plan. Somebody who comes with another key is
// another line: which key was theirs before is to be seen.
func (r *Roster) approved(a Approval) {
	r.Approvers = slices.DeleteFunc(r.Approvers, func(b Approval) bool { return b.Name == a.Name && b.Key == a.Key })
	r.Approvers = append(r.Approvers, a)
}

// retire makes the present digest an old one.
func retire(now *string, old *[]string) {
	if *now != "" {
		*old = append(*old, *now)
	}
	*now = ""
}

// state notes the vault's state. changed tells that this ceremony made it; a
// state that was only found says what was not known, and never overrules what
// an earlier ceremony left: that difference is for people to judge.
func (d *deriver) state(f transcript.Facts, changed bool) {
	r := d.r
	note := func(now *string, old *[]string, name string) {
		v := f.Text(name)
		if v == "" || v == *now || !changed && *now != "" {
			return
		}
		retire(now, old)
		*now = v
	}
	note(&r.RecoveryKey, &r.OldRecoveryKeys, "recovery_key")
	note(&r.RootKey, &r.OldRootKeys, "root_key")
	var none []string
	note(&r.SealKey, &r.OldSealKeys, "seal_key")
	note(&r.Storage, &none, "digest")
	if t := f.List("terms"); len(t) > 0 && (changed || len(r.Terms) == 0) {
		r.Terms = slices.Clone(t)
	}
}
