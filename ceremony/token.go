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

// meetHSM finds the token, logs in, finds or makes the key, tests it, and
// opens the vault's state through it.
func meetHSM(r *Run) *page {
	if p := r.meetDevice(); p != nil {
		return p
	}
	h := &r.hello
	unchanged := Prompt{IfPowerFails: "nothing has been changed."}
	switch {
	case r.signingToDo():
		return r.meetSigningKey()
	case r.status.Initialized && !h.open:
		return r.work("open the vault through the HSM", unchanged, r.openState)
	case !r.anchoring.looked && !r.provesBackup(): // a copy's is of the day it was made
		return r.work("compare with the anchor in the HSM", unchanged, r.compareAnchor)
	case len(r.adoption.found) > 0 && !r.adoption.done:
		return r.adoptState()
	case r.status.Initialized && r.unauthentic() && r.env.Roster == nil && !h.unknown:
		return r.tellUnknown()
	case h.adopted != "" && !h.told:
		return r.tellAdopted()
	case r.second == nil:
		return r.takeUp()
	}
	return nil
}

// takeUp goes on with what an earlier run staged, once all of it can be opened.
func (r *Run) takeUp() *page {
	if r.resume.id == "" || r.resume.done {
		return nil
	}
	return r.work("open what was staged through the HSM", Prompt{IfPowerFails: "the vault is as it was."}, r.goOn)
}

// meetDevice finds the token of the device at hand, logs in, finds or makes the
// key and tests it.
func (r *Run) meetDevice() *page {
	m := &r.met
	unchanged := Prompt{IfPowerFails: "nothing has been changed."}
	switch {
	case !m.found:
		return r.work("find the HSM", unchanged, r.findHSM)
	case !m.compared:
		return r.compareHSM()
	case !r.loggedIn:
		return r.enterPIN()
	case !r.objects.taken:
		return r.listObjects(unchanged)
	case m.missing && r.key.Ref == "":
		return r.generateKey()
	case !m.tested:
		return r.work("test the HSM", unchanged, r.testHSM)
	}
	return nil
}

func (r *Run) findHSM(ctx context.Context) ([]string, error) {
	info, err := r.hsm.Info(ctx)
	if err != nil {
		return nil, err
	}
	if err := r.librarySame(info); err != nil {
		return nil, err
	}
	r.token, r.met.clock = info, r.clockOf(info.Clock)
	facts := transcript.Facts{
		"library": info.Library, "library_sha256": info.LibrarySHA256, "library_info": info.LibraryInfo,
		"token": info.Label, "manufacturer": info.Manufacturer, "model": info.Model, "serial": info.Serial, "firmware": info.Firmware,
		"slot": int(info.Slot), "software": info.Software, "pin_state": string(info.PIN), "login": r.loginSource(),
	}
	if clock := r.met.clock.fact(); clock != "" {
		facts["clock"] = clock
	}
	if r.device.second {
		facts["which"] = r.which()
	}
	if err := r.record("equipment", Program, "", facts); err != nil {
		return nil, err
	}
	// Nobody is asked for a PIN that cannot help.
	switch info.PIN {
	case hsm.PINLocked:
		return nil, hsm.ErrPINLocked
	case hsm.PINNotSet:
		return nil, hsm.ErrPINNotSet
	case hsm.PINOK, hsm.PINCountLow, hsm.PINFinalTry:
	}
	r.met.found = true
	return []string{"token " + info.Label + ", serial " + info.Serial}, nil
}

func (r *Run) loginSource() string {
	switch {
	case r.token.ProtectedPath:
		return "protected-path"
	case r.env.PIN.Len() == 0 && r.pinHolders() != nil:
		return inParts
	case r.device.second:
		return "typed"
	}
	return r.env.Machine.Login
}

func (r *Run) compareHSM() *page {
	i, who := r.token, r.person(Operator)
	facts := []Fact{{"maker", i.Manufacturer}, {"model", strings.TrimSpace(i.Model + "   firmware " + i.Firmware)},
		{"serial", i.Serial}, {"token", i.Label}, {"library", i.Library}, {"its SHA-256", short(i.LibrarySHA256)}}
	var lines []Line
	if i.Software {
		lines = append(lines, Line{Mark: Warn, Text: "This is a software token: its keys are files on this machine."})
	}
	if s := pinSentence(i.PIN); s != "" {
		lines = append(lines, Line{Mark: Warn, Text: s})
	}
	lines = append(lines, r.met.clock.lines("The token's")...)
	const what = "the token is the one that was meant"
	if i.Software && !r.plan.Practice {
		return &page{
			Prompt: Prompt{Kind: Confirm, By: who, Heading: who.Name + ": is this software token the one that was meant?", Word: "SOFTWARE",
				Badge: "NO HSM", Action: "A software token stands in for the HSM", Facts: facts, Lines: lines,
				Changes: "nothing yet", Stays: "the vault is only as safe as the files of this machine", Undo: "stop, and use an HSM",
				Recorded: "the override, and the lines above; the values are the token's own."},
			do: func(_ context.Context, in Input) error {
				if !sameWord(in.Text, "SOFTWARE") {
					return askAgain("That is not SOFTWARE.", r.stands(), "Type SOFTWARE to go on without an HSM, or stop.")
				}
				r.met.compared = true
				if err := r.record("confirmed", Operator, who.Name, transcript.Facts{"role": string(Operator), "word": "SOFTWARE", "what": what}); err != nil {
					return err
				}
				return r.override("software-token", "The HSM is a software token: its keys are files on this machine.", who.Name, "")
			},
		}
	}
	return &page{
		Prompt: Prompt{Kind: Attest, By: who, Heading: who.Name + ": is this the " + strings.TrimSpace(strings.ToUpper(r.which())+" HSM that was meant?"),
			Facts: facts, Lines: lines, Recorded: "the lines above; the values are the token's own."},
		do: func(context.Context, Input) error {
			r.met.compared = true
			return r.record("confirmed", Operator, who.Name, transcript.Facts{"role": string(Operator), "word": "", "what": what})
		},
	}
}

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
		Prompt: Prompt{Kind: Confirm, By: who, Badge: "LAST TRY", Action: "One more wrong PIN locks the token", Word: "LAST",
			Heading: who.Name + ": one try is left", Changes: "nothing, if the PIN is right", Stays: "the vault and its keys",
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
