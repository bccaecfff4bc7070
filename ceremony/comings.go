package ceremony

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"conclave/ceremony/plan"
	"conclave/ceremony/transcript"
)

// Who comes and goes once it was marked who is here. Whoever leaves is judged
// by what is still to come: custodians who gave, or have proven, what they hold
// may go, and after the change only the operator is needed.

// everybody are the people of the plan and those who came besides. The plan
// that was agreed stays as it was.
func (r *Run) everybody() []Person { return slices.Concat(r.plan.People, r.joined) }

func (r *Run) isHere(who Person) bool { return slices.Contains(r.present, who) }

// atSignOff tells whether only the sign-off and the close are left.
func (r *Run) atSignOff() bool {
	id := r.step().ID
	return id == "sign-off" || id == "close"
}

// lacking says whom the rest of the ceremony needs and who is not among those
// who are here; "" if nobody.
func (r *Run) lacking(here []Person) string {
	for _, who := range r.everybody() {
		if r.needs(who, here) && !slices.Contains(here, who) {
			return fmt.Sprintf("%s (%s) is needed, and is not here.", who.Name, who.Role)
		}
	}
	if r.committed || r.atSignOff() {
		return ""
	}
	if n := len(here); n < r.plan.Attendance {
		return fmt.Sprintf("%d people are here; the plan needs %d.", n, r.plan.Attendance)
	}
	if !r.plan.NeedsQuorum() || r.quorum.submitted || r.resume.id != "" {
		return ""
	}
	n := count(here, Custodian)
	for _, g := range r.quorum.given {
		if !slices.Contains(here, g.who) {
			n++ // their share is in
		}
	}
	if n < r.status.Threshold {
		are := fmt.Sprintf("%d custodians are", n)
		if n == 1 {
			are = "One custodian is"
		}
		return fmt.Sprintf("%s here; the vault needs the shares of %d.", are, r.status.Threshold)
	}
	return ""
}

// needs tells whether the rest of the ceremony cannot go on without somebody,
// with those who are here.
func (r *Run) needs(who Person, here []Person) bool {
	if p := r.plan; p.TokenReceiver != "" && p.RootTokenKey == nil && !r.delivery.tokenOut && !r.committed && plan.Same(who.Name, p.TokenReceiver) {
		return true // nobody else is shown the token
	}
	switch who.Role {
	case Operator:
		return true
	case Witness:
		return !r.atSignOff() && count(here, Witness) == 0
	case PINHolder:
		return !r.committed && !r.atSignOff()
	case Custodian:
		if !r.plan.Issues() || who.Number == 0 || r.plan.SkipProof || r.committed {
			return false
		}
		p := &r.proof
		proven := slices.Contains(p.proven, who.Number) && !slices.Contains(p.owed, who.Number)
		return !proven || p.taking != nil && p.taking.number == who.Number
	case Auditor, Approver, Room, Program:
	}
	return false
}

// departure asks who leaves and why, and stops the run where it cannot go on
// without them.
func (r *Run) departure() *page {
	a, operator := &r.aside, r.person(Operator)
	switch {
	case a.who.Name == "":
		choices := []Choice{}
		for i, who := range r.present {
			choices = append(choices, Choice{ID: fmt.Sprint(i), Title: who.Name, Consequence: string(who.Role)})
		}
		choices = append(choices, Choice{nobody, "Nobody: go back", ""})
		return &page{
			Prompt: Prompt{Kind: Choose, By: operator, Heading: "Who leaves?", Choices: choices, Recorded: "who, why, when."},
			do: func(_ context.Context, in Input) error {
				if !pick(choices, in.Choice) {
					return r.chooseAgain()
				}
				for i, who := range r.present {
					if in.Choice == fmt.Sprint(i) {
						a.who = who
					}
				}
				if in.Choice == nobody {
					r.nothing()
				}
				return nil
			},
		}
	case r.isHere(a.who):
		return &page{
			Prompt: Prompt{Kind: Ask, By: operator, Heading: "Why does " + a.who.Name + " leave?", Field: "reason",
				Text: []string{"Nothing of a share, a PIN or an illness: a few words that all may read."}, Recorded: "who, why, when."},
			do: func(_ context.Context, in Input) error {
				text, err := r.lineOf("reason", in.Text)
				switch {
				case err != nil:
					return err
				case text == "":
					return askAgain("A reason is needed.", "Nothing was recorded.", "Type it in a few words.")
				}
				if err := r.leave(a.who, text); err != nil {
					return err
				}
				a.lacks = r.lacking(r.present)
				return nil
			},
		}
	case a.lacks != "":
		return r.cannotGoOn()
	}
	return nil
}

// cannotGoOn is the page of a ceremony that lacks somebody.
func (r *Run) cannotGoOn() *page {
	a, operator := &r.aside, r.person(Operator)
	choices := []Choice{
		{"break", "A break", "it ends once everybody who is needed is here"},
		{"back", a.who.Name + " is back", "the ceremony goes on, and the record says so"},
		{"stop", "Stop", r.stands()},
	}
	why := "Without " + a.who.Name + " the ceremony cannot go on: " + a.lacks
	return &page{
		Prompt: Prompt{Kind: Choose, By: operator, Heading: why, Choices: choices,
			Problem:  &Problem{Badge: "STOPPED", Happened: why, State: r.stands(), Do: "Wait for them in a break, or stop."},
			Recorded: "what you choose."},
		do: func(_ context.Context, in Input) error {
			switch in.Choice {
			case "break":
				r.aside = aside{is: Break, held: a.held}
				return nil
			case "back":
				a.done = true
				return r.arrive(a.who)
			case "stop":
				return &stop{code: CodeStopped, by: operator.Name, reason: why}
			}
			return r.chooseAgain()
		},
	}
}

