package ceremony

import (
	"context"
	"fmt"
	"slices"

	"conclave/ceremony/custodian"
	"conclave/ceremony/transcript"
	"conclave/vaultstate"
)

// An operation of this kind may be pending at the server already. If a run of
// ours left it, which was killed when all of its new shares were out, this one
// may go on: they are proven again, every one of them, and nobody gives a share
// of the old set twice. Whose it is the record says, by the server's own name of
// it. Anything else is cancelled, or the ceremony stops: to go on with a
// stranger's could hand the new shares to another's PGP keys.

// pendingThere is where that stands.
type pendingThere struct {
	left    *vaultstate.Leftover // of ours, and chosen: to go on with
	cancel  bool                 // chosen
	discard going
	done    bool // nothing of this kind is pending any more

	settled bool   // whether a set that a record left open counts was looked at
	open    string // …and the set of which that is not known
}

// clearServer deals with what is pending at the server.
func (r *Run) clearServer() *page {
	s := &r.serving.pending
	i := slices.IndexFunc(r.status.Pending, func(l vaultstate.Leftover) bool { return l.Kind == r.plan.Operation() })
	switch {
	case i < 0 && !s.settled && !s.done:
		return r.lookAtOpen()
	case i < 0, s.done, r.resume.done:
		return nil
	}
	l := r.status.Pending[i]
	set, ours := r.leftBy(l)
	l.Set = set.ID
	switch {
	case s.left != nil:
		return r.work("go on with what is pending at the server", Prompt{IfPowerFails: "the keys are as they were."}, r.goOn)
	case ours && !s.cancel:
		return r.decidePending(l, set)
	}
	text := []string{l.Text, "This ceremony did not begin it. Find out who did, before it is cancelled."}
	undo := "whoever began it begins again"
	if ours {
		text[1], undo = "The run "+r.env.Roster.Ceremony+" left it, and its record names it.", "never; all begins anew"
	}
	p := r.confirmTwice(&s.discard, Prompt{Badge: "CHANGES THE SERVER", Action: "Cancel what is pending at the server", Word: "CANCEL",
		Facts: []Fact{{"pending", l.Path}}, Text: text,
		Changes: "what is pending there is cancelled, with the shares that were given to it", Stays: "the keys and the shares that count", Undo: undo},
		"cancel what is pending at the server: "+l.Text)
	if p != nil {
		return p
	}
	return r.work("cancel what is pending at the server", Prompt{IfPowerFails: "the keys are as they were."}, func(ctx context.Context) ([]string, error) {
		return []string{"nothing of this kind is pending at the server"}, r.discardThere(ctx, l)
	})
}

// leftBy is the set of shares that waits at the server to be proven, if the
// record of a run that was interrupted names it.
func (r *Run) leftBy(l vaultstate.Leftover) (custodian.Set, bool) {
	ro := r.env.Roster
	if ro == nil || ro.Nonce == "" || ro.Nonce != string(l.ID) {
		return custodian.Set{}, false
	}
	set, _ := r.openSet() // none, if no new share had left the program
	return set, true
}

// notThere tells why this run cannot go on with what the other left; "" if it
// can, as far as the records show.
func (r *Run) notThere(set custodian.Set) string {
	p := r.plan
	switch {
	case set.ID == "":
		return "its new shares were not made, or never left the program."
	case p.SkipProof:
		return "its new shares are to be proven, and this plan says that they are not."
	case set.Shares != p.Shares || set.Threshold != p.Threshold:
		return fmt.Sprintf("it has %d shares of which %d are needed, this plan says %d and %d.", set.Shares, set.Threshold, p.Shares, p.Threshold)
	}
	for i, k := range p.Keys {
		if i < len(set.Holdings) && set.Holdings[i].PGP != k.Fingerprint {
			return "its shares went to other PGP keys than those of this plan."
		}
	}
	return r.notOut(set, p.Shares)
}

func (r *Run) decidePending(l vaultstate.Leftover, set custodian.Set) *page {
	s, who, earlier := &r.serving.pending, r.person(Operator), r.env.Roster.Ceremony
	choices := []Choice{{"cancel", "Cancel it", "its shares are void from then on; the keys and shares that count stay so"},
		{"stop", "Stop", "nothing is changed, and it stays pending"}}
	text := []string{l.Text}
	if why := r.notThere(set); why == "" {
		choices = append([]Choice{{"resume", "Go on with it", fmt.Sprintf("all %d new shares are proven again; the old ones are not asked for", set.Shares)}}, choices...)
	} else {
		text = append(text, "It cannot go on here: "+why)
	}
	return &page{
		Prompt: Prompt{Kind: Choose, By: who, Heading: "An earlier run left this pending at the server", Text: text,
			Facts:   []Fact{{"ceremony", earlier + ", " + string(l.Kind)}, {"pending", l.Path}, {"set", set.ID}},
			Choices: choices, Recorded: "what was found and what you choose."},
		do: func(_ context.Context, in Input) error {
			switch {
			case !pick(choices, in.Choice):
				return r.chooseAgain()
			case in.Choice == "stop":
				return &stop{code: CodeStopped, by: who.Name, reason: "what " + earlier + " left at the server is kept"}
			case in.Choice == "cancel":
				s.cancel = true
				return nil
			}
			s.left, r.resume.id = &l, l.ID
			return r.record("attested", Operator, who.Name, transcript.Facts{"what": "this ceremony goes on with what " + earlier + " left pending at the server", "lines": []string{l.Text}})
		},
	}
}

// adoptThere goes on with what the server still has.
func (r *Run) adoptThere(ctx context.Context) (vaultstate.Progress, error) {
	v, err := r.server()
	if err != nil {
		return vaultstate.Progress{}, err
	}
	return v.Adopt(ctx, r.operation(), *r.serving.pending.left)
}

// discardThere cancels it, and says that the shares of ours are void.
func (r *Run) discardThere(ctx context.Context, l vaultstate.Leftover) error {
	v, err := r.server()
	if err != nil {
		return err
	}
	if err := v.Discard(ctx, l); err != nil {
		return err
	}
	r.serving.pending.done = true
	if l.Set == "" {
		return nil
	}
	const reason = "cancelled at the server: it never counted"
	if err := r.record("void", Operator, r.person(Operator).Name, transcript.Facts{"set": l.Set, "reason": reason}); err != nil {
		return err
	}
	return r.markVoid(l.Set, reason)
}
