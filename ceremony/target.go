package ceremony

import (
	"context"
	"errors"
	"fmt"

	"conclave/ceremony/plan"
	"conclave/ceremony/transcript"
	"conclave/vaultstate"
)

// meetVault asks the vault what it is, before the HSM is touched.
func meetVault(r *Run) *page {
	if !r.hello.looked {
		return r.work("look at the vault", Prompt{IfPowerFails: "nothing has been changed."}, r.lookAtVault)
	}
	if !r.hello.seen {
		return r.showVault()
	}
	if p := r.leftover(); p != nil {
		return p
	}
	if r.plan.Config == "" && !r.plan.Practice && r.status.Can.Offline && !r.hello.stopped && r.plan.Kind != plan.Drill {
		return r.askStopped()
	}
	return nil
}

func (r *Run) lookAtVault(ctx context.Context) ([]string, error) {
	st, err := r.env.Vault.Status(ctx)
	if err != nil {
		return nil, err
	}
	r.status = st
	var left []string
	for _, l := range st.Pending {
		left = append(left, string(l.ID)+": "+l.Text)
	}
	err = r.record("target", Program, "", facted(transcript.Facts{"storage": st.Name, "initialized": st.Initialized, "digest": st.Storage.String(),
		"shares": st.Shares, "threshold": st.Threshold, "seal_key": st.SealKeyID}, lists{"leftovers": left, "looked_at": r.env.Machine.LookedAt}))
	if err != nil {
		return nil, err
	}
	if r.plan.Kind == vaultstate.Init && st.Initialized {
		return nil, vaultstate.ErrInitialized
	}
	if r.plan.Kind != vaultstate.Init && !st.Initialized {
		return nil, vaultstate.ErrNotInitialized
	}
	if !st.Initialized {
		if err := r.voidLost(); err != nil {
			return nil, err
		}
	}
	if err := r.drillable(); err != nil {
		return nil, err
	}
	if err := r.warnOfSeal(); err != nil {
		return nil, err
	}
	r.lookForResume(ctx)
	r.hello.looked = true
	return append([]string{"initialised: " + yesNo(st.Initialized)}, st.Warnings...), nil
}

func (r *Run) showVault() *page {
	st, who := r.status, r.person(Operator)
	facts := []Fact{{"vault", st.Name}, {"initialised", yesNo(st.Initialized)}}
	if st.Initialized {
		facts = append(facts, Fact{"recovery", fmt.Sprintf("%d shares, %d needed", st.Shares, st.Threshold)}, Fact{"sealed with", st.SealKeyID})
	}
	if r.remote() {
		facts = []Fact{{"server", st.Name}, {"initialised", yesNo(st.Initialized)}, {"seal", st.SealType}, {"sealed", st.Sealed}}
		if st.Initialized {
			facts = append(facts, Fact{"shares", fmt.Sprintf("%d, %d needed", st.Shares, st.Threshold)})
		}
	}
	var lines []Line
	for _, s := range st.Warnings {
		lines = append(lines, Line{Mark: Warn, Text: s})
	}
	for _, l := range st.Pending {
		lines = append(lines, Line{Mark: Warn, Text: string(l.ID) + ": " + l.Text})
	}
	return &page{
		Prompt: Prompt{Kind: Attest, By: who, Heading: who.Name + ": is this the vault that was meant?", Facts: facts, Lines: lines,
			Recorded: "the lines above."},
		do: func(context.Context, Input) error {
			r.hello.seen = true
			return r.record("attested", Operator, who.Name, transcript.Facts{"what": "the vault is the one that was meant"})
		},
	}
}

