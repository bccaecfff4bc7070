package ceremony

import (
	"context"
	"errors"
	"fmt"

	"conclave/ceremony/transcript"
)

// read makes a page with text that is read aloud.
func (r *Run) read(by Role, heading string, text []string, do func(context.Context, Input) error) *page {
	who := r.person(by)
	return &page{
		Prompt: Prompt{Kind: Read, By: who, Heading: heading, Text: text, Recorded: "that it was read, by whom, when."},
		do: func(ctx context.Context, in Input) error {
			if err := r.record("read", by, who.Name, transcript.Facts{"title": heading, "text_sha256": textHash(text)}); err != nil {
				return err
			}
			return do(ctx, in)
		},
	}
}

// work makes a page on which the program acts: begun is on disk before the
// work, done or failed after it. An error that only asks the people again is no
// failure.
func (r *Run) work(name string, p Prompt, do func(context.Context) ([]string, error)) *page {
	p.Kind, p.By = Work, Person{Role: Program}
	if p.Heading == "" {
		p.Heading = "The program works: " + name + ". Nobody needs to type."
	}
	p.Recorded = "begun, and how it ended."
	return &page{Prompt: p, do: func(ctx context.Context, _ Input) error {
		if err := r.record("begun", Program, "", transcript.Facts{"work": name}); err != nil {
			return err
		}
		r.working = name
		from := r.now()
		checks, err := do(ctx)
		if e := errors.Join(r.recordCalls(), r.recordRequests()); e != nil {
			return errors.Join(e, err)
		}
		var ask *again
		if errors.As(err, &ask) {
			checks = []string{ask.problem.Happened}
		} else if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		r.working, r.lost = "", ""
		took := int(r.now().Sub(from).Milliseconds())
		if e := r.record("done", Program, "", facted(transcript.Facts{"work": name, "took_ms": took}, lists{"checks": checks})); e != nil {
			return e
		}
		return err
	}}
}

// during is work that belongs to a page on which somebody chose it.
func (r *Run) during(name string, do func() error) error {
	if err := r.record("begun", Program, "", transcript.Facts{"work": name}); err != nil {
		return err
	}
	r.working = name
	if err := do(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	r.working = ""
	return r.record("done", Program, "", transcript.Facts{"work": name})
}

// handOver makes the page between two people. done runs once the one who takes
// over typed their name; other, unless it is nil, if somebody else shall.
func (r *Run) handOver(from, to Person, text string, done func(context.Context) error, other func() error) *page {
	word := firstName(to.Name)
	p := Prompt{Kind: HandOver, By: to, From: from.Name, Word: word, Heading: "Pass the keyboard to " + to.Name,
		Recorded: "who took the keyboard, when."}
	if text != "" {
		p.Text = []string{text}
	}
	return &page{Prompt: p, do: func(ctx context.Context, in Input) error {
		switch {
		case in.Choice == "other" && other != nil:
			return other()
		case in.Choice == "other":
			return askAgain("Nobody else goes first here.", r.stands(), "Call "+to.Name+", or stop.")
		case !sameWord(in.Text, word):
			return askAgain("That is not "+word+".", "Nothing is shown before "+to.Name+" has the keyboard.", "Type "+word+" to begin.")
		}
		// An interlude may have moved the keyboard since the page was made.
		left := r.page.From
		if err := r.record("hand-over", to.Role, to.Name, transcript.Facts{"from": left, "to": to.Name}); err != nil {
			return err
		}
		if r.seat.who.Name != "" {
			r.seat.who = to
		}
		return done(ctx)
	}}
}

// backTo hands the keyboard back to the operator.
func (r *Run) backTo(from Person, back *bool) *page {
	return r.handOver(from, r.person(Operator), "", func(context.Context) error {
		*back = true
		return nil
	}, nil)
}

// pick finds a choice of a page by its answer.
func pick(choices []Choice, id string) bool {
	for _, c := range choices {
		if c.ID == id {
			return true
		}
	}
	return false
}

// askAgain is the error that asks the same page again.
func askAgain(happened, state, do string) error {
	return &again{Problem{Happened: happened, State: state, Do: do}}
}

// askAgainAt is askAgain for a form, with the cursor at the line at fault.
func askAgainAt(field, happened, state, do string) error {
	return &again{Problem{Happened: happened, State: state, Do: do, Field: field}}
}

// chooseAgain is askAgain for an answer that is none of the choices.
func (r *Run) chooseAgain() error {
	return askAgain("That is none of the choices.", r.stands(), "Choose one of the list.")
}
