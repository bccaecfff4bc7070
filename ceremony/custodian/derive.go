package custodian

import (
	"errors"
	"fmt"
	"io"
	"maps"
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
	case "share":
		s := r.set(f.Text("set"))
		if s == nil || s.State != Pending {
			return fmt.Errorf("event %d: a share of a set that is not being issued", ev.Seq)
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
		d.state(f, true)
	case "anchor":
		if f.Text("moment") == "written" {
			r.Anchor, r.AnchorCeremony, r.AnchorHead = f.Text("key"), f.Text("ceremony"), f.Text("head")
		}
		if f.Text("moment") == "removed" {
			r.Anchor, r.AnchorCeremony, r.AnchorHead = "", "", ""
		}
	case "adopted":
		d.r = r.Adopted(f.Text("recovery_key"), f.Text("root_key"), r.Ceremony)
		d.r.Terms = slices.Clone(f.List("terms"))
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

func (d *deriver) proven(ev transcript.Event) error {
	s := d.r.set(ev.Facts.Text("set"))
	if s == nil {
		return nil // a set that this roster does not know
	}
	for i := range s.Holdings {
		h := &s.Holdings[i]
		if h.Number == ev.Facts.Number("number") {
			if h.Fingerprint != ev.Facts.Text("fingerprint") {
				return fmt.Errorf("event %d: what was proven is not share %d", ev.Seq, h.Number)
			}
			how := ev.Facts.Text("proof")
			if how == ProofKey || how == ProofFile {
				h.Challenged = stamp(ev.Time)
			}
			if how != ProofKey {
				h.Proven = stamp(ev.Time)
			}
		}
	}
	return nil
}

func (d *deriver) acknowledged(ev transcript.Event) {
	s := d.r.set(ev.Facts.Text("set"))
	if s == nil {
		return
	}
	for i := range s.Holdings {
		if h := &s.Holdings[i]; h.Number == ev.Facts.Number("number") {
			h.Acknowledged = stamp(ev.Time)
		}
	}
}

// swapped makes the pending set the valid one, or takes that back. A record that
// names the set means that one and no other: what an earlier run left pending
// can never count after a swap. Older records do not name it.
func (d *deriver) swapped(f transcript.Facts) {
	r := d.r
	if d.undo && d.before != nil {
		*r, d.before = *d.before, nil
		for i := range r.Sets {
			if s := &r.Sets[i]; s.State == Pending {
				s.State, s.Ended = Void, r.Ceremony
			}
		}
		r.Storage = f.Text("after")
		return
	}
	d.before = r.clone()
	if d.newHSM != "" {
		r.HSM = d.newHSM
	}
	d.recreated()
	r.Storage = f.Text("after")
	// What the swap replaced is old at once. The new digests come with the
	// outcome; a run that was killed between the two leaves them unknown.
	if r.Kind == "rekey" {
		retire(&r.RootKey, &r.OldRootKeys)
	}
	if _, named := f["set"]; named {
		id := f.Text("set")
		r.void(func(s *Set) bool { return s.ID != id })
	}
	if !r.Swap() {
		return
	}
	retire(&r.RecoveryKey, &r.OldRecoveryKeys)
}

// void ends the pending sets that are meant.
func (r *Roster) void(meant func(*Set) bool) {
	for i := range r.Sets {
		if s := &r.Sets[i]; s.State == Pending && meant(s) {
			s.State, s.Ended = Void, r.Ceremony
		}
	}
}

// Swap makes what is pending valid, and what was valid replaced. Without a
// pending set it does nothing and says so.
func (r *Roster) Swap() bool {
	if !slices.ContainsFunc(r.Sets, func(s Set) bool { return s.State == Pending }) {
		return false
	}
	for i := range r.Sets {
		switch s := &r.Sets[i]; s.State {
		case Valid:
			s.State, s.Ended = Replaced, r.Ceremony
		case Pending:
			s.State = Valid
		}
	}
	return true
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

func (r *Roster) set(id string) *Set {
	for i := range r.Sets {
		if r.Sets[i].ID == id {
			return &r.Sets[i]
		}
	}
	return nil
}

// People lists who holds a share of the valid set, by name.
func (r *Roster) People() []string {
	names := map[string]bool{}
	if s, ok := r.ValidSet(); ok {
		for _, h := range s.Holdings {
			names[h.Custodian] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}
