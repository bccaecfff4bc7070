package ceremony

import (
	"context"
	"fmt"

	"conclave/ceremony/custodian"
	"conclave/ceremony/transcript"
	"conclave/vaultstate"
)

// tokenStep hands the root token to its receiver before it counts, and asks
// what becomes of it.
func tokenStep() []Step {
	return []Step{{ID: "token", Title: "Root token", By: Operator, Next: rootToken,
		Needs: func(r *Run) bool { return r.plan.RootToken && r.resume.id == "" }}}
}

func rootToken(r *Run) *page {
	d := &r.delivery
	if r.lacksTerms() && (!d.filed || d.issue.Token != nil && d.fate == "") {
		return r.askTerms()
	}
	if !d.filed { // generate-root issues nothing else
		return r.work("make the root token", Prompt{IfPowerFails: "nothing counts: the vault is as it was."}, r.takeIssue)
	}
	t, who := d.issue.Token, r.person(Operator)
	receiver := r.tokenReceiver()
	switch {
	case t == nil || d.fate != "":
		return nil
	case d.tokenOut && d.handed && receiver.Name != who.Name && !d.tokenBack:
		return r.backTo(receiver, &d.tokenBack)
	case d.tokenOut:
		return r.askFate(who, t)
	case t.Encrypted != nil:
		return &page{
			Prompt: Prompt{Kind: Attest, By: who, Heading: who.Name + ": the root token is encrypted and on disk",
				Facts: []Fact{{"file", r.env.Shelf.Path(d.token.name)}, {"to the key", t.PGP}, {"accessor", t.Accessor}},
				Lines: []Line{{Mark: Good, Text: "the file was read back"}}, Recorded: "its accessor, the file and its SHA-256. No character of the token."},
			do: func(context.Context, Input) error {
				d.tokenOut = true
				return nil
			},
		}
	}
	if !d.private {
		return r.unseen(viewing{what: "root token", to: receiver, from: who})
	}
	return r.showToken(receiver, t)
}

// tokenReceiver is who is shown the root token: whom the plan names, if they are
// here, else the operator.
func (r *Run) tokenReceiver() Person {
	if name := r.plan.TokenReceiver; name != "" {
		if who, here := r.hereAs(name); here {
			return who
		}
	}
	return r.person(Operator)
}

func (r *Run) showToken(who Person, t *vaultstate.IssuedToken) *page {
	d := &r.delivery
	from := r.now()
	return &page{
		Prompt: Prompt{Kind: Show, By: who, Heading: who.Name + ": the root token. The witness stands by, nobody else looks.",
			Reveal:   &Reveal{What: "root token", Text: t.Plain, Seconds: 90},
			Text:     []string{"It is shown once."},
			Recorded: "its accessor, from when to when it was shown. No character of it."},
		do: func(context.Context, Input) error {
			t.Plain.Wipe()
			d.tokenOut = true
			return r.record("shown", who.Role, who.Name, transcript.Facts{"what": "root token", "to": who.Name,
				"from": stamp(from), "until": stamp(r.now())})
		},
	}
}

func (r *Run) askFate(who Person, t *vaultstate.IssuedToken) *page {
	choices := []Choice{
		{"use", "Set up the vault with it, then revoke it", "an open item until: vault token revoke -accessor " + t.Accessor},
		{"keep", "Keep it sealed away", "an open item for as long as it exists"},
	}
	text := []string{"It is valid once this ceremony is committed. It never expires, and no log of a server shows how it was made."}
	if r.remote() {
		text = []string{"It counts already, and never expires. A step of this ceremony revokes it."}
		if ttl := r.plan.TokenTTL; ttl > 0 {
			text = []string{"It counts already, and ends after " + ttl.String() + ". The root token that made it is revoked. A step of this ceremony revokes this one, too."}
		}
		choices[0] = Choice{"use", "Do with it what it was made for, then revoke it", "the ceremony waits for that in its step Revoke"}
	}
	if r.plan.Kind == vaultstate.Init && !r.remote() {
		text = append(text, "A default OpenBao from 2.5.3 on closes sys/generate-root: without this token nobody can set up the new vault.")
	}
	return &page{
		Prompt: Prompt{Kind: Choose, By: who, Heading: "What becomes of the root token?", Facts: []Fact{{"accessor", t.Accessor}},
			Text: text, Choices: choices, Recorded: "its accessor, who has it, what becomes of it."},
		do: func(_ context.Context, in Input) error {
			if !pick(choices, in.Choice) {
				return r.chooseAgain()
			}
			facts := r.tokenTerms()
			facts["accessor"], facts["delivery"], facts["fate"] = t.Accessor, "screen", in.Choice
			if f := r.delivery.token; f.name != "" {
				facts["delivery"], facts["pgp"], facts["file"], facts["sha256"] = "pgp", t.PGP, f.name, f.sha256
			}
			r.delivery.fate = in.Choice
			return r.record("token", Operator, who.Name, facts)
		},
	}
}

// accessor is that of the token that this ceremony makes.
func (r *Run) accessor() string {
	if i := r.delivery.issue; i != nil && i.Token != nil {
		return i.Token.Accessor
	}
	return "of an earlier run, see its record"
}

// openItem is what is still to be done about the token, "" if nothing.
func (r *Run) openItem() string {
	d := &r.delivery
	if d.issue == nil || d.issue.Token == nil {
		return ""
	}
	a := d.issue.Token.Accessor
	if d.fate == custodian.Revoked {
		return ""
	}
	if t := r.tokenTerms(); t.Text("until") != "" {
		return fmt.Sprintf("Open item: the root token with the accessor %s, which %s has, is to be revoked by %s.", a, t.Text("receiver"), t.Text("until"))
	}
	if d.fate == "use" {
		return fmt.Sprintf("Open item: the root token with the accessor %s is revoked once the vault is set up.", a)
	}
	return fmt.Sprintf("Open item: the root token with the accessor %s exists until it is revoked.", a)
}
