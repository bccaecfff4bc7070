package ceremony

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"conclave/ceremony/custodian"
	"conclave/ceremony/transcript"
	"conclave/vaultstate"
)

// resume is about a staged set of new shares that an earlier run, killed or
// interrupted, left behind: this one may go on at the next unproven custodian.
type resume struct {
	id   vaultstate.ID // chosen; "" if this run begins anew
	can  map[vaultstate.ID]resumable
	done bool
}

// resumable is what is known of a staged set.
type resumable struct {
	progress vaultstate.Progress
	why      string // why it cannot go on here; "" if it can
}

func (c resumable) text() string {
	return fmt.Sprintf("%d of %d shares are proven; the next custodian proves theirs", len(c.progress.Proven), c.progress.Shares)
}

// lookForResume finds out which of the leftovers this ceremony can go on with.
func (r *Run) lookForResume(ctx context.Context) {
	r.resume.can = map[vaultstate.ID]resumable{}
	if _, ok := r.env.Vault.(vaultstate.Resumer); !ok || !r.plan.Issues() {
		return
	}
	for _, l := range r.status.Pending {
		if l.State != "staged" {
			continue
		}
		got, err := r.env.Vault.Progress(ctx, l.ID)
		if err != nil {
			continue // it can only be removed; its own text says so
		}
		r.resume.can[l.ID] = resumable{got, r.whyNot(l, got)}
	}
}

// whyNot tells why a staged set is not the one that this plan asks for.
func (r *Run) whyNot(l vaultstate.Leftover, got vaultstate.Progress) string {
	p := r.plan
	var keys []string
	for _, k := range p.Keys {
		keys = append(keys, k.Fingerprint)
	}
	switch {
	case got.Kind != p.Operation():
		return "it is of another ceremony."
	case p.Kind == vaultstate.Rewrap && got.SealKeyID != p.NewKeyRef:
		return fmt.Sprintf("it is wrapped with the HSM key %s, this plan says %s.", got.SealKeyID, p.NewKeyRef)
	case got.State != r.status.Storage:
		return "the vault has changed since."
	case r.expired(l.Made) != "":
		return r.expired(l.Made)
	case got.Phase != vaultstate.PhaseProof && got.Phase != vaultstate.PhaseReady:
		return "its shares were lost with the program and never left it."
	case got.Shares != p.Shares || got.Threshold != p.Threshold:
		return fmt.Sprintf("it has %d shares of which %d are needed, this plan says %d and %d.", got.Shares, got.Threshold, p.Shares, p.Threshold)
	case !slices.Equal(got.PGP, keys):
		return "its shares went to other PGP keys than those of this plan."
	case p.Kind == vaultstate.Init && p.RootToken && !r.tokenOf(l.ID):
		return "its root token was lost with the program, or no record shows who has it."
	}
	set, ok := r.setOf(got.Set)
	if !ok {
		if r.env.Roster != nil && r.env.Roster.Ceremony == string(l.ID) {
			return "its shares were lost with the program and never left it."
		}
		return "" // no record of that ceremony was given
	}
	return r.notOut(set, got.Shares)
}

// expired tells that what was begun then waits longer than the plan lets it;
// "" if it does not, or nobody knows when it was.
func (r *Run) expired(begun time.Time) string {
	until := begun.AddDate(0, 0, r.plan.Suspended)
	if begun.IsZero() || !r.now().After(until) {
		return ""
	}
	end := "Remove it"
	if r.remote() {
		end = "Cancel it"
	}
	return fmt.Sprintf("it waits since %s, and the plan lets it wait for %d days (suspended_days), until %s. %s, and hold the ceremony from its beginning: its shares are void.",
		day(stamp(begun)), r.plan.Suspended, day(stamp(until)), end)
}

// notOut tells that a set, as its record has it, is too old, or which of its
// shares are not with those who are to prove them now; "" if all are.
func (r *Run) notOut(set custodian.Set, shares int) string {
	// The record says when, too: the storage's word can be changed.
	if issued, err := time.Parse(time.RFC3339, set.Issued); err == nil && r.expired(issued) != "" {
		return r.expired(issued)
	}
	// A share left the program once its file was on disk or it was shown to its end.
	given := 0
	for _, h := range set.Holdings {
		if h.File != "" || h.Delivered != "" {
			given++
		}
	}
	if n := shares - given; n > 0 {
		return fmt.Sprintf("%d of its %d shares were lost with the program: its record shows that they were not handed out.", n, shares)
	}
	for i, who := range r.receivers() {
		if i < len(set.Holdings) && set.Holdings[i].Custodian != who.Name {
			return fmt.Sprintf("share %d of it went to %s, not to %s.", i+1, set.Holdings[i].Custodian, who.Name)
		}
	}
	return ""
}

// tokenOf tells whether an earlier record says who has a ceremony's root token.
func (r *Run) tokenOf(id vaultstate.ID) bool {
	return r.env.Roster != nil && slices.ContainsFunc(r.env.Roster.Tokens, func(t custodian.Token) bool { return t.Ceremony == string(id) })
}

