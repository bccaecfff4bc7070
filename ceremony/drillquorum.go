package ceremony

import (
	"context"
	"fmt"

	"conclave/assets"
	"conclave/ceremony/plan"
	"conclave/ceremony/transcript"
	"conclave/vaultstate"
)

// A quorum that is only proven: two shares and more in one memory, which is why
// it is an override, said, and agreed to by operator and witness first.

// gathering are the steps of a drill whose plan asks for a quorum.
func gathering() []Step {
	list := steps(step("gather", "Agree", Operator, agreeToGather), quorumStep())
	for i := range list {
		list[i].Only = func(p *plan.Plan) bool { return p.Kind == plan.Drill && p.Proof == plan.ProofQuorum }
	}
	return list
}

func agreeToGather(r *Run) *page {
	prompt := Prompt{Badge: "SHARES TOGETHER IN MEMORY", Action: "Combine a quorum, only to prove it", Word: "QUORUM",
		Text:    assets.Text("gather-quorum"),
		Changes: fmt.Sprintf("nothing in the vault; %d shares are in the memory of this machine at once", r.status.Threshold),
		Stays:   "all keys, shares and data",
		Undo:    "what was in memory is wiped; who saw it there has it"}
	if r.remote() {
		prompt.Text = assets.Text("gather-quorum-server")
		prompt.Changes = fmt.Sprintf("a root token is made and revoked at once; %d shares are in the memory of this machine together, and go to the server", r.status.Threshold)
	}
	p := r.confirmTwice(&r.drilling.gather, prompt, "combine a quorum, only to prove it")
	if p == nil {
		r.agreed.Needed = r.status.Threshold
	}
	return p
}

// authorise gives the quorum to the vault. In a drill the vault only compares it.
func (r *Run) authorise(ctx context.Context) (vaultstate.Progress, error) {
	shares := rawOf(r.quorum.given)
	if r.plan.Kind != plan.Drill {
		return r.env.Vault.Submit(ctx, r.op, shares)
	}
	t, ok := r.env.Vault.(vaultstate.Tester)
	if !ok {
		return vaultstate.Progress{}, fmt.Errorf("this vault cannot compare a quorum with its recovery key: %w", vaultstate.ErrUnsupported)
	}
	return r.agreed, t.Test(ctx, shares)
}

// quorumProven records what a quorum that was combined has proven: the shares
// that a record knows.
func (r *Run) quorumProven(took []given) error {
	set, _ := r.validSet()
	for _, g := range took {
		for _, h := range set.Holdings {
			if !g.known || g.set != set.ID || g.number != h.Number {
				continue
			}
			if err := r.isProven(h, plan.ProofQuorum, transcript.ByShare); err != nil {
				return err
			}
		}
	}
	return nil
}
