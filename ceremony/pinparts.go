package ceremony

import (
	"context"
	"fmt"

	"conclave/ceremony/transcript"
	"conclave/hsm/secret"
)

// leastMarked is the shortest part of a PIN that public text is searched for:
// every other number would hold a shorter one.
const leastMarked = 4

// pinParts is a PIN that two people know a part of each. The parts are joined in
// locked memory for one try, and wiped with it.
type pinParts struct {
	parts  []secret.Bytes
	handed bool // whose turn it is has the keyboard
	marks  [2]pinMark
}

func (p *pinParts) wipe() {
	for _, part := range p.parts {
		part.Wipe()
	}
	p.parts, p.handed = nil, false
}

// pinHolders are the two who type the PIN; nobody, if the operator does.
func (r *Run) pinHolders() []Person {
	var list []Person
	for _, who := range r.plan.People {
		if who.Role == PINHolder {
			list = append(list, who)
		}
	}
	if len(list) != 2 {
		return nil
	}
	return list
}

// askPart asks one holder after the other, each after a hand-over. Neither part
// is tried by itself, nor is its length shown to the other.
func (r *Run) askPart(holders []Person) *page {
	p, n := &r.parts, len(r.parts.parts)
	who := holders[n]
	if !p.handed {
		return r.handOver(r.atKeyboard(), who, "", func(context.Context) error {
			p.handed, r.seat.who = true, who
			return nil
		}, nil)
	}
	facts := []Fact{{"token", r.token.Label}, {"PIN state", string(r.token.PIN)}}
	q := Prompt{Kind: AskSecret, By: who, Heading: fmt.Sprintf("%s: type your part of the PIN, %d of 2. It is not shown.", who.Name, n+1),
		Field: fmt.Sprintf("part %d of the PIN", n+1), Facts: facts,
		Text:     []string{"Nobody else looks at the keys. The parts are joined in locked memory only, for one try."},
		Recorded: "that a part was typed, by whom, and whether the token took the whole."}
	if s := pinSentence(r.token.PIN); s != "" {
		q.Lines = []Line{{Mark: Warn, Text: s}}
	}
	return &page{Prompt: q, do: func(ctx context.Context, in Input) error { return r.takePart(ctx, holders, in) }}
}

func (r *Run) takePart(ctx context.Context, holders []Person, in Input) error {
	p, n := &r.parts, len(r.parts.parts)
	if in.Secret.Len() == 0 {
		return askAgain("Nothing was typed.", "No PIN was tried.", "Type your part.")
	}
	if err := r.record("answer", PINHolder, holders[n].Name, transcript.Facts{"field": fmt.Sprintf("part %d of the PIN", n+1), "value": "typed", "source": in.Source}); err != nil {
		return err
	}
	p.marks[n].wipe()
	if in.Secret.Len() >= leastMarked {
		p.marks[n].note(in.Secret)
	}
	p.parts, p.handed = append(p.parts, in.Secret.Clone()), false
	if len(p.parts) < len(holders) {
		return nil
	}
	whole := joined(p.parts)
	p.wipe()
	defer whole.Wipe()
	return r.login(ctx, Input{Secret: whole, Source: inParts})
}

// inParts is the source of a PIN that two people typed.
const inParts = "typed in two parts"

func joined(parts []secret.Bytes) secret.Bytes {
	n := 0
	for _, p := range parts {
		n += p.Len()
	}
	whole, at := secret.New(n), 0
	for _, p := range parts {
		at += secret.Copy(whole.Expose()[at:], p.Expose())
	}
	return whole
}