// setOf is what an earlier record says of a set of shares.
func (r *Run) setOf(id string) (custodian.Set, bool) {
	if r.env.Roster == nil {
		return custodian.Set{}, false
	}
	for _, s := range r.env.Roster.Sets {
		if s.ID == id {
			return s, true
		}
	}
	return custodian.Set{}, false
}

// goOn takes up the operation of the earlier run. The quorum was asked for
// before it was staged, the shares are with their custodians.
func (r *Run) goOn(ctx context.Context) ([]string, error) {
	got, err := r.takenUp(ctx)
	if err != nil {
		return nil, err
	}
	r.begun, r.agreed, r.resume.done = true, got, true
	for _, o := range r.unreasoned(plainShares) { // nobody is shown a share by this run
		if err := r.override(o.ID, o.Sentence, r.person(Operator).Name, "shown in the run before"); err != nil {
			return nil, err
		}
	}
	r.quorum.submitted, r.quorum.back = true, true
	d := &r.delivery
	d.set, d.taken, d.filed, d.told, d.back = got.Set, true, true, true, true
	d.tokenOut, d.fate = true, "earlier"
	set, _ := r.setOf(got.Set)
	for n := 1; n <= got.Shares; n++ {
		s := vaultstate.IssuedShare{Number: n}
		for _, h := range set.Holdings {
			if h.Number == n {
				s.Fingerprint, s.PGP = digestOf(h.Fingerprint), h.PGP
			}
		}
		if n-1 < len(got.PGP) {
			s.PGP = got.PGP[n-1]
		}
		d.shares = append(d.shares, s)
	}
	d.next = len(d.shares)
	r.proof.proven = slices.Clone(got.Proven)
	for _, n := range slices.Sorted(slices.Values(got.Proven)) {
		if !slices.ContainsFunc(set.Holdings, func(h custodian.Holding) bool { return h.Number == n && h.Acknowledged != "" }) {
			r.proof.owed = append(r.proof.owed, n)
		}
	}
	return []string{fmt.Sprintf("%d of %d shares were proven before", len(got.Proven), got.Shares)}, nil
}

// takenUp has the vault take up the operation.
func (r *Run) takenUp(ctx context.Context) (vaultstate.Progress, error) {
	if r.remote() {
		return r.adoptThere(ctx)
	}
	v, ok := r.env.Vault.(vaultstate.Resumer)
	if !ok {
		return vaultstate.Progress{}, vaultstate.ErrUnsupported
	}
	return v.Resume(ctx, r.resume.id)
}

// digestOf reads a digest as records write it; zero if it is none.
func digestOf(s string) (d vaultstate.Digest) {
	if b, err := hex.DecodeString(s); err == nil && len(b) == len(d) {
		copy(d[:], b)
	}
	return d
}

// adopt takes over a commit whose record ends before it: the storage says that
// the swap was made. The roster is put right by the same two events that the
// earlier run would have written.
func (r *Run) adopt(now vaultstate.State) error {
	ro := r.env.Roster
	if ro == nil || ro.Outcome != "interrupted" {
		return nil
	}
	// The operation has the id of the run that staged it, and another may have
	// gone on with it.
	i := slices.IndexFunc(r.status.Pending, func(l vaultstate.Leftover) bool {
		set, _ := r.setOf(l.Set)
		return l.State == "rollback" && (string(l.ID) == ro.Ceremony || set.State == custodian.Pending)
	})
	if i < 0 || ro.RecoveryKey == now.RecoveryKey.String() && ro.RootKey == now.RootKey.String() && (ro.SealKey == "" || ro.SealKey == now.SealKeyID) && !r.dropped(now) {
		return nil
	}
	if slices.Contains(ro.OldRecoveryKeys, now.RecoveryKey.String()) {
		return nil // the comparison with the record refuses it
	}
	if err := r.record("swapped", Program, "", transcript.Facts{"before": ro.Storage, "after": now.Storage.String(),
		"set": r.status.Pending[i].Set}); err != nil {
		return err
	}
	r.env.Roster = swappedRoster(ro)
	r.hello.adopted = fmt.Sprintf("The record of %s ends before its commit. The storage shows that the commit was made: its new state is in place.", ro.Ceremony)
	return r.record("outcome", Program, "", stateFacts(now))
}

// swappedRoster is the roster with the swap of its last ceremony: this run, too,
// judges shares by what is so.
func swappedRoster(ro *custodian.Roster) *custodian.Roster {
	c := *ro
	c.Sets = slices.Clone(ro.Sets)
	c.Swap()
	return &c
}

// voidLost records that sets are void which an interrupted run left pending and
// of which nothing is staged any more: it was killed between removing them and
// saying so. Whether a commit was adopted is known by then.
func (r *Run) voidLost() error {
	if r.env.Roster == nil {
		return nil
	}
	for _, s := range r.env.Roster.Sets {
		if s.State != custodian.Pending || slices.ContainsFunc(r.status.Pending, func(l vaultstate.Leftover) bool { return l.Set == s.ID }) {
			continue
		}
		reason := "the record of " + s.Ceremony + " was cut off, and nothing of the set is staged: it never counted"
		err := r.record("void", Program, "", transcript.Facts{"set": s.ID, "reason": reason})
		if err == nil {
			err = r.markVoid(s.ID, reason)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
