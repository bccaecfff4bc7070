package ceremony

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"conclave/ceremony/plan"
	"conclave/ceremony/transcript"
	"conclave/hsm"
)

// The login at a token: one try a PIN that was typed, none by itself again, and a
// logout at breaks and at the end. A PIN in parts is in pinparts.go.

func pinSentence(s hsm.PINState) string {
	switch s {
	case hsm.PINCountLow:
		return "A wrong PIN was entered since the last right one."
	case hsm.PINFinalTry:
		return "ONE try is left: one more wrong PIN locks the token."
	case hsm.PINLocked:
		return "The PIN is locked. The security officer must reset it."
	case hsm.PINNotSet:
		return "The token has no user PIN yet. The security officer must set one."
	case hsm.PINOK:
	}
	return ""
}

func (r *Run) confirmFinalTry() *page {
	who := r.person(Operator)
	return &page{
		Prompt: Prompt{Kind: Confirm, By: who, Badge: "LAST TRY", Action: "Use the last try of the PIN", Word: "LAST",
			Heading: who.Name + ": one try is left", Changes: "nothing, if the PIN is right; one more wrong PIN locks the token", Stays: "the vault and its keys",
			Undo: "a locked PIN is reset by the security officer", Recorded: "the word, who typed it, when."},
		do: func(_ context.Context, in Input) error {
			if !sameWord(in.Text, "LAST") {
				return askAgain("That is not LAST.", "No PIN was tried.", "Type LAST to go on, or stop and ask the security officer.")
			}
			r.met.finalTry = true
			return r.record("confirmed", Operator, who.Name, transcript.Facts{"role": string(Operator), "word": "LAST", "what": "the last try of the PIN"})
		},
	}
}

