package ceremony

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"conclave/assets/words"
	"conclave/ceremony/transcript"
)

// statements are what each person agrees to.
var statements = []string{
	"I was present.",
	"The script was followed, but for what is listed here.",
	"The record is true as far as I saw.",
	"I know the overrides and the deviations that are listed here.",
}

// leastSigners agree before a record is called complete, one of them a witness.
const leastSigners = 2

// signing is where the sign-off stands.
type signing struct {
	begun   bool // logged out, and who left is in the record
	order   []Person
	at      int
	handed  bool
	away    bool // who was called is not at the keyboard
	reason  bool // they do not agree; why is asked
	last    Person
	back    bool
	receipt *receipt
	agreed  []Person
	others  []string // who does not agree or has left, in sentences
}

// receipt is the head after somebody's last act, for their card: it shows later
// that the record still begins as it did then.
type receipt struct {
	who   Person
	event uint64
	words string
}

func signOffStep() []Step {
	return []Step{{ID: "sign-off", Title: "Sign-off", By: Room, Next: signOff,
		Note: func(r *Run) string { return fmt.Sprintf("%d of %d", r.signing.at, len(r.present)) }}}
}

// signOff asks everybody in turn. Nobody's answer keeps the record open.
func signOff(r *Run) *page {
	s := &r.signing
	if p := r.trySigning(); p != nil {
		return p
	}
	if !s.begun {
		return r.work("begin the sign-off", Prompt{IfPowerFails: capital(r.verdict())}, r.beginSignOff)
	}
	if s.last.Name == "" {
		s.last = r.person(Operator)
	}
	switch {
	case s.receipt != nil:
		return r.giveReceipt()
	case s.at < len(s.order):
	case s.last.Role != Operator && !s.back:
		return r.backTo(s.last, &s.back)
	default:
		return nil
	}
	who := s.order[s.at]
	switch {
	case s.away:
		return r.whoIsAway(who)
	case !s.handed && who.Name != s.last.Name:
		p := r.handOver(s.last, who, "", func(context.Context) error {
			s.handed, s.last = true, who
			return nil
		}, func() error {
			s.away = true
			return nil
		})
		p.Other = true
		return p
	case s.reason:
		return r.askReason(who)
	}
	return r.askAgreement(who)
}

// beginSignOff logs out: what comes needs the HSM no more, unless its key signs
// the record; then the login ends with the signature. Who has left before is in
// the record as such, and it is not called complete.
func (r *Run) beginSignOff(ctx context.Context) ([]string, error) {
	var err error
	if !r.signs() || r.sealing.without {
		err = r.endLogin(ctx, "end")
	}
	var lost *journalError
	if errors.As(err, &lost) {
		return nil, err
	}
	s := &r.signing
	s.begun, s.order = true, slices.Clone(r.present)
	for _, who := range r.left {
		if err := r.leftBefore(who); err != nil {
			return nil, err
		}
	}
	if err != nil {
		return []string{"the token did not confirm the logout; its library ends with the program"}, nil
	}
	return nil, nil
}

func (r *Run) leftBefore(who Person) error {
	r.signing.others = append(r.signing.others, gone(who))
	return r.record("signoff", who.Role, who.Name, transcript.Facts{"agrees": false, "role": string(who.Role), "reason": hasLeft})
}

const hasLeft = "has left before the sign-off"

func gone(who Person) string { return who.Name + " " + hasLeft + "." }

func (r *Run) askAgreement(who Person) *page {
	s := &r.signing
	choices := []Choice{
		{"agree", "I agree", ""},
		{"disagree", "I do not agree", "you are asked why; the record closes all the same"},
	}
	return &page{
		Prompt: Prompt{Kind: Choose, By: who, Heading: fmt.Sprintf("%s (%s): do you agree to all of this?", who.Name, who.Role),
			Text: []string{strings.Join(statements, " ")}, Lines: r.weakened(), Choices: choices,
			Recorded: "entered for " + who.Name + ": the answer, the sentences, the time."},
		do: func(_ context.Context, in Input) error {
			switch {
			case !pick(choices, in.Choice):
				return r.chooseAgain()
			case in.Choice == "disagree":
				s.reason = true
				return nil
			}
			return r.signed(who, true, "")
		},
	}
}

// weakened are the overrides and deviations, or that there are none.
func (r *Run) weakened() []Line {
	var lines []Line
	for _, o := range r.overrides {
		lines = append(lines, Line{Mark: Warn, Text: "override: " + o.Sentence})
	}
	if len(lines) == 0 {
		lines = []Line{{Mark: Good, Text: "no override: no rule was weakened"}}
	}
	return append(lines, r.deviationLines()...)
}

