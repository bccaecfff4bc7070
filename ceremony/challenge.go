package ceremony

import (
	"bytes"
	"context"
	"fmt"

	"conclave/ceremony/plan"
	"conclave/ceremony/transcript"
	"conclave/hsm/secret"
	"conclave/vaultstate/pgp"
)

// The fingerprint says that a key is the one on a card. A challenge says that
// whoever sits here can decrypt what is encrypted to it: a code that is used
// once, in a file for them alone. It is also a trap: who exchanges the file for
// a share's has its holder decrypt the share and type it here. So a code has no
// character of a share, and what has the form of one is refused unread.

const (
	codeLetters = "GHJKMNPQRSTVWXYZ" // no hex digit, and no two that look alike
	codeLength  = 20                 // four bits each: 80 in all
	codeGroup   = 4

	challengeMark = "CONCLAVE CHALLENGE"
)

// challenge is one to one person; the zero value is none.
type challenge struct {
	code         secret.Bytes // letters, no blanks
	file, sha256 string       // as it lies in the ceremony's directory
	tries        int
	decide       bool   // the people do
	happened     string // …because

	// then is what an answer does, or going on without one; nil: on to the next key.
	then func(transcript.Evidence) error
}

func (c *cards) wipe() { c.challenge.code.Wipe() }

// forget ends a challenge.
func (c *cards) forget() {
	c.wipe()
	c.challenge = challenge{}
}

// again has a card that did not fit read once more, or the next code.
func (c *cards) again() {
	c.forget()
	c.asked, c.decide, c.none, c.tries = nil, false, false, 0
}

// newCode makes a code.
func newCode() secret.Bytes {
	random := secret.Random(codeLength / 2)
	defer random.Wipe()
	code := secret.New(codeLength)
	for i, b := range random.Expose() {
		code.Expose()[2*i], code.Expose()[2*i+1] = codeLetters[b>>4], codeLetters[b&15]
	}
	return code
}

// challengeTo is a challenge up to the code. Name and id are in it, so that one
// that was made for somebody else, or another day, is found out.
func (r *Run) challengeTo(who Person) string {
	return challengeMark + " — not a share — " + r.env.Plan.ID + " for " + who.Name + ": "
}

// plaintext is what the holder of a key decrypts.
func (r *Run) plaintext(who Person, code secret.Bytes) secret.Bytes {
	head := r.challengeTo(who)
	text := secret.New(len(head) + code.Len() + code.Len()/codeGroup)
	b := append(text.Expose()[:0], head...)
	for i, c := range code.Expose() {
		if i > 0 && i%codeGroup == 0 {
			b = append(b, '-')
		}
		b = append(b, c)
	}
	_ = append(b, '\n')
	return text
}

// challengeHolder challenges whoever's turn it is.
func (r *Run) challengeHolder() *page {
	ch, h := &r.cards.challenge, r.keyHolders()[r.cards.turn]
	switch {
	case ch.decide && r.plan.Kind == plan.Drill:
		return r.unansweredDrill()
	case ch.decide:
		return r.unanswered(h)
	case ch.file == "":
		return r.work("encrypt a challenge to "+h.who.Name, Prompt{IfPowerFails: "the vault is as it was."}, func(context.Context) ([]string, error) {
			return r.makeChallenge(h)
		})
	}
	return r.askCode(h)
}

func (r *Run) makeChallenge(h keyed) ([]string, error) {
	ch := &r.cards.challenge
	ch.code.Wipe()
	ch.code = newCode()
	text := r.plaintext(h.who, ch.code)
	defer text.Wipe()
	message, err := h.key.Encrypt(text)
	if err != nil {
		return nil, err
	}
	armored, err := pgp.ArmorNoted(message, r.plan.Practice, "A challenge, not a share. Ceremony "+r.env.Plan.ID+".")
	if err != nil {
		return nil, err
	}
	r.challenges++ // one that was cut off may have left its file
	name := fmt.Sprintf("challenges/%d-%s.asc", r.challenges, plainName(h.who))
	sum, err := r.putFile(name, armored)
	if err != nil {
		return nil, err
	}
	ch.file, ch.sha256 = name, sum
	return []string{name}, nil
}

