package ceremony

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"conclave/assets/clean"
	"conclave/ceremony/transcript"
	"conclave/vaultstate"
)

// again asks the same page again and says what was wrong.
type again struct{ problem Problem }

func (a *again) Error() string { return a.problem.Happened }

// stay shows a page that no step would draw again.
type stay struct{ page *page }

func (s *stay) Error() string { return "the page stays" }

// toldError is an error that has its three sentences with it.
type toldError struct {
	problem Problem
	err     error
}

func (t *toldError) Error() string { return t.err.Error() }
func (t *toldError) Unwrap() error { return t.err }

// stop ends the run.
type stop struct {
	code       int
	by, reason string
}

func (s *stop) Error() string { return s.reason }

type journalError struct{ err error }

func (j *journalError) Error() string { return "writing the transcript: " + j.err.Error() }
func (j *journalError) Unwrap() error { return j.err }

// settle turns the error of a page's work into what happens next.
func (r *Run) settle(ctx context.Context, err error) {
	var ask *again
	var end *stop
	var lost *journalError
	var same *stay
	switch {
	case err == nil:
		err = r.advance()
		if err == nil {
			return
		}
		r.settle(ctx, err)
	case errors.As(err, &lost):
		// Why, and what to do: the record will not say it.
		why := r.env.Explain(lost.err)
		do := clean.Clean(why.Do)
		if r.committed || r.begun && r.agreed.Counts { // what is to be done about an error ends with trying again
			do = "Put that right first. The change is not to be made again: the next ceremony, with this record beside it, goes on from there."
		}
		r.end(Outcome{CodeFailed, strings.TrimSpace("The record could not be written, so the ceremony stopped. " +
			clean.Clean(why.Happened) + " " + r.cancel(ctx) + " " + do)})
	case errors.As(err, &end):
		r.finishStopped(ctx, end)
	case errors.Is(err, errKept):
	case errors.As(err, &same):
		same.page.kept = true
		r.show(same.page)
	case errors.As(err, &ask):
		problem := ask.problem
		if err := r.advance(); err != nil {
			r.settle(ctx, err)
			return
		}
		r.page.Problem = &problem
	default:
		r.fail(ctx, err)
	}
}

// fail records a failure and offers to try again or to stop.
func (r *Run) fail(ctx context.Context, err error) {
	var told *toldError
	var p Problem
	if errors.As(err, &told) {
		p = told.problem
	} else {
		p = r.env.Explain(err)
	}
	work := r.working
	if work == "" {
		work = r.step().ID
	}
	r.working = ""
	if loginEnded(err) {
		for _, d := range r.tokens() { // which of them the error does not say
			d.loggedIn = false
		}
	}
	var lost *vaultstate.LostError
	if errors.As(err, &lost) {
		r.lost = lostState(lost)
		p.State = r.lost
	}
	if p.State == "" {
		p.State = r.stands()
	}
	p.Badge = "STOPPED"
	if e := r.record("failed", Program, "", transcript.Facts{"work": work, "reason": clean.Clean(p.Happened), "code": clean.Clean(p.Code)}); e != nil {
		r.settle(ctx, e)
		return
	}
	code := CodeFailed
	if changed(err) {
		code = CodeChanged
	}
	held := r.failure(p, code)
	held.kept = true
	r.show(held)
}

// lostState is what is so after an answer was lost, as far as the server said.
func lostState(l *vaultstate.LostError) string { return capital(sentence(clean.Cut(l.So, mostText))) }

// failure is the page of what failed. It stays until one of its ways is chosen.
func (r *Run) failure(p Problem, code int) *page {
	ways := []Choice{
		{"again", "Try again", "this step from where it stands; what was typed is kept"},
		{"stop", "Stop", "the ceremony ends here, and the record says so"},
	}
	if code == CodeChanged {
		ways = ways[1:]
	}
	return &page{
		Prompt: Prompt{Kind: Choose, By: r.person(Operator), Heading: p.Happened, Problem: &p, Choices: ways,
			Recorded: "the failure and what you choose."},
		do: func(_ context.Context, in Input) error {
			switch {
			case in.Choice == "again" && code != CodeChanged:
				return nil
			case in.Choice == "stop":
				return &stop{code: code, by: r.person(Operator).Name, reason: p.Happened}
			}
			return &stay{r.failure(p, code)}
		},
	}
}

// finishStopped ends the run at the people's wish, or because something is not
// what it claims: cancel, record, over.
func (r *Run) finishStopped(ctx context.Context, s *stop) {
	if r.closed {
		// Only the head was still on the screen.
		r.end(Outcome{CodeDone, capital(r.whole())})
		return
	}
	state := r.cancel(ctx)
	if r.events > 0 {
		// If they cannot be written, the next event cannot either.
		_ = r.objectsAtStop(ctx)
		_ = r.recordCalls()
		// A token that does not confirm it keeps nobody from stopping. A key that
		// signs the record needs the login for it.
		if r.sealing.key.Label == "" || r.sealing.without {
			_ = r.endLogin(ctx, "stop")
		}
		_ = r.recordSealCall()
		err := r.record("aborted", Operator, s.by, transcript.Facts{"reason": clean.Clean(s.reason), "step": r.step().ID, "state": state})
		if err == nil {
			r.closed = true
		} else {
			state += " The record could not be finished."
		}
		if err := r.seal(ctx); err != nil {
			state += " The head could not be written to head.txt."
		}
		state = strings.TrimSpace(state + " " + r.sealing.unsigned())
	}
	r.end(Outcome{s.code, fmt.Sprintf("Stopped in step %d, %s: %s %s", r.at+1, r.step().Title, sentence(s.reason), state)})
}

func (r *Run) end(o Outcome) {
	r.over = &o
	r.wipe()
}
