package ceremony

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"conclave/ceremony/plan"
	"conclave/ceremony/transcript"
	"conclave/hsm/secret"
	"conclave/vaultstate"
)

// submit gives the quorum to the vault.
func (r *Run) submit(ctx context.Context) ([]string, error) {
	q := &r.quorum
	if err := r.guard(ctx); err != nil {
		return nil, err
	}
	got, err := r.authorise(ctx)
	var wrong *vaultstate.QuorumError
	if errors.As(err, &wrong) {
		return nil, r.wrongQuorum(wrong)
	}
	if err != nil {
		return nil, err
	}
	// The vault has what it needs; nobody's share is needed again.
	took := slices.Clone(q.given)
	var names []string
	evidence := map[string]transcript.Evidence{}
	for _, g := range q.given {
		names, evidence[g.who.Name] = append(names, g.who.Name), transcript.ByKeyboard
		if g.known { // only a record says whose it is
			evidence[g.who.Name] = transcript.ByShare
		}
	}
	q.wipe()
	q.submitted, q.names = true, names
	r.agreed = got
	for _, name := range names {
		if err := r.recordAs("authorised", name, evidence[name], transcript.Facts{"what": r.c.ID}); err != nil {
			return nil, err
		}
	}
	if err := r.quorumIs("accepted", names, nil); err != nil {
		return nil, err
	}
	lines := []string{"the shares of " + list(names) + " make the " + r.sharedKey()}
	if r.plan.Kind == plan.Drill {
		return lines, r.quorumProven(took)
	}
	return lines, r.staged()
}

// rawOf are the shares themselves.
func rawOf(list []given) []secret.Bytes {
	shares := make([]secret.Bytes, len(list))
	for i, g := range list {
		shares[i] = g.raw
	}
	return shares
}

func (r *Run) quorumIs(result string, names, wrong []string) error {
	return r.record("quorum", Program, "", facted(transcript.Facts{"given": len(names) + len(wrong), "needed": r.agreed.Needed, "result": result},
		lists{"names": names, "wrong": wrong}))
}

// wrongQuorum keeps the good shares and asks only for what is wrong.
func (r *Run) wrongQuorum(w *vaultstate.QuorumError) error {
	q := &r.quorum
	var bad []Person
	var badNames, goodNames []string
	var good []given
	for i, g := range q.given {
		if slices.Contains(w.Wrong, i) {
			bad, badNames = append(bad, g.who), append(badNames, g.who.Name)
			g.raw.Wipe()
			continue
		}
		good, goodNames = append(good, g), append(goodNames, g.who.Name)
	}
	q.given = good
	if err := r.quorumIs("refused", goodNames, badNames); err != nil {
		return err
	}
	if len(bad) == 0 {
		q.stuck, q.tooMany = true, errors.Is(w, vaultstate.ErrTooManySubsets)
		why := "At least one is wrong, and which one cannot be known from so few."
		if q.tooMany {
			why = "There are more than 10,000 combinations of them: the wrong one was not found by trying."
		}
		return askAgain("These shares together do not make the "+r.sharedKey()+".", "The vault is as it was. The shares are kept.", why)
	}
	found := fmt.Sprintf("Found by trying combinations: wrong is the share of %s.", list(badNames))
	if len(good) >= r.agreed.Needed {
		// The others are enough.
		q.more, q.turn = 0, Person{}
		return askAgain(found, "The vault is as it was. All other shares are kept.", "They are enough: nobody needs to type again.")
	}
	q.turn, q.more = bad[0], 0
	return askAgain(found, "The vault is as it was. All other shares are kept.", list(badNames)+" types again, or somebody else gives theirs.")
}

func (r *Run) whatNow() *page {
	q, who := &r.quorum, r.person(Operator)
	text := "A share by itself shows nothing: only together they make the key or do not. With one share more the program can find the wrong one."
	var choices []Choice
	if _, ok := r.nextGiver(); ok && !q.tooMany {
		choices = append(choices, Choice{"more", "One more custodian gives a share", "then the wrong one can be found; all that are in are kept"})
	}
	if q.tooMany {
		text = "With so many shares there are too many combinations to try: more than 10,000. Let fewer custodians type theirs: one more than the vault needs is enough."
	}
	choices = append(choices, Choice{"again", "Everybody types again", "the shares that are in are wiped"}, Choice{"stop", "Stop", r.stands()})
	return &page{
		Prompt: Prompt{Kind: Choose, By: who, Heading: fmt.Sprintf("At least one of the %d shares is wrong", len(q.given)),
			Text: []string{text}, Choices: choices, Recorded: "that the quorum was refused, and what you choose."},
		do: r.chooseWay(choices),
	}
}

func (r *Run) chooseWay(choices []Choice) func(context.Context, Input) error {
	return func(_ context.Context, in Input) error {
		q := &r.quorum
		if !pick(choices, in.Choice) {
			return r.chooseAgain()
		}
		if err := r.record("answer", Operator, r.person(Operator).Name, transcript.Facts{"field": "what now", "value": in.Choice}); err != nil {
			return err
		}
		switch in.Choice {
		case "more":
			q.stuck = false
			q.more++
		case "again":
			last := q.last
			q.wipe()
			*q = quorum{last: last}
		case "stop":
			return &stop{code: CodeStopped, by: r.person(Operator).Name, reason: "the quorum was not reached"}
		}
		return nil
	}
}

// sharedKey is what the custodians' shares make.
func (r *Run) sharedKey() string {
	if r.remote() && r.status.SealType == "shamir" {
		return "unseal key"
	}
	return "recovery key"
}