func (r *Run) askCode(h keyed) *page {
	ch := &r.cards.challenge
	file := r.env.Shelf.Path(ch.file)
	facts := []Fact{{"file", file}}
	if m := r.env.Medium; m != nil {
		facts = append(facts, Fact{"medium", m.Path(ch.file)})
	}
	return &page{
		Prompt: Prompt{Kind: AskSecret, By: h.who, Heading: h.who.Name + ": decrypt your challenge, and type its code. It is not shown.",
			Field: "code", Facts: facts, Sealed: &Sealed{File: file, Challenge: true},
			Text: []string{"Decrypt the file on a device of your own. It says " + challengeMark + ", this ceremony and your name; the code is the 20 letters behind. NONE: it cannot be decrypted here.",
				"A share is 66 hexadecimal digits. NEVER type one here, whoever asks for it."},
			Recorded: "that the code was right, the file, who typed it. No letter of it."},
		do: func(_ context.Context, in Input) error { return r.takeCode(h, in) },
	}
}

// takeCode compares what was typed or decrypted with the code.
func (r *Run) takeCode(h keyed, in Input) error {
	ch := &r.cards.challenge
	text := bytes.TrimSpace(in.Secret.Expose())
	if bytes.EqualFold(text, []byte("NONE")) {
		ch.decide, ch.happened = true, h.who.Name+" has nothing here to decrypt the challenge with."
		return nil
	}
	line := bytes.HasPrefix(text, []byte(challengeMark))
	text, mine := bytes.CutPrefix(text, []byte(r.challengeTo(h.who)))
	if line && !mine {
		text = text[bytes.LastIndex(text, []byte(": "))+1:] // what counts in it
	}
	if form := r.formOfShare(text); form != "" {
		return r.wrongCode(h, in, "share", form, Problem{Happened: "This has the form of a share, not of a code.",
			State: "It was not read, it is wiped, and the record says that it happened. " + r.stands(),
			Do:    "Find out who gave it to " + called(h.who.Name) + " as a challenge. No share is ever asked for here."})
	}
	if (line || in.Source == "gpg") && !mine {
		return r.wrongCode(h, in, "foreign", "", Problem{Happened: "What was decrypted is no challenge of this ceremony to " + h.who.Name + ".",
			State: "It is wiped. " + r.stands(), Do: "Decrypt the file that the page names."})
	}
	typed := letters(text)
	defer typed.Wipe()
	if !typed.Equal(ch.code) {
		return r.wrongCode(h, in, "other", "", Problem{Happened: "This is not the code of the challenge.", State: "It is wiped. " + r.stands(),
			Do: "Decrypt the file that the page names, and type its 20 letters."})
	}
	if err := r.recordChallenge(h, in, "answered", "", transcript.ByDecrypt); err != nil {
		return err
	}
	return r.challengeEnds(transcript.ByDecrypt)
}

// challengeEnds goes on after an answer, or without one.
func (r *Run) challengeEnds(by transcript.Evidence) error {
	if then := r.cards.challenge.then; then != nil {
		r.cards.forget()
		return then(by)
	}
	if by == transcript.ByDecrypt {
		return r.answered()
	}
	r.nextCard()
	return nil
}

// letters are those of a text, in locked memory: what stands between groups is
// dropped, small ones are made capital.
func letters(text []byte) secret.Bytes {
	all := secret.New(len(text))
	defer all.Wipe()
	n := 0
	for _, c := range text {
		switch {
		case c == ' ' || c == '-' || c == '.' || c == '\t':
			continue
		case 'a' <= c && c <= 'z':
			c -= 'a' - 'A'
		}
		all.Expose()[n] = c
		n++
	}
	return all.Slice(0, n)
}

