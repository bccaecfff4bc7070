package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"conclave/assets/clean"
	"conclave/ceremony"
	"conclave/ceremony/custodian"
	"conclave/ceremony/folder"
	"conclave/ceremony/plan"
	"conclave/ui"
	"conclave/ui/term"
	"conclave/vaultstate"
	"conclave/vaultstate/local"
	"conclave/vaultstate/storage"
)

// hold holds a ceremony on a real vault: everything that can be wrong with the
// command is found first, then the record begins.
func (p *Process) hold(ctx context.Context, kind vaultstate.Kind, f *flags) error {
	digest, err := f.readPlan(kind)
	if err != nil {
		return err
	}
	if remote, err := f.onServer(); err != nil {
		return err
	} else if remote {
		return p.holdServer(ctx, kind, f, digest)
	}
	t, err := f.target()
	if e := forgetPIN(); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	defer t.Wipe()
	t.values = append(t.values, digest...)
	t.adopt(ctx)
	j, err := p.job(kind, f, t)
	if err != nil {
		return err
	}
	defer j.PIN.Wipe()
	if err := p.fits(ctx, kind, t); err != nil {
		return err
	}
	front, err := p.front(f.plain)
	if err != nil {
		return err
	}
	front.piped = f.piped
	out, dir, err := p.assembled(ctx, front, j)
	return errors.Join(p.end(out, dir, err), front.close())
}

// job is the ceremony that flags, environment and configuration ask for.
func (p *Process) job(kind vaultstate.Kind, f *flags, t *target) (Job, error) {
	j := Job{Parent: f.dir, Addresses: t.addresses, Now: p.Now, Settle: p.Settle}
	var lacks, err error
	if j.HSM, lacks = t.hsmConfig(); lacks != nil && kind != plan.Drill {
		return j, lacks
	}
	there, err := os.ReadDir(f.dir)
	switch {
	case err != nil:
		return j, usage("-dir: %s is not a directory that can be read. Nothing was touched; make it first.", clean.Clean(f.dir))
	case f.id != "" && used(there, f.id):
		if err := f.takeUp(there); err != nil {
			return j, err
		}
	}
	q, roster, err := p.request(kind, f, t)
	if err != nil {
		return j, err
	}
	j.OtherHSM = t.second
	if err := p.finish(f, q, roster, &j); err != nil {
		return j, err
	}
	if lacks != nil && j.Plan.UsesHSM() {
		return j, lacks
	}
	if j.Plan.UsesHSM() {
		j.Machine.Login, j.PIN = t.login, t.pin.Clone()
	}
	j.Machine.LookedAt = append([]string{"files open in the storage directory"}, t.addresses...)
	return j, nil
}

// runValue is the number of a run that begins in dir now.
func runValue(dir string, n folder.Run) plan.Value {
	return plan.Value{Name: "run", Text: n.Text(), Source: "counted in " + dir, Day: true}
}

// request is all that is asked for, but for what depends on the terminal.
func (p *Process) request(kind vaultstate.Kind, f *flags, t *target) (plan.Request, *custodian.Roster, error) {
	n, err := f.otherTarget(t)
	if err != nil {
		return plan.Request{}, nil, err
	}
	q := plan.Request{Kind: kind, Storage: t.storage.Text, Config: t.config, Values: t.values, Overrides: t.overrides}
	if err := f.request(&q); err != nil {
		return q, nil, err
	}
	q.GenerateKey = t.generates()
	c, err := t.tokenConfig()
	if err != nil {
		return q, nil, usage("%v. Nothing was touched.", err)
	}
	if q.AcceptUnauthenticated, err = t.acceptsSeal(kind, c); err != nil {
		return q, nil, err
	}
	if n != nil {
		take := f.rewraps
		if kind == plan.Retire {
			take = f.retires
		}
		if err := take(&q, t, n); err != nil {
			return q, nil, err
		}
	}
	if q.ID == "" {
		if q.ID, err = freshID(f.dir, false, p.Now()); err != nil {
			return q, nil, err
		}
	}
	if err := noSecrets(q, t.pin); err != nil {
		return q, nil, err
	}
	roster, err := f.before(&q)
	if err != nil {
		return q, nil, err
	}
	q.Known, q.Earlier = known(roster), roster != nil
	if roster != nil {
		q.SignedBy, _, _ = strings.Cut(roster.SigningKey, "+")
	}
	if err := f.drills(&q, roster, p.Now()); err != nil {
		return q, nil, err
	}
	if kind == vaultstate.Recover {
		if err := f.recovery(&q, t, roster, p.Now()); err != nil {
			return q, nil, err
		}
	}
	programs, err := programValues(t.hsm.Lib.Text)
	q.Values = append(q.Values, programs...)
	if err == nil && n != nil && n.other && n.hsm.Lib.Text != t.hsm.Lib.Text {
		q.Values, err = withLibrary(q.Values, n.hsm.Lib.Text)
	}
	return q, roster, err
}