// loginEnded tells whether nobody is logged in at the token after an error: it
// was said, or the library has to be started anew.
func loginEnded(err error) bool {
	for _, e := range []error{hsm.ErrNotLoggedIn, hsm.ErrWorker, hsm.ErrTimeout, hsm.ErrTokenGone} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// loginAgain asks for the PIN once more where the login was lost after the HSM
// had been met. The step that needs it goes on then from where it stands.
func (r *Run) loginAgain() *page {
	if r.closed || r.sealing.without || r.atSignOff() && !r.signs() {
		return nil
	}
	lost := slices.IndexFunc(r.tokens(), func(d *device) bool { return d.met.tested && !d.loggedIn })
	if lost < 0 {
		return nil
	}
	r.device = r.tokens()[lost]
	why := "The login at the HSM was lost."
	if r.met.rested {
		why = "The program logged out for the break."
	}
	p := r.enterPIN()
	p.Text = append(p.Text, why+" Once the PIN is right, this step goes on from where it stands.")
	return p
}

// endLogin logs out of the token and says in the record why. A token that has
// nobody logged in any more needs no logout.
func (r *Run) endLogin(ctx context.Context, why string) error {
	var errs []error
	for _, d := range r.tokens() {
		if d.loggedIn {
			errs = append(errs, r.with(d, func() error { return r.endLoginHere(ctx, why) }))
		}
	}
	return errors.Join(errs...)
}

func (r *Run) endLoginHere(ctx context.Context, why string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	err := r.hsm.Logout(ctx)
	result := "done"
	if err == nil || loginEnded(err) {
		r.loggedIn, r.met.rested = false, why == "break"
		err = nil
	} else {
		result = "not confirmed by the token"
	}
	if e := r.record("logged-out", Program, "", transcript.Facts{"why": why, "result": result}); e != nil {
		return e
	}
	return err
}

// enterPIN asks for the PIN, and first whether the last try is to be used.
func (r *Run) enterPIN() *page {
	if r.token.PIN == hsm.PINFinalTry && !r.met.finalTry {
		return r.confirmFinalTry()
	}
	return r.askPIN()
}

// askPIN takes one PIN for one try. With a protected path it is entered at the
// HSM itself; a PIN that the configuration or the environment has is tried once.
func (r *Run) askPIN() *page {
	who := r.person(Operator)
	holders := r.pinHolders()
	switch {
	case r.token.ProtectedPath:
		return r.work("log in at the HSM", Prompt{Heading: who.Name + ": enter the PIN or the cards at the HSM itself",
			IfPowerFails: "nothing has been changed."}, func(ctx context.Context) ([]string, error) {
			return []string{"logged in at the HSM's own pad"}, r.login(ctx, Input{Source: "protected-path"})
		})
	case r.env.PIN.Len() > 0 && !r.met.tried && !r.device.second:
		return r.work("log in at the HSM", Prompt{Heading: "The PIN comes from the " + r.env.Machine.Login + ".",
			IfPowerFails: "nothing has been changed."}, r.loginGiven)
	case holders != nil:
		return r.askPart(holders)
	}
	p := Prompt{Kind: AskSecret, By: who, Heading: who.Name + ": type the PIN of the token. It is not shown.", Field: "PIN",
		Facts: []Fact{{"token", r.token.Label}, {"PIN state", string(r.token.PIN)}}, Recorded: "that a PIN was entered, by whom, and whether the token took it."}
	if s := pinSentence(r.token.PIN); s != "" {
		p.Lines = []Line{{Mark: Warn, Text: s}}
	}
	if !r.plan.Practice {
		p.Lines = append(p.Lines, Line{Mark: Warn, Text: "One person types all of it: single control, an override. A plan can name two PIN holders."})
	}
	return &page{Prompt: p, do: r.loginAlone}
}

// loginAlone takes the whole PIN from one person, who needs nobody else then.
func (r *Run) loginAlone(ctx context.Context, in Input) error {
	if err := r.login(ctx, in); err != nil || r.plan.Practice {
		return err
	}
	who := r.person(Operator).Name
	return r.override(plan.OnePINHolder, "Single control: "+who+" typed the whole PIN of the HSM. Whoever has it and the storage can do all this alone.", who, r.plan.WhyAccepted(plan.OnePINHolder))
}

// loginGiven tries the PIN that need not be typed, once.
func (r *Run) loginGiven(ctx context.Context) ([]string, error) {
	r.met.tried = true
	defer r.env.PIN.Wipe()
	if err := r.override("given-pin", "Single control: whoever can read the "+r.env.Machine.Login+" and the storage can do all this alone.", r.person(Operator).Name, ""); err != nil {
		return nil, err
	}
	return []string{"logged in with the PIN of the " + r.env.Machine.Login}, r.login(ctx, Input{Secret: r.env.PIN, Source: r.env.Machine.Login})
}

func (r *Run) login(ctx context.Context, in Input) error {
	r.met.finalTry = false
	who := r.person(Operator)
	err := r.hsm.Login(ctx, in.Secret)
	result := "accepted"
	if err != nil {
		result = "refused"
	}
	facts := transcript.Facts{"field": "PIN", "value": result, "source": in.Source}
	by, name := Operator, who.Name
	if in.Source == inParts {
		// Nobody typed the whole of it.
		by, name = Program, ""
		for _, h := range r.pinHolders() {
			facted(facts, lists{"names": append(facts.List("names"), h.Name)})
		}
	}
	if e := r.record("answer", by, name, facts); e != nil {
		return e
	}
	if err == nil {
		r.loggedIn, r.met.rested = true, false
		r.pin.note(in.Secret)
		return nil
	}
	// The token's flags after the try are what the next one depends on.
	if info, e := r.hsm.Info(ctx); e == nil {
		r.token = info
	}
	if errors.Is(err, hsm.ErrPINIncorrect) || errors.Is(err, hsm.ErrPINLength) {
		p := r.env.Explain(err)
		p.State = strings.TrimSpace("Nothing is changed. " + pinSentence(r.token.PIN))
		if r.token.PIN == hsm.PINLocked {
			r.met.found = false // the page of a locked token follows
		}
		return &again{p}
	}
	return err
}
