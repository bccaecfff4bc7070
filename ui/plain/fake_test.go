package plain_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"conclave/ceremony"
	"conclave/hsm/secret"
)

// fake walks a list of prompts and keeps what was answered.
type fake struct {
	t        *testing.T
	practice bool
	prompts  []ceremony.Prompt
	work     func(ctx context.Context, at int) // of the job that follows prompt at

	noted      []ceremony.Deviation
	interludes []ceremony.Interlude
	refused    []*ceremony.Refusal // of one note after the other

	at      int
	busy    bool
	done    bool
	got     []ceremony.Input
	secrets []string // what came as Secret: the tests' own, worth nothing
	outcome ceremony.Outcome
}

func (f *fake) job(do func(context.Context)) ceremony.Job {
	if f.busy {
		f.t.Error("a job was begun while another is out")
	}
	f.busy = true
	return func(ctx context.Context) ceremony.Result {
		do(ctx)
		return ceremony.Result{}
	}
}

func (f *fake) Start() ceremony.Job {
	f.at = -1
	return f.job(func(context.Context) {})
}

func (f *fake) Prompt() ceremony.Prompt {
	if f.at < 0 || f.at >= len(f.prompts) {
		return ceremony.Prompt{}
	}
	p := f.prompts[f.at]
	p.Stamp = ceremony.Stamp{Step: f.at, Page: f.at + 1}
	return p
}

func (f *fake) Answer(in ceremony.Input) (ceremony.Job, error) {
	defer in.Secret.Wipe()
	if in.Stamp != f.Prompt().Stamp {
		f.t.Errorf("the answer to prompt %d has the stamp %v", f.at, in.Stamp)
		return nil, ceremony.ErrStale
	}
	f.secrets = append(f.secrets, string(in.Secret.Expose()))
	in.Secret = secret.Bytes{}
	f.got = append(f.got, in)
	at := f.at
	return f.job(func(ctx context.Context) {
		if f.work != nil {
			f.work(ctx, at)
		}
	}), nil
}

func (f *fake) Finish(ceremony.Result) error {
	if !f.busy {
		return errors.New("no job is out")
	}
	f.busy = false
	if f.at++; f.at >= len(f.prompts) {
		f.done = true
	}
	return nil
}

func (f *fake) Abort(by, reason string) (ceremony.Job, error) {
	if f.busy {
		return nil, ceremony.ErrBusy
	}
	f.outcome = ceremony.Outcome{Code: ceremony.CodeStopped, Sentence: by + ": " + reason}
	f.prompts = f.prompts[:f.at+1]
	return f.job(func(ctx context.Context) {
		if ctx.Err() != nil {
			f.t.Error("the stop was given a context that has ended")
		}
	}), nil
}

func (f *fake) Note(d ceremony.Deviation) (ceremony.Job, error) {
	f.noted = append(f.noted, d)
	f.at-- // Finish goes on by one: the page stands
	return f.job(func(context.Context) {}), nil
}

func (f *fake) Interrupt(i ceremony.Interlude) (ceremony.Job, error) {
	f.interludes = append(f.interludes, i)
	return f.job(func(context.Context) {}), nil
}

func (f *fake) Refused() *ceremony.Refusal {
	if len(f.refused) == 0 {
		return nil
	}
	r := f.refused[0]
	f.refused = f.refused[1:]
	return r
}

func (f *fake) Done() bool                { return f.done }
func (f *fake) Outcome() ceremony.Outcome { return f.outcome }
func (f *fake) Header() ceremony.Header {
	return ceremony.Header{Title: "INIT", Step: f.at + 1, Steps: len(f.prompts), Practice: f.practice}
}

// screen is an output that another goroutine may read.
type screen struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func (s *screen) has(text string) bool { return strings.Contains(s.String(), text) }