// leave records that somebody is not here any more, and takes the keyboard from
// them.
func (r *Run) leave(who Person, reason string) error {
	err := r.record("left", Operator, r.person(Operator).Name, transcript.Facts{"name": who.Name, "role": string(who.Role), "reason": reason})
	if err != nil {
		return err
	}
	r.present = slices.DeleteFunc(slices.Clone(r.present), func(p Person) bool { return p == who })
	r.left = append(r.left, who)
	q, p := &r.quorum, &r.proof
	if q.turn == who {
		q.turn, q.handed = Person{}, false
	}
	if q.odd != nil && q.odd.who == who {
		q.odd.raw.Wipe()
		q.odd = nil
	}
	if p.handed && r.receivers()[p.turn] == who {
		p.wipe()
		p.handed = false
	}
	if r.parts.handed {
		r.parts.wipe()
	}
	return r.missesSignOff(who)
}

// missesSignOff writes down, once the sign-off has begun, that somebody is not
// there for it.
func (r *Run) missesSignOff(who Person) error {
	s := &r.signing
	if s.order == nil || slices.Contains(s.order[:s.at], who) {
		return nil
	}
	if i := slices.Index(s.order, who); i >= 0 {
		s.order = slices.Delete(slices.Clone(s.order), i, i+1)
		if i == s.at {
			s.handed, s.away, s.reason = false, false, false
		}
	}
	return r.leftBefore(who)
}

// arrival asks who comes, and who knows them.
func (r *Run) arrival() *page {
	a, operator := &r.aside, r.person(Operator)
	switch {
	case a.who.Name == "" && a.role == "":
		choices := []Choice{}
		all := r.everybody()
		for i, who := range all {
			if !r.isHere(who) {
				choices = append(choices, Choice{ID: fmt.Sprint(i), Title: who.Name, Consequence: string(who.Role)})
			}
		}
		for _, role := range []Role{Witness, Auditor, Room} {
			choices = append(choices, Choice{ID: string(role), Title: "Somebody else", Consequence: newcomers[role]})
		}
		choices = append(choices, Choice{nobody, "Nobody: go back", ""})
		return &page{
			Prompt: Prompt{Kind: Choose, By: operator, Heading: "Who arrives?", Choices: choices, Recorded: "who, in which role, when."},
			do: func(_ context.Context, in Input) error {
				if !pick(choices, in.Choice) {
					return r.chooseAgain()
				}
				if in.Choice == nobody {
					r.nothing()
					return nil
				}
				for i, who := range all {
					if in.Choice == fmt.Sprint(i) {
						a.who = who
						return r.arriveNow(who)
					}
				}
				a.role = Role(in.Choice)
				return nil
			},
		}
	case a.who.Name == "":
		return r.askNewcomer()
	case len(a.fresh) > 0:
		return r.askIdentity(a.fresh, func() { a.fresh = nil })
	}
	return nil
}

// newcomers are the roles of people who are not in the plan.
var newcomers = map[Role]string{Witness: "as a witness", Auditor: "as an auditor", Room: "in the room, with no part in it"}

// arriveNow is arrive, and then their identity is asked for.
func (r *Run) arriveNow(who Person) error {
	r.aside.fresh = []Person{who}
	return r.arrive(who)
}

func (r *Run) askNewcomer() *page {
	a, operator := &r.aside, r.person(Operator)
	fields := []Field{{ID: "name", Label: "name"}, {ID: "organisation", Label: "organisation"}}
	return &page{
		Prompt: Prompt{Kind: Form, By: operator, Heading: "Who comes, " + newcomers[a.role] + "?", Fields: a.typed.over(fields),
			Text: []string{"The name as it shall stand in the record. The agreed plan stays as it was."}, Recorded: "name, organisation, role, time."},
		do: func(_ context.Context, in Input) error {
			for _, text := range in.Fields {
				if likeNoName(text) {
					if err := r.recordRefused("name"); err != nil {
						return err
					}
					return askAgain("This looks like a share, a token or a key, not like a name.", "It was not recorded.", "Type the name.")
				}
			}
			lines, err := r.linesOf(fields, in)
			if err != nil {
				return err
			}
			if n := len(lines[0]); n == 0 || n > maxName {
				return askAgain(fmt.Sprintf("A name has 1 to %d characters.", maxName), "Nothing was recorded.", "Type the name.")
			}
			for _, other := range r.everybody() {
				if strings.EqualFold(other.Name, lines[0]) {
					return askAgain(other.Name+" is known already as "+string(other.Role)+".", "One person has one role.", "Type somebody else's name.")
				}
			}
			a.who = Person{Name: lines[0], Role: a.role, Organisation: lines[1]}
			r.joined = append(r.joined, a.who)
			return r.arriveNow(a.who)
		},
	}
}

// arrive records that somebody is here from now on.
func (r *Run) arrive(who Person) error {
	err := r.record("arrived", Operator, r.person(Operator).Name, facted(transcript.Facts{"name": who.Name, "role": string(who.Role),
		"organisation": who.Organisation, "planned": !slices.Contains(r.joined, who)}, nil))
	if err != nil {
		return err
	}
	r.left = slices.DeleteFunc(r.left, func(p Person) bool { return p == who })
	r.signing.others = slices.DeleteFunc(r.signing.others, func(s string) bool { return s == gone(who) })
	here := append(slices.Clone(r.present), who)
	r.present = nil
	for _, p := range r.everybody() { // in the order of the plan
		if slices.Contains(here, p) {
			r.present = append(r.present, p)
		}
	}
	if s := &r.signing; s.order != nil && !slices.Contains(s.order, who) {
		s.order = append(slices.Clone(s.order), who)
	}
	return r.weighPresent(r.present)
}
