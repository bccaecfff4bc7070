package ceremony

import (
	"context"
	"fmt"
	"slices"

	"conclave/ceremony/plan"
	"conclave/ceremony/transcript"
	"conclave/hsm/secret"
	"conclave/vaultstate"
)

// quorum is what the step that collects recovery shares remembers. Good shares
// are kept when another turns out to be wrong: only who erred types again.
type quorum struct {
	given     []given
	more      int    // shares asked beyond the threshold, to find the wrong one
	turn      Person // has the keyboard, if handed, or is called next
	handed    bool
	last      Person // had it before
	pick      bool   // the operator chooses who is next
	stuck     bool   // one of the shares is wrong, and which is not known
	tooMany   bool   // …since there are too many combinations
	odd       *odd   // a share that an earlier record names as another's or as old
	submitted bool
	names     []string // whose shares took part
	back      bool
}

// given is one custodian's share.
type given struct {
	who          Person
	raw          secret.Bytes
	form, source string // how it was typed
	program, sha string // …or which program decrypted it
	number       int    // in its set, if an earlier record knows it
	set, print   string
	known        bool // an earlier record has its fingerprint as theirs
}

func (q *quorum) wipe() {
	for _, g := range q.given {
		g.raw.Wipe()
	}
	q.given = nil
	if q.odd != nil {
		q.odd.raw.Wipe()
		q.odd = nil
	}
}

func (q *quorum) gave(who Person) bool {
	return slices.ContainsFunc(q.given, func(g given) bool { return g.who.Name == who.Name })
}

// quorumStep collects the recovery shares that authorise the ceremony.
func quorumStep() []Step {
	return []Step{{ID: "shares", Title: "Shares", By: Custodian, Next: collect,
		Needs: func(r *Run) bool { return r.resume.id == "" },
		Note: func(r *Run) string {
			n := len(r.quorum.given)
			if r.quorum.submitted {
				n = len(r.quorum.names)
			}
			return fmt.Sprintf("%d of %d", n, r.needed())
		}}}
}

// needed is how many shares are asked for now.
func (r *Run) needed() int {
	n := r.agreed.Needed
	if n == 0 {
		n = r.status.Threshold
	}
	return n + r.quorum.more
}

func collect(r *Run) *page {
	q := &r.quorum
	switch {
	case q.submitted && (q.back || q.last.Name == ""):
		return nil
	case q.submitted:
		return r.backTo(q.last, &q.back)
	case !r.begun && r.plan.Kind != plan.Drill:
		return r.work("announce the operation", Prompt{IfPowerFails: "the vault is as it was."}, r.begin)
	case r.remote() && r.agreed.Needed == 0:
		return nil // a server that asks for its token alone
	case q.odd != nil:
		return r.decideOdd()
	case q.stuck:
		return r.whatNow()
	case len(q.given) >= r.needed():
		if p := r.beforehand(goServer); p != nil {
			return p
		}
		return r.work("check the shares", Prompt{IfPowerFails: "the vault is as it was."}, r.submit)
	case q.pick:
		return r.pickNext()
	case !q.handed:
		return r.callNext()
	}
	return r.askShare()
}

func (r *Run) begin(ctx context.Context) ([]string, error) {
	got, err := r.env.Vault.Begin(ctx, r.operation())
	if err != nil {
		return nil, err
	}
	r.begun, r.agreed = true, got
	if got.Phase == vaultstate.PhaseAuthority {
		return nil, nil
	}
	return nil, r.staged()
}

// operation is what the plan asks of the vault.
func (r *Run) operation() vaultstate.Operation {
	p := r.plan
	op := vaultstate.Operation{ID: r.op, Kind: p.Operation(), RootToken: p.RootToken, NewRoot: p.NewRoot, AtOnce: r.remote() && p.AtOnce()}
	if p.Issues() {
		op.Shares, op.Threshold, op.SkipProof = p.Shares, p.Threshold, p.SkipProof
		for _, k := range p.Keys {
			op.PGPKeys = append(op.PGPKeys, k.Binary)
		}
	}
	if p.RootTokenKey != nil {
		op.RootTokenPGPKey = p.RootTokenKey.Binary
	}
	op.RootTokenTTL = p.TokenTTL
	return op
}