func (r *Run) askStopped() *page {
	who := r.person(Operator)
	return &page{
		Prompt: Prompt{Kind: Confirm, By: who, Heading: who.Name + ": is the server stopped?", Word: "STOPPED",
			Badge: "CHECK", Action: "Answer for the server: it is stopped, and stays so",
			Changes: "nothing yet", Stays: "a server that runs holds the keys in memory and would overwrite what this ceremony writes",
			Undo:     "no server configuration was given, so its address is not known; nothing was seen that uses the storage",
			Recorded: "the word, who typed it, when."},
		do: func(_ context.Context, in Input) error {
			if !sameWord(in.Text, "STOPPED") {
				return askAgain("That is not STOPPED.", "Nothing is changed.", "Stop the server, then type STOPPED.")
			}
			r.hello.stopped = true
			return r.record("confirmed", Operator, who.Name, transcript.Facts{"role": string(Operator), "word": "STOPPED", "what": "the server is stopped"})
		},
	}
}

// leftover deals with what earlier ceremonies left, one thing after another. A
// copy of an old state is in nobody's way, and an unseal or a drill changes
// nothing: what was found stands on the page of the vault then.
func (r *Run) leftover() *page {
	if r.plan.Kind == plan.Unseal || r.plan.Kind == plan.Drill || r.remote() {
		return nil // what is pending at a server is dealt with where its token is known
	}
	for r.hello.leftovers < len(r.status.Pending) {
		l := r.status.Pending[r.hello.leftovers]
		if l.State != "rollback" && l.ID != r.resume.id {
			return r.decideLeftover(l)
		}
		r.hello.leftovers++
	}
	return nil
}

func (r *Run) decideLeftover(l vaultstate.Leftover) *page {
	who := r.person(Operator)
	remove := Choice{"remove", "Remove it", "the vault stays as it is"}
	if l.Set != "" {
		remove.Consequence = "its shares are void from then on; the vault stays as it is"
	}
	choices := []Choice{remove, {"stop", "Stop", "nothing is changed, and it stays where it is"}}
	text := []string{l.Text}
	if can, ok := r.resume.can[l.ID]; ok {
		if can.why == "" {
			choices = append([]Choice{{"resume", "Go on with it", can.text()}}, choices...)
		} else {
			text = append(text, "It cannot go on here: "+can.why)
		}
	}
	return &page{
		Prompt: Prompt{Kind: Choose, By: who, Heading: "An earlier ceremony left something here", Text: text,
			Facts:   []Fact{{"ceremony", string(l.ID) + ", " + string(l.Kind)}, {"lies in", l.Path}, {"set", l.Set}},
			Choices: choices, Recorded: "what was found and what you choose."},
		do: func(ctx context.Context, in Input) error {
			switch {
			case !pick(choices, in.Choice):
				return r.chooseAgain()
			case in.Choice == "stop":
				return &stop{code: CodeStopped, by: who.Name, reason: "what " + string(l.ID) + " left is kept"}
			case in.Choice == "resume":
				r.resume.id, r.op = l.ID, l.ID
				r.hello.leftovers++
				return r.record("attested", Operator, who.Name, transcript.Facts{"what": "this ceremony goes on with what " + string(l.ID) + " staged", "lines": []string{l.Text}})
			}
			return r.removeLeftover(ctx, who, l)
		},
	}
}

func (r *Run) removeLeftover(ctx context.Context, who Person, l vaultstate.Leftover) error {
	rb, ok := r.env.Vault.(vaultstate.Rollbacker)
	if !ok {
		return errors.New("this vault cannot remove what was left")
	}
	err := r.during("remove what "+string(l.ID)+" left", func() error {
		_, err := rb.Retire(ctx, l.ID)
		return err
	})
	if err != nil {
		return err
	}
	r.hello.leftovers++
	if l.Set == "" {
		return r.record("attested", Operator, who.Name, transcript.Facts{"what": "what " + string(l.ID) + " left was removed", "lines": []string{l.Text}})
	}
	reason := "removed: what " + string(l.ID) + " staged never counted"
	if err := r.record("void", Operator, who.Name, transcript.Facts{"set": l.Set, "reason": reason}); err != nil {
		return err
	}
	return r.markVoid(l.Set, reason)
}