// terminal refuses a terminal that keeps what it shows, and notes what is
// allowed all the same.
func (p *Process) terminal(f *flags, q *plan.Request) error {
	seen := p.seen()
	q.Overrides = append(q.Overrides, ofTheMachine(seen, p.Shortfalls)...)
	if err := term.Refusal(seen); err != nil {
		if !f.recorder {
			return failed("%s Nothing was touched; use another terminal, or allow it with -allow-recorder, which the record will say.", sentence(err.Error()))
		}
		q.Overrides = append(q.Overrides, plan.Override{ID: "recorder-allowed",
			Sentence: "The ceremony was held at a terminal that may be recorded: " + strings.Join(term.Sentences(seen), " ")})
	}
	if p.pipedIn() {
		switch {
		case !f.plain:
			return usage("standard input is no terminal. Nothing was touched; a script needs -plain and -allow-piped-secrets.")
		case !f.piped:
			return usage("standard input is no terminal, so PIN and shares would come through a pipe. Nothing was touched; allow it with -allow-piped-secrets, which the record will say.")
		}
		q.Overrides = append(q.Overrides, plan.Override{ID: "piped-secrets",
			Sentence: "PIN and shares came through a pipe: whatever wrote into it knows them."})
	}
	if f.plain && shows(q) {
		q.Overrides = append(q.Overrides, plan.Override{ID: "plain-display",
			Sentence: "Shares or the root token are printed in plain mode: they stay in the terminal's scrollback."})
	}
	return nil
}

// shows tells whether a share or a root token will be shown to somebody.
func shows(q *plan.Request) bool {
	shares := q.Issues() && len(q.RecoveryKeys) == 0
	token := (q.Kind == vaultstate.GenerateRoot || q.Kind == vaultstate.Init && q.RootToken != "none") && q.RootTokenKey == nil
	return shares || token
}

// fits refuses, before a record begins and before the HSM is asked, what the
// storage shows to be impossible.
func (p *Process) fits(ctx context.Context, kind vaultstate.Kind, t *target) error {
	v, err := local.Open(local.Options{Storage: t.storage.Text})
	if err != nil {
		return usage("%v. Nothing was touched.", err)
	}
	defer func() { _ = v.Close() }() // nothing was begun
	st, err := v.Status(ctx)
	if err != nil {
		return err
	}
	switch {
	case kind == vaultstate.Init && st.Initialized:
		return explained(fmt.Errorf("%s: %w", t.storage.Text, vaultstate.ErrInitialized))
	case kind != vaultstate.Init && !st.Initialized:
		return explained(fmt.Errorf("%s: %w", t.storage.Text, vaultstate.ErrNotInitialized))
	}
	return nil
}

// explained is an error before a ceremony as the line on stderr.
func explained(err error) error {
	e := ui.Explain(err)
	code := CodeFailed
	if errors.Is(err, vaultstate.ErrChanged) || errors.Is(err, vaultstate.ErrCorrupt) || errors.Is(err, vaultstate.ErrPinned) {
		code = CodeChanged
	}
	state := e.State
	if state == "" {
		state = "Nothing was changed."
	}
	text := e.Happened + " " + state + " " + e.Do
	if e.Code != "" {
		text += " (" + e.Code + ")"
	}
	return &ending{code, text}
}

// assembled holds a job's ceremony and returns where its record lies.
func (p *Process) assembled(ctx context.Context, f *front, j Job) (ceremony.Outcome, string, error) {
	j.Progress = f.progress()
	a, err := Assemble(ctx, j)
	if err != nil {
		return ceremony.Outcome{}, "", explained(err)
	}
	dir := a.Folder.Dir()
	out, err := f.hold(ctx, a.Run, a.Waiting, nil)
	if e := a.Close(); err == nil && e != nil {
		err = fmt.Errorf("closing the ceremony: %w", e)
	}
	return out, dir, err
}

// end turns a ceremony's outcome into the program's: the one line that says
// what happened, what state things are in and where the record lies.
func (p *Process) end(out ceremony.Outcome, dir string, err error) error {
	if err != nil {
		return err
	}
	text := sentence(out.Sentence) + " The record is in " + dir + "."
	if out.Code == CodeDone {
		fmt.Fprintln(p.Stderr, "conclave: "+oneLine(text))
		return nil
	}
	return &ending{out.Code, text}
}

// servers looks for a server that uses the target's storage.
func servers(ctx context.Context, t *target) (found []string, unseen int, err error) {
	s, err := storage.Open(storage.OS, t.storage.Text)
	if err != nil {
		return nil, 0, err
	}
	return s.Servers(ctx, t.addresses)
}
