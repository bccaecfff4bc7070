package ceremony

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"conclave/ceremony/custodian"
	"conclave/ceremony/transcript"
	"conclave/hsm/secret"
	"conclave/vaultstate"
	"conclave/vaultstate/share"
)

// proof is what the step in which every custodian types the new share back
// remembers.
type proof struct {
	proven  []int // share numbers
	turn    int   // index of who has the keyboard
	handed  bool
	last    Person
	back    bool
	read    int     // the share whose file was read from its custodian's medium
	typed   []int   // share numbers that were proven in this run: the vault combines these
	taking  *taking // who proved theirs and is asked to answer for it
	taken   []int   // share numbers that somebody answers for
	owed    []int   // …that were proven in the run before, and nobody answers for yet
	odd     *odd    // another's share was typed; nothing of it is kept
	refused bool    // the server did not accept all of them together: they are proven again
	kept    *Input  // what was typed when the HSM was lost: nobody types it again
}

func (p *proof) wipe() {
	if p.kept != nil {
		p.kept.Secret.Wipe()
		p.kept = nil
	}
}

// proveStep has every custodian, not only a threshold, prove the new share
// against the staged recovery key before it counts.
func proveStep() []Step {
	return []Step{{ID: "prove", Title: "Prove shares", By: Custodian, Next: proveShares,
		Needs: func(r *Run) bool { return !r.plan.SkipProof },
		Note:  func(r *Run) string { return fmt.Sprintf("%d of %d", len(r.proof.proven), r.plan.Shares) }}}
}

func proveShares(r *Run) *page {
	p, d := &r.proof, &r.delivery
	if p.taking != nil {
		return r.acknowledge(p.taking)
	}
	if o := p.odd; o != nil {
		return r.stopForeign(o.whose, o.who, o.problem, func() { p.odd = nil })
	}
	if len(p.owed) > 0 {
		p.turn = p.owed[0] - 1
		if who := r.receivers()[p.turn]; !p.handed {
			return r.callProver(who)
		} else if r.take(who, p.owed[0]); p.taking != nil {
			p.owed = p.owed[1:]
			return r.acknowledge(p.taking)
		}
	}
	if len(p.proven) == len(d.shares) {
		if !p.back && p.last.Name != "" {
			return r.backTo(p.last, &p.back)
		}
		return nil
	}
	for slices.Contains(p.proven, d.shares[p.turn].Number) {
		p.turn = (p.turn + 1) % len(d.shares)
	}
	s, who := d.shares[p.turn], r.receivers()[p.turn]
	if !p.handed {
		return r.callProver(who)
	}
	if p.kept != nil {
		return r.work("check the share that was typed", Prompt{IfPowerFails: "nothing counts: the vault is as it was."}, func(ctx context.Context) ([]string, error) {
			in := *p.kept
			p.kept = nil // kept again if the HSM is lost again
			defer in.Secret.Wipe()
			return nil, r.proveOne(ctx, in)
		})
	}
	if r.carries(s.Number) {
		return r.readCarried(who, s.Number)
	}
	head := who.Name + ": type your new share back. It is not shown."
	if s.PGP != "" {
		head = who.Name + ": decrypt your file and type the share. It is not shown."
	}
	return &page{
		Prompt: Prompt{Kind: AskShare, By: who, Heading: head, Sealed: r.sealedShare(s),
			Entry:    Entry{Given: len(p.proven), Needed: len(d.shares), Bytes: shareBytes(r.plan.Shares), Proving: true},
			Recorded: "who, when, which share. Never a group."},
		do: r.proveOne,
	}
}

// sealedShare is where a new share's file lies: on the medium that its custodian
// takes home, if there is one. A run that goes on where another was cut off does
// not know.
func (r *Run) sealedShare(s vaultstate.IssuedShare) *Sealed {
	f, filed := r.delivery.files[s.Number]
	switch {
	case s.PGP == "":
		return nil
	case !filed:
		return &Sealed{}
	case r.env.Medium != nil:
		return &Sealed{File: r.env.Medium.Path(f.name)}
	}
	return &Sealed{File: r.env.Shelf.Path(f.name)}
}

func (r *Run) callProver(who Person) *page {
	p := &r.proof
	from := p.last
	if from.Name == "" {
		from = r.person(Operator)
	}
	return r.handOver(from, who, "", func(ctx context.Context) error {
		if err := r.guard(ctx); err != nil {
			return err
		}
		p.handed = true
		return nil
	}, func() error {
		p.turn = (p.turn + 1) % len(r.delivery.shares)
		return nil
	})
}

