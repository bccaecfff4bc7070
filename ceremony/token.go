package ceremony

import (
	"context"
	"strings"

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
	case r.unnamed():
		return r.nameRun()
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
				Badge: "NO HSM", Action: "Take a software token for the HSM", Facts: facts, Lines: lines,
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