// staged records that the new state lies on disk beside the old one, before
// anything of it leaves the program.
func (r *Run) staged() error {
	a, facts := r.agreed, transcript.Facts{}
	if a.Set != "" {
		facts["set"], facts["shares"], facts["threshold"] = a.Set, a.Shares, a.Threshold
	}
	return r.record("staged", Program, "", facts)
}

// guard reads the pending operation again and compares it with what was agreed.
func (r *Run) guard(ctx context.Context) error {
	if r.plan.Kind == plan.Drill {
		return nil // nothing is pending
	}
	got, err := r.env.Vault.Progress(ctx, r.op)
	if err != nil {
		return fmt.Errorf("reading the pending operation: %w", err)
	}
	if id := got.SealKeyID; id != "" && id != r.plan.NewKeyRef {
		return fmt.Errorf("%w: what is staged is wrapped with the HSM key %q, and the plan says %q", vaultstate.ErrChanged, id, r.plan.NewKeyRef)
	}
	a := r.agreed
	if got.Kind != a.Kind || got.Needed != a.Needed || got.Shares != a.Shares || got.Threshold != a.Threshold ||
		got.State != a.State || got.Set != a.Set || !slices.Equal(got.PGP, a.PGP) {
		return fmt.Errorf("%w: the pending operation is not the one that was agreed", vaultstate.ErrChanged)
	}
	return nil
}

// callNext hands the keyboard to the next custodian who has not given.
func (r *Run) callNext() *page {
	q := &r.quorum
	next, ok := r.nextGiver()
	if !ok {
		return r.nobodyLeft()
	}
	from, note := q.last, ""
	if from.Name == "" {
		from = r.person(Operator)
	} else if n := len(q.given); n > 0 {
		note = fmt.Sprintf("%d of %d shares are in. Nothing of them is on the screen.", n, r.needed())
	}
	return r.handOver(from, next, note, func(ctx context.Context) error {
		if err := r.guard(ctx); err != nil {
			return err
		}
		q.turn, q.handed = next, true
		return nil
	}, func() error {
		q.pick = true
		return nil
	})
}

func (r *Run) nextGiver() (Person, bool) {
	q := &r.quorum
	if q.turn.Name != "" && !q.gave(q.turn) {
		return q.turn, true
	}
	for _, who := range r.custodians() {
		if !q.gave(who) {
			return who, true
		}
	}
	return Person{}, false
}

func (r *Run) nobodyLeft() *page {
	choices := []Choice{
		{"again", "Everybody types again", "the shares that are in are wiped"},
		{"stop", "Stop", r.stands()},
	}
	return &page{
		Prompt: Prompt{Kind: Choose, By: r.person(Operator), Heading: "No other custodian is here",
			Text:    []string{fmt.Sprintf("%d shares are in, %d are needed.", len(r.quorum.given), r.needed())},
			Choices: choices, Recorded: "what you choose."},
		do: r.chooseWay(choices),
	}
}

func (r *Run) pickNext() *page {
	q, who := &r.quorum, r.person(Operator)
	var choices []Choice
	for _, c := range r.custodians() {
		if !q.gave(c) {
			choices = append(choices, Choice{ID: c.Name, Title: c.Name})
		}
	}
	return &page{
		Prompt: Prompt{Kind: Choose, By: who, Heading: "Who is next?", Choices: choices, Recorded: "who takes the keyboard."},
		do: func(_ context.Context, in Input) error {
			for _, c := range r.custodians() {
				if c.Name == in.Choice && !q.gave(c) {
					q.turn, q.pick, q.handed = c, false, false
					return nil
				}
			}
			return r.chooseAgain()
		},
	}
}
