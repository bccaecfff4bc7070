package ceremony

import (
	"context"
	"errors"
	"slices"
	"time"

	"conclave/ceremony/plan"
	"conclave/ceremony/transcript"
	"conclave/vaultstate"
)

// Refusals of Run.Answer: nothing happened, the prompt stands.
var (
	ErrStale = errors.New("the answer belongs to another prompt")
	ErrBusy  = errors.New("the program is at work")
	ErrOver  = errors.New("the ceremony is over")
)

// ErrOnline: the plan says offline, and the machine is not.
var ErrOnline = errors.New("the plan says that this machine is offline")

// Run walks a ceremony's steps. No method blocks: Start, Answer and Abort
// return a Job, which the front end runs off its event loop exactly once and
// whose Result goes to Finish. Between the two, Busy is true and answers are
// refused. What Prompt, Header, Script and Recent return changes only in Start,
// Answer, Abort and Finish, all on the front end's own goroutine.
//
// Between two answers, Note takes a deviation, and Interrupt begins a break or
// notes who leaves and arrives.
//
// A Run owns every secret that an Input hands over, and what the vault issues.
// It wipes them when their step ends and when the run ends, however it ends.
type Run struct {
	c   Ceremony
	env Env

	busy bool
	snap snapshot

	// Used by the Job that runs, and by nobody else meanwhile.
	state
	at     int // index into c.Steps; len(c.Steps) when all are done
	pages  int // pages drawn so far, for stamps
	page   *page
	script []ScriptLine
	recent []Recent
	over   *Outcome

	refusal *Refusal // of the last deviation
}

// snapshot is what front ends see between two Jobs.
type snapshot struct {
	prompt Prompt
	header Header
	script []ScriptLine
	recent []Recent
	over   *Outcome

	refusal *Refusal
}

// Outcome is how a run ended.
type Outcome struct {
	Code     int // exit code: 0 done, 1 failed, 3 stopped by the people, 4 not what it claims
	Sentence string
}

// Exit codes of a run.
const (
	CodeDone    = 0
	CodeFailed  = 1
	CodeStopped = 3
	CodeChanged = 4
)

// New prepares a run. Nothing is written and nobody is asked before Start.
func New(c Ceremony, env Env) *Run {
	c = c.Of(env.Plan)
	r := &Run{c: c, env: env}
	r.first = &device{hsm: env.HSM}
	r.device = r.first
	if env.OtherHSM != nil {
		r.second = &device{hsm: env.OtherHSM, second: true, doomed: c.ID == string(plan.Retire), shared: !env.Plan.OtherToken}
	}
	// The people page adds to the plan; the caller's stays as it was.
	p := *env.Plan
	p.People = slices.Clone(p.People)
	r.plan = &p
	r.op = vaultstate.ID(env.Plan.ID)
	for i, s := range c.Steps {
		r.script = append(r.script, ScriptLine{Number: i + 1, ID: s.ID, Title: s.Title, By: s.By})
	}
	r.look()
	return r
}

// Prompt is the page to show now.
func (r *Run) Prompt() Prompt { return r.snap.prompt }

// Header is the first row of every page.
func (r *Run) Header() Header { return r.snap.header }

// Script is the list of steps with their states.
func (r *Run) Script() []ScriptLine { return r.snap.script }

// Recent returns up to n of the last events, oldest first.
func (r *Run) Recent(n int) []Recent {
	list := r.snap.recent
	return list[max(0, len(list)-n):]
}

// Busy tells whether a Job is out.
func (r *Run) Busy() bool { return r.busy }

// Done tells whether the run is over.
func (r *Run) Done() bool { return r.snap.over != nil && !r.busy }

// Outcome says how the run ended, once Done.
func (r *Run) Outcome() Outcome {
	if r.snap.over == nil {
		return Outcome{Code: CodeFailed, Sentence: "The ceremony did not come to an end."}
	}
	return *r.snap.over
}

// Start opens the record and draws the first page.
func (r *Run) Start() Job {
	return r.job(Stamp{}, r.open)
}

// Answer takes an answer to the present prompt. The Input's secret belongs to
// the run from here on, also when the answer is refused.
func (r *Run) Answer(in Input) (Job, error) {
	err := r.accepts(in.Stamp)
	if err != nil {
		in.Secret.Wipe()
		return nil, err
	}
	p := r.page
	return r.job(in.Stamp, func(ctx context.Context) error {
		defer in.Secret.Wipe()
		if err := r.screenWord(p, in.Text); err != nil {
			return err
		}
		return p.do(ctx, in)
	}), nil
}

func (r *Run) accepts(s Stamp) error {
	switch {
	case r.Done():
		return ErrOver
	case r.busy:
		return ErrBusy
	case s != r.snap.prompt.Stamp:
		return ErrStale
	}
	return nil
}