// formOfShare tells the form of a text that has one of a share's, "" for none.
// Nothing is decoded, and one with a slip counts as well.
func (r *Run) formOfShare(text []byte) string {
	for _, size := range []int{33, 32} {
		if e := r.scheme().Inspect(text, size); e.Done || e.Total > 0 && e.Typed == e.Total {
			return e.Form.String()
		}
	}
	return ""
}

// wrongCode records an answer that does not do; after two of them the people
// decide.
func (r *Run) wrongCode(h keyed, in Input, result, form string, p Problem) error {
	ch := &r.cards.challenge
	if err := r.recordChallenge(h, in, result, form, transcript.ByKeyboard); err != nil {
		return err
	}
	if ch.tries++; ch.tries >= mostTries {
		ch.decide, ch.happened = true, fmt.Sprintf("%s did not answer the challenge to the key in the plan.", h.who.Name)
		return nil
	}
	return &again{p}
}

func (r *Run) recordChallenge(h keyed, in Input, result, form string, by transcript.Evidence) error {
	ch := &r.cards.challenge
	facts := transcript.Facts{"name": h.who.Name, "fingerprint": h.key.Fingerprint, "subkey": h.key.Subkey, "file": ch.file, "sha256": ch.sha256,
		"result": result, "source": in.Source}
	if h.who.Number > 0 {
		facts["number"] = h.who.Number
	}
	if form != "" {
		facts["form"] = form
	}
	if m := r.env.Medium; m != nil {
		facts["medium"] = m.Path(".")
	}
	if in.Program != "" {
		facts["gpg"], facts["gpg_sha256"] = in.Program, in.ProgramSHA256
	}
	return r.recordAs("challenge", h.who.Name, by, facts)
}

// unanswered is the page after a challenge that nobody answered. The witness
// decides about a custodian's, the operator about the witness'.
func (r *Run) unanswered(h keyed) *page {
	ch, decides := &r.cards.challenge, r.person(Witness)
	text := "A share that is encrypted to a key which its holder cannot use is lost; one that goes to somebody else's key is theirs."
	without, shown := "a deviation and an override: nobody has shown that the share can be decrypted", "that the holder of the PGP key can decrypt"
	if h.who.Role == Witness {
		decides = r.person(Operator)
		text = "The code shows that a second person confirms. Without it one person can have typed for both."
		without, shown = "a deviation and an override: nobody has shown that it is the witness who confirms", "that whoever confirms for the witness has the witness' PGP key"
	}
	choices := []Choice{
		{"stop", "Stop: another key is needed", "nothing is made for this key; plan it anew with one that its holder can use"},
		{"again", "A fresh challenge to " + h.who.Name, "another code in another file; the old one counts no more"},
		{"without", "Go on without an answer", without},
	}
	return &page{
		Prompt: Prompt{Kind: Choose, By: decides, Heading: ch.happened, Choices: choices, Recorded: "what you choose.",
			Text:    []string{text},
			Problem: &Problem{Badge: "STOPPED", Happened: ch.happened, State: r.stands(), Do: "Find out whose the key is, and where its private half lies."}},
		do: func(_ context.Context, in Input) error {
			switch in.Choice {
			case "stop":
				return &stop{code: CodeStopped, by: decides.Name, reason: ch.happened}
			case "again":
				r.cards.forget()
				return nil
			case "without":
				err := r.deviate(Deviation{Happened: ch.happened, Expected: "each holder of a key decrypts a challenge to it",
					Decided: "to go on with the key in the plan, whose holder has not answered", By: decides.Name, Effect: GoOn})
				if err == nil {
					err = r.override("unanswered-challenge", "A challenge was not answered: nobody has shown "+shown+".", decides.Name, ch.happened)
				}
				if err != nil {
					return err
				}
				return r.challengeEnds(transcript.ByKeyboard)
			}
			return r.chooseAgain()
		},
	}
}
