package ceremony

import (
	"context"

	"conclave/assets/clean"
	"conclave/ceremony/custodian"
	"conclave/ceremony/transcript"
)

// revoking is where the revocation of a root token stands.
type revoking struct {
	done bool // it is revoked, or people leave it
	why  bool // they say why
}

func revokeStep() []Step {
	return onServer([]Step{{ID: "revoke", Title: "Revoke", By: Operator, Next: revokeToken,
		Needs: func(r *Run) bool { return r.plan.RootToken }}})
}

// revokeToken has the token revoked once its work is done. Closing without is a
// deviation.
func revokeToken(r *Run) *page {
	v, who := &r.serving.revoke, r.person(Operator)
	if r.delivery.issue == nil || r.delivery.issue.Token == nil {
		return nil
	}
	t := r.delivery.issue.Token
	switch {
	case v.done:
		return nil
	case v.why:
		return &page{
			Prompt: Prompt{Kind: Ask, By: who, Heading: who.Name + ": why does the root token stay, and until when?", Field: "reason",
				Recorded: "the reason, as a deviation; the token as an open item."},
			do: func(_ context.Context, in Input) error {
				if in.Text == "" {
					return askAgain("A reason is needed.", "The root token counts.", "Say who needs it until when, or go back and revoke it.")
				}
				if bad, err := r.refuses("reason", in.Text); err != nil || bad {
					if err != nil {
						return err
					}
					return askAgain("This looks like a secret. It was not recorded.", "The root token counts.", "Say it without the secret.")
				}
				v.done = true
				return r.deviate(Deviation{Expected: "the root token is revoked before the ceremony ends", Happened: "the root token with the accessor " + t.Accessor + " was not revoked",
					Decided: clean.Cut(in.Text, mostText), By: who.Name, Effect: GoOn})
			},
		}
	}
	choices := []Choice{
		{"revoke", "Revoke it now", "its work is done; the server is asked whether it is gone"},
		{"stay", "Leave it", "a deviation, with the reason: it may do everything and never expires"},
	}
	if t.Plain.Len() == 0 && t.Encrypted != nil {
		choices = choices[1:]
	}
	return &page{
		Prompt: Prompt{Kind: Choose, By: who, Heading: "Is the root token's work done?", Facts: []Fact{{"accessor", t.Accessor}},
			Text:    []string{"The program can wait on this page for as long as the token is used at another terminal."},
			Choices: choices, Recorded: "what you choose, and what the server says then."},
		do: func(ctx context.Context, in Input) error {
			switch {
			case !pick(choices, in.Choice):
				return r.chooseAgain()
			case in.Choice == "stay":
				v.why = true
				return nil
			}
			remote, err := r.server()
			if err != nil {
				return err
			}
			check, err := remote.RevokeIssued(ctx, r.op)
			if e := r.recordRequests(); e != nil {
				return e
			}
			if err != nil {
				return err
			}
			v.done = true
			r.delivery.fate = custodian.Revoked
			return r.record("token", Operator, who.Name, transcript.Facts{"accessor": t.Accessor, "fate": custodian.Revoked, "receiver": check.Text})
		},
	}
}