func (r *Run) proveOne(ctx context.Context, in Input) error {
	p, d := &r.proof, &r.delivery
	s, who := d.shares[p.turn], r.receivers()[p.turn]
	raw, form, err := r.parse(in.Secret, shareBytes(r.plan.Shares))
	defer raw.Wipe()
	g := given{who: who, form: form, source: in.Source, program: in.Program, sha: in.ProgramSHA256}
	if err == nil {
		err = r.isShare(raw, s)
	}
	var wrong *vaultstate.QuorumError
	var got vaultstate.Progress
	if err == nil {
		got, err = r.env.Vault.Verify(ctx, r.op, s.Number, raw)
		if errors.As(err, &wrong) && wrong.Given == 1 && len(d.shares) > 1 {
			// The vault itself does not know this share by its fingerprint.
			err = errOtherShare
		}
	}
	var fault *share.EntryError
	var others *foreignShare
	switch {
	case errors.As(err, &others):
		return r.proveForeign(g, others)
	case errors.Is(err, errOtherShare), errors.As(err, &fault):
		problem := explainEntry(err)
		if e := r.entered(g, "refused", problem.Happened); e != nil {
			return e
		}
		return &again{problem}
	case errors.As(err, &wrong):
		return r.unproven(g, wrong)
	case loginEnded(err):
		p.kept = &Input{Secret: in.Secret.Clone(), Source: in.Source, Program: in.Program, ProgramSHA256: in.ProgramSHA256}
		fallthrough
	case err != nil:
		return fmt.Errorf("proving share %d: %w", s.Number, err)
	}
	g.known, g.number, g.set, g.print = true, s.Number, d.set, s.Fingerprint.String()
	p.proven = append(p.proven, s.Number)
	p.handed, p.last = false, who
	r.agreed.Phase = got.Phase
	if err := r.entered(g, "good", ""); err != nil {
		return err
	}
	if err := r.recordAs("proven", who.Name, transcript.ByShare, transcript.Facts{"number": s.Number, "custodian": who.Name,
		"set": d.set, "fingerprint": s.Fingerprint.String(), "proof": "share"}); err != nil {
		return err
	}
	if !slices.Contains(p.typed, s.Number) {
		p.typed = append(p.typed, s.Number)
	}
	r.take(who, s.Number)
	if got.Phase == vaultstate.PhaseReady {
		return r.together()
	}
	return nil
}

// together says in the record what the proofs were worth together: the vault
// combined what was typed, and it made the staged recovery key as opened through
// the HSM. A run that went on where another was cut off may have too few shares
// for that; then each was only compared with its fingerprint.
func (r *Run) together() error {
	given, needed := len(r.proof.typed), r.plan.Threshold
	return r.record("combined", Program, "", transcript.Facts{"set": r.delivery.set, "given": given, "needed": needed, "same": given >= needed})
}

// provenWrong is an error of a commit: a server that was given the new shares may
// say that they do not make the new key. Which one is wrong it does not say, and
// it has forgotten them all.
func (r *Run) provenWrong(err error) error {
	var q *vaultstate.QuorumError
	if !errors.As(err, &q) || !r.remote() || !r.plan.Issues() {
		return err
	}
	r.proof = proof{refused: true, taken: r.proof.taken}
	return askAgain("The server does not accept the new shares: together they do not make the new key.", r.stands(),
		"One of them at least was mistyped, and which one cannot be known from so few: everybody proves theirs again.")
}

// isShare compares a share with the fingerprint of the one that was handed out.
// A fingerprint that no record has, after an interruption, is left to the vault.
func (r *Run) isShare(raw secret.Bytes, s vaultstate.IssuedShare) error {
	set, err := share.ParseSet(r.delivery.set)
	if err != nil {
		return err
	}
	got := vaultstate.Digest(set.Fingerprint(raw))
	if got == s.Fingerprint || s.Fingerprint == (vaultstate.Digest{}) {
		return nil
	}
	for i, other := range r.delivery.shares {
		if got == other.Fingerprint {
			whose := r.receivers()[i].Name
			return &foreignShare{whose, fmt.Sprintf("Typed: share %d, which this ceremony made for %s", other.Number, whose)}
		}
	}
	if h, ok := r.holding(raw); ok {
		if mine := r.receivers()[r.proof.turn].Name; h.Custodian != mine {
			return &foreignShare{h.Custodian, fmt.Sprintf("So say the earlier records. Typed: %s, old share %d", h.Custodian, h.Number)}
		}
		if set, _ := r.setOf(h.Set); set.State == custodian.Void || set.State == custodian.Pending {
			return fmt.Errorf("%w: it is share %d of %s, of the void set of %s, which never counted", errOtherShare, h.Number, h.Custodian, set.Ceremony)
		}
		return fmt.Errorf("%w: it is the old share %d of %s", errOtherShare, h.Number, h.Custodian)
	}
	return errOtherShare
}

// unproven asks again those whose shares do not make the staged key. Their
// fingerprints fit, so this is damage, not a slip: it is said so.
func (r *Run) unproven(g given, w *vaultstate.QuorumError) error {
	p := &r.proof
	p.proven = slices.DeleteFunc(p.proven, func(n int) bool { return len(w.Wrong) == 0 || slices.Contains(w.Wrong, n) })
	p.typed = slices.DeleteFunc(p.typed, func(n int) bool { return !slices.Contains(p.proven, n) })
	p.handed = false
	const happened = "The shares that were typed do not make the staged recovery key."
	if err := r.entered(g, "refused", happened); err != nil {
		return err
	}
	return askAgain(happened, "The vault is as it was; the new shares do not count.",
		"Those who are asked type theirs again. If it happens twice, stop: the set is void then.")
}
