package ceremony

import "context"

// An interlude is what comes between two pages of a step: a PIN that is asked
// for in two parts, a break. Whoever had the keyboard gets it back by name.

// seat is who has the keyboard since an interlude took it from the step's own
// people; nobody, if the step goes on undisturbed.
type seat struct{ who Person }

// atKeyboard is who has the keyboard now, as far as it is known.
func (r *Run) atKeyboard() Person {
	switch {
	case r.seat.who.Name != "":
		return r.seat.who
	case r.page != nil && r.page.Kind != Work && r.page.By.Name != "":
		return r.page.By
	}
	return r.person(Operator)
}

// seated puts a hand-over before a page of a step that was interrupted, unless
// whoever acts there has the keyboard.
func (r *Run) seated(p *page) *page {
	from := r.seat.who
	switch {
	case p == nil || from.Name == "" || p.Kind == Work:
		return p
	case p.Kind == HandOver:
		p.From = from.Name
		return p
	case p.Kind == Read && from.Role == Operator:
		return p // who reads aloud needs no keyboard
	case p.By.Name == from.Name:
		if from.Role != PINHolder { // theirs is the page of the interlude
			r.seat.who = Person{}
		}
		return p
	}
	return r.handOver(from, p.By, "", func(context.Context) error { return nil }, nil)
}
