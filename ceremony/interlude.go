package ceremony

import (
	"context"
	"errors"
	"slices"
)

// Interlude is what people may need at any page besides a deviation.
type Interlude string

// The interludes.
const (
	Break   Interlude = "break"
	Leaves  Interlude = "leaves"
	Arrives Interlude = "arrives"
)

// Aside is an interlude as a page offers it. Not says why it cannot begin at
// this page; it is empty if it can.
type Aside struct {
	Interlude Interlude
	Title     string
	Not       string
}

// ErrNotHere refuses an interlude that the page does not offer.
var ErrNotHere = errors.New("this cannot begin at this page")

// aside is an interlude that has begun. Its pages come before those of the step.
type aside struct {
	is    Interlude // "" for none
	done  bool
	from  seat  // who had the keyboard
	held  *page // that no step would draw again
	typed filled
	who   Person
	role  Role // of somebody who is not in the plan
	lacks string
	rest  rest
	fresh []Person // who is here since, whose identity is asked for
}

// Interrupt begins an interlude at the present page, between two answers. What
// is half typed there is not kept.
func (r *Run) Interrupt(i Interlude) (Job, error) {
	switch {
	case r.busy:
		return nil, ErrBusy
	case r.Done(), r.closed, r.page == nil:
		return nil, ErrOver
	case !slices.ContainsFunc(r.page.Asides, func(a Aside) bool { return a.Interlude == i && a.Not == "" }):
		return nil, ErrNotHere
	}
	return r.job(r.snap.prompt.Stamp, func(context.Context) error {
		r.aside = aside{is: i, from: r.seat}
		if r.page.kept {
			r.aside.held = r.page
		}
		r.seat.who = r.person(Operator)
		// What was said of who sees the screen was said before it.
		r.delivery.sight, r.delivery.qr = sight{}, qrNone
		return nil
	}), nil
}

// asides are what a page offers: nothing before it is known who is here.
func (r *Run) asides(p *page) []Aside {
	if !r.hello.marked || r.closed || p.Kind == Work || r.aside.is != "" {
		return nil
	}
	list := []Aside{{Interlude: Break, Title: "A break"}, {Interlude: Leaves, Title: "Somebody leaves"}, {Interlude: Arrives, Title: "Somebody arrives"}}
	switch p.Kind { //nolint:exhaustive // the pages with a secret in them
	case Show:
		for i := range list {
			list[i].Not = "A secret is shown to one person. Finish this page first."
		}
	case AskShare:
		list[0].Not = "A share is being typed: there is no break now. Finish it first, or note that " + called(p.By.Name) + " leaves."
	}
	return list
}

// interlude is the next page of what was begun, nil if there is none.
func (r *Run) interlude() *page {
	var p *page
	switch {
	case r.aside.is == "":
		return nil
	case r.aside.done:
	case r.aside.is == Break:
		p = r.takeBreak()
	case r.aside.is == Leaves:
		p = r.departure()
	case r.aside.is == Arrives:
		p = r.arrival()
	}
	if p == nil {
		return r.afterInterlude()
	}
	return p
}

// nothing ends an interlude in which nothing was done.
func (r *Run) nothing() {
	r.aside.done, r.seat = true, r.aside.from
}

// afterInterlude ends an interlude that has no page any more. The step goes on
// from where it stands, or with the page that it would not draw again.
func (r *Run) afterInterlude() *page {
	held := r.aside.held
	r.aside = aside{}
	return held
}

// linesOf are the lines of a form, in its order.
func (r *Run) linesOf(fields []Field, in Input) ([]string, error) {
	var err error
	r.aside.typed, err = fill(fields, in, r.line)
	lines := make([]string, len(fields))
	for i, f := range fields {
		lines[i] = r.aside.typed[f.ID]
	}
	return lines, err
}