// Abort ends the ceremony: what is pending is cancelled, the reason recorded.
func (r *Run) Abort(by, reason string) (Job, error) {
	switch {
	case r.Done():
		return nil, ErrOver
	case r.busy:
		return nil, ErrBusy
	}
	return r.job(r.snap.prompt.Stamp, func(ctx context.Context) error {
		// The stop is heard in any case, its words only if they are no secret.
		for _, text := range []*string{&by, &reason} {
			if r.holdsSecret(*text) || SecretShape(*text) {
				*text = refusedText
			}
		}
		return &stop{code: CodeStopped, by: by, reason: reason}
	}), nil
}

// Finish takes a Job's result.
func (r *Run) Finish(res Result) error {
	if !r.busy {
		return ErrStale
	}
	r.busy = false
	r.snap = res.next
	return nil
}

// Close wipes what the run still holds. It is called when the front end has
// ended, whether or not the run came to its end.
func (r *Run) Close() { r.wipe() }

// job wraps work so that its outcome becomes the next page.
func (r *Run) job(stamp Stamp, work func(context.Context) error) Job {
	r.busy = true
	ran := false
	return func(ctx context.Context) Result {
		if ran {
			panic("ceremony: a job was run twice")
		}
		ran = true
		err := work(ctx)
		if e := r.recordCalls(); e != nil {
			err = errors.Join(e, err)
		}
		r.settle(ctx, err)
		r.logOut(ctx)
		return Result{stamp: stamp, next: r.view()}
	}
}

// logOut ends the login once the run is over: what comes after needs the PIN
// anew. A token that does not answer has no login to end.
func (r *Run) logOut(ctx context.Context) {
	if r.over == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	for _, d := range r.tokens() {
		if d.loggedIn {
			d.loggedIn = false
			_ = d.hsm.Logout(ctx)
		}
	}
}

// advance draws the next page: of this step, or of the next that has one.
func (r *Run) advance() error {
	for r.at < len(r.c.Steps) {
		s := r.c.Steps[r.at]
		line := &r.script[r.at]
		if line.State == ToCome {
			if s.Needs != nil && !s.Needs(r) {
				line.State = Skipped
				if err := r.record("step", Program, "", transcript.Facts{"state": "skipped", "title": s.Title, "number": line.Number}); err != nil {
					return err
				}
				r.at++
				continue
			}
			line.State = Now
			if err := r.record("step", Program, "", transcript.Facts{"state": "begun", "title": s.Title, "number": line.Number}); err != nil {
				return err
			}
		}
		r.device = r.first
		p := r.interlude()
		if p == nil {
			p = r.loginAgain()
		}
		if p == nil {
			p = r.tokenAgain()
		}
		if p == nil {
			p = r.seated(s.Next(r))
		}
		if p != nil {
			r.show(p)
			return nil
		}
		line.State = line.ended()
		line.Done = r.env.Now()
		// The record is closed by the last step; nothing may follow it.
		if !r.closed {
			if err := r.record("step", Program, "", transcript.Facts{"state": "done", "title": s.Title, "number": line.Number}); err != nil {
				return err
			}
		}
		r.at++
	}
	code := CodeDone
	if (r.plan.Kind == plan.Unseal || r.plan.Kind == plan.Retire) && r.failed() > 0 {
		code = CodeChanged
	}
	r.over = &Outcome{code, r.result}
	r.wipe()
	return nil
}

func (r *Run) show(p *page) {
	r.pages++
	s := r.step()
	p.Stamp = Stamp{Step: r.at, Page: r.pages}
	p.StepID, p.Title = s.ID, s.Title
	if p.Stop == "" {
		p.Stop = r.stands()
	}
	p.Again, p.Final = s.Redo != nil && r.aside.is == "", r.closed
	p.Asides = r.asides(p)
	r.page = p
}

func (r *Run) step() Step {
	return r.c.Steps[min(r.at, len(r.c.Steps)-1)]
}

// look takes the snapshot that front ends see.
func (r *Run) look() {
	if !r.busy {
		r.snap = r.view()
	}
}

func (r *Run) view() snapshot {
	s := snapshot{over: r.over, refusal: r.refusal}
	if r.page != nil {
		s.prompt = r.page.Prompt
	}
	s.header = Header{Title: r.c.Title, ID: r.env.Plan.ID, Vault: r.env.Plan.VaultName(), Step: min(r.at+1, len(r.c.Steps)),
		Steps: len(r.c.Steps), Practice: r.env.Plan.Practice, Recorded: r.events > 0}
	s.script = append(s.script, r.script...)
	if r.at < len(r.c.Steps) && r.c.Steps[r.at].Note != nil {
		s.script[r.at].Note = r.c.Steps[r.at].Note(r)
	}
	s.recent = append(s.recent, r.recent...)
	return s
}

// now is the run's clock.
func (r *Run) now() time.Time { return r.env.Now() }
