package custodian

import (
	"fmt"
	"maps"
	"slices"

	"conclave/ceremony/transcript"
)

// What becomes of a set of shares, and of each share in it.

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
