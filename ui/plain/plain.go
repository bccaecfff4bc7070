// Package plain is the second front end: the prompts of a ceremony line by line,
// for screen readers, serial lines and scripts. Like package ui it knows kinds
// of prompts, never ceremonies.
//
// Each line begins with the id of the step in brackets. A prompt is printed,
// then one line is read; nothing is drawn over or moved.
//
// It promises:
//   - all prompts read from one buffer, so no line of a pipe is lost between
//     two of them, and it lies in locked memory (TestOneBuffer);
//   - a PIN or a share is read into a secret.Bytes and into nothing else; on a
//     terminal without echo, and what was typed ahead is dropped first
//     (TestTerminal);
//   - from a pipe secrets are taken in practice only, or with the override
//     (TestPipedSecrets);
//   - a secret is printed only after a word that says that it stays in the
//     scrollback (TestShow);
//   - a line that is only ! notes a deviation at every prompt, or a break, who
//     leaves or who arrives, and the page is printed again (TestNote, TestAsides);
//   - however it ends, the record is finished and the terminal echoes again:
//     ctrl+c, a signal and the end of the input stop the ceremony with a reason
//     (TestStops).
//
// It does not promise that a secret which was printed can be taken back: the
// terminal keeps it.
package plain

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"conclave/ceremony"
	"conclave/hsm/secret"
	"conclave/ui/gpg"
)

// Ceremony is what Run walks; *ceremony.Run is one.
type Ceremony interface {
	Start() ceremony.Job
	Prompt() ceremony.Prompt
	Answer(ceremony.Input) (ceremony.Job, error)
	Finish(ceremony.Result) error
	Abort(by, reason string) (ceremony.Job, error)
	Note(ceremony.Deviation) (ceremony.Job, error)
	Refused() *ceremony.Refusal
	Interrupt(ceremony.Interlude) (ceremony.Job, error)
	Done() bool
	Outcome() ceremony.Outcome
	Header() ceremony.Header
}

// Options is what Run needs from outside.
type Options struct {
	In      *os.File         // the one input
	Out     io.Writer        // unbuffered: secrets go through it
	Piped   bool             // secrets may come as lines of an In that is no terminal
	Signals <-chan os.Signal // all that ask the program to end, from signal.Notify

	// Waiting is since when the HSM has not answered; zero: it has. nil: nobody
	// knows.
	Waiting func() time.Time

	// Decrypt has gpg decrypt a file, with the terminal; nil: it is not offered.
	Decrypt func(ctx context.Context, file string) (secret.Bytes, gpg.Tool, error)

	// Auto plays every person: it gives the answer to a prompt, or false for one
	// that it cannot answer; then the ceremony is stopped.
	Auto func(ceremony.Prompt) (ceremony.Input, bool)
}

// Run walks the ceremony to its end and says how it ended. It prints no last
// sentence: the caller has the Outcome's.
func Run(ctx context.Context, c Ceremony, opt Options) ceremony.Outcome {
	s := &session{c: c, opt: opt, out: opt.Out, cancelled: ctx.Done()}
	s.in = newReader(opt.In, s.interrupted)
	defer s.in.close()
	end := s.work(ctx, c.Start())
	for !c.Done() {
		var in ceremony.Input
		if end == nil {
			in, end = s.answer(ctx, c.Prompt())
		}
		if end != nil {
			if !s.abort(ctx, end) {
				break
			}
			continue
		}
		in.Stamp = c.Prompt().Stamp
		job, err := c.Answer(in)
		if err != nil {
			continue // refused: nothing happened, the prompt stands
		}
		end = s.work(ctx, job)
	}
	return c.Outcome()
}

// session is one walk.
type session struct {
	c         Ceremony
	opt       Options
	out       io.Writer
	in        *reader
	told      bool   // how to note a deviation
	noting    bool   // a deviation is being typed
	step      string // the step whose line was printed last
	cancelled <-chan struct{}
}

// stopped is why the people, a signal or the input end the ceremony.
type stopped struct{ by, reason string }

// signalled is what a reader returns when a signal came.
type signalled struct{ os.Signal }

func (s signalled) Error() string { return s.String() }

var errCancelled = errors.New("the program was told to end")

// interrupted tells, without waiting, whether to stop waiting for a line.
func (s *session) interrupted() error {
	select {
	case sig := <-s.opt.Signals:
		return signalled{sig}
	case <-s.cancelled:
		return errCancelled
	default:
		return nil
	}
}

// work runs a job. A signal meanwhile asks the job to end and stops the
// ceremony once it is back: what must not be interrupted goes on.
func (s *session) work(ctx context.Context, job ceremony.Job) *stopped {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	back := make(chan ceremony.Result, 1)
	go func() { back <- job(ctx) }()
	var end *stopped
	cancelled := s.cancelled
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var told time.Time // of which silence
	for {
		select {
		case now := <-tick.C:
			if s.opt.Waiting == nil {
				continue
			}
			if since := s.opt.Waiting(); !since.IsZero() && since != told && now.Sub(since) >= ceremony.Patience {
				told = since
				s.say(ceremony.NotAnswered(now.Sub(since)))
			}
			continue
		case res := <-back:
			if err := s.c.Finish(res); err != nil && end == nil {
				end = &stopped{"the program", err.Error()}
			}
			return end
		case sig := <-s.opt.Signals:
			end = &stopped{"the program", bySignal(sig)}
		case <-cancelled:
			end, cancelled = &stopped{"the program", errCancelled.Error()}, nil
		}
		s.say("The program stops at the next point where stopping is safe.")
		cancel()
	}
}

func bySignal(sig os.Signal) string {
	if sig == os.Interrupt {
		return "ctrl+c"
	}
	return fmt.Sprintf("the program was told to end (%v)", sig)
}

// abort ends the ceremony. It tells whether that could be begun.
func (s *session) abort(ctx context.Context, end *stopped) bool {
	job, err := s.c.Abort(end.by, end.reason)
	if err != nil {
		return false
	}
	// The record is finished even if the context is what ended it.
	s.cancelled = nil
	s.work(context.WithoutCancel(ctx), job)
	return true
}