func (r *Run) askReason(who Person) *page {
	return &page{
		Prompt: Prompt{Kind: Ask, By: who, Heading: who.Name + ": what do you not agree to, and why?", Field: "reason",
			Recorded: "entered for " + who.Name + ": the reason, the time."},
		do: func(_ context.Context, in Input) error {
			text, err := r.typed("sign-off: reason", in.Text, mostText, reasonNeeded("Nothing was recorded."))
			if err != nil {
				return err
			}
			return r.signed(who, false, text)
		},
	}
}

// whoIsAway lets somebody come later, or says that they have left.
func (r *Run) whoIsAway(who Person) *page {
	s, operator := &r.signing, r.person(Operator)
	choices := []Choice{
		{"later", who.Name + " comes later", "the others go first"},
		{"left", who.Name + " has left", "the record says so; it is not called complete"},
	}
	return &page{
		Prompt: Prompt{Kind: Choose, By: operator, Heading: operator.Name + ": where is " + who.Name + "?", Choices: choices, Recorded: "that they have left."},
		do: func(_ context.Context, in Input) error {
			if !pick(choices, in.Choice) {
				return r.chooseAgain()
			}
			s.away = false
			if in.Choice == "later" {
				s.order = append(slices.Delete(slices.Clone(s.order), s.at, s.at+1), who)
				return nil
			}
			return r.signed(who, false, hasLeft)
		},
	}
}

func (r *Run) signed(who Person, agrees bool, reason string) error {
	s := &r.signing
	here := reason == "" || s.reason
	facts := transcript.Facts{"agrees": agrees, "role": string(who.Role), "reason": reason}
	if here {
		facts["statements"] = statements
	}
	if err := r.record("signoff", who.Role, who.Name, facts); err != nil {
		return err
	}
	switch {
	case agrees:
		s.agreed = append(s.agreed, who)
	case here:
		s.others = append(s.others, who.Name+" does not agree: "+sentence(reason))
	default:
		s.others = append(s.others, who.Name+" "+sentence(reason))
	}
	if here && who.Role != Operator {
		// The operator writes down the whole head, when the record is closed.
		s.receipt = r.receiptFor(who)
	}
	s.at, s.handed, s.reason = s.at+1, false, false
	return nil
}

func (r *Run) receiptFor(who Person) *receipt {
	n, sum := r.env.Journal.Head()
	return &receipt{who: who, event: n, words: strings.Join(words.Words(sum[:8]), " ")}
}

func (r *Run) giveReceipt() *page {
	s := &r.signing
	c := s.receipt
	w := strings.Fields(c.words)
	return &page{
		Prompt: Prompt{Kind: Attest, By: c.who, Heading: c.who.Name + ": write this on your card and take it home",
			Facts: []Fact{{"event", fmt.Sprint(c.event)}, {"words", strings.Join(w[:4], " ")}, {"", strings.Join(w[4:], " ")}},
			Text: []string{"It is your receipt, and no secret. If anybody changes what was recorded up to now, these words do not fit any more: " +
				"conclave transcript verify -receipt compares them."},
			Recorded: "the number and the words, for whom."},
		do: func(context.Context, Input) error {
			s.receipt = nil
			return r.record("receipt", c.who.Role, c.who.Name, transcript.Facts{"event": int(c.event), "to": c.who.Name, "words": c.words}) //nolint:gosec // a count of events
		},
	}
}

// signOffText says in one line whether the record is complete, and what it lacks.
func (r *Run) signOffText() string {
	s := &r.signing
	lacks := slices.Clone(s.others)
	if len(s.agreed) < leastSigners {
		lacks = append(lacks, fmt.Sprintf("Fewer than %d people agree.", leastSigners))
	}
	if !slices.ContainsFunc(s.agreed, func(p Person) bool { return p.Role == Witness }) {
		lacks = append(lacks, "No independent person, a witness, agrees.")
	}
	text := fmt.Sprintf("%d of %d agree.", len(s.agreed), len(s.order))
	if len(lacks) == 0 {
		return "complete: " + text
	}
	return "not complete: " + text + " " + strings.Join(lacks, " ")
}

// signOffLine is the same for the page on which the record is closed.
func (r *Run) signOffLine() Line {
	text := r.signOffText()
	if strings.HasPrefix(text, "complete") {
		return Line{Mark: Good, Text: "sign-off " + text}
	}
	return Line{Mark: Warn, Text: "sign-off " + text}
}
