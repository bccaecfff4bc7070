package command

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"conclave/ceremony"
	"conclave/ceremony/anchor"
	"conclave/ceremony/plan"
	"conclave/hsm"
	"conclave/vaultstate"
	"conclave/vaultstate/api"
	"conclave/vaultstate/local"
)

// noCeremony is what a session is not. It stands on page one of its record.
const noCeremony = "API session: no person was identified, no share was proven by one."

// session opens the HSM and the vault, answers until it ends, and closes the
// record.
func (p *Process) session(ctx context.Context, s *serving, t *target, cfg hsm.Config) (err error) {
	token := &lateToken{cfg: cfg}
	defer func() { err = errors.Join(err, token.Close()) }()
	v, err := local.Open(local.Options{Storage: t.storage.Text, Seal: token, Addresses: t.addresses, Now: p.Now})
	if err != nil {
		return usage("%v. Nothing was touched.", err)
	}
	defer func() { err = errors.Join(err, v.Close()) }()
	if found, _, err := servers(ctx, t); err != nil {
		return explained(err)
	} else if len(found) > 0 {
		return explained(fmt.Errorf("%w: %s", vaultstate.ErrServerRunning, strings.Join(found, " ")))
	}
	met, err := s.meet(ctx, t, v, token)
	if own := (*ending)(nil); errors.As(err, &own) {
		return own
	} else if err != nil {
		return explained(err)
	}
	var srv *api.Server
	at, err := s.listener(ctx, func(who, why string) { srv.Refused(who, why) })
	if err != nil {
		return err
	}
	defer at.close()
	// From here on a signal ends the session in order: its record is closed.
	until, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	rec, err := p.sessionRecord(s, t, at, met)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rec.Close()) }()
	o := api.Options{Vault: v, Record: rec, ID: s.f.id, Allow: s.kinds, Once: true, Plain: s.plain, Holders: s.holders(), Version: version(), Host: at.host, Now: p.Now,
		Check: func(op vaultstate.Operation) error { return s.asAgreed(op, p.Now()) }}
	if at.token != nil {
		o.Token = at.token.text
	}
	if srv, err = api.New(ctx, o); err != nil {
		return explained(err)
	}
	p.sayServing(s, t, at, rec, met.status.Pending)
	why, err := p.answer(until, s, srv, at)
	return errors.Join(err, p.endSession(ctx, s, srv, rec, why))
}

// met is what was found of HSM and vault before a session.
type met struct {
	info      hsm.Info
	key       hsm.Key
	tests     []hsm.TestLine
	status    vaultstate.Status
	state     vaultstate.State // zero where there is no vault yet
	generated bool
}

// meet logs in, finds or makes the key, tests it, and opens the vault with it.
func (s *serving) meet(ctx context.Context, t *target, v *local.Vault, token *lateToken) (m met, err error) {
	if m.status, err = v.Status(ctx); err != nil {
		return m, err
	}
	if m.info, err = token.Info(ctx); err != nil {
		return m, err
	}
	if m.info.Software && !s.softToken {
		return m, failed("the token is a software token: its keys are files on this machine. Nothing was touched; use an HSM, or allow it with -allow-software-token, which the record will say.")
	}
	if err := token.Login(ctx, t.pin); err != nil {
		return m, err
	}
	m.key, err = token.FindKey(ctx)
	if errors.Is(err, hsm.ErrKeyNotFound) && !m.status.Initialized && t.generates() && slices.Contains(s.kinds, vaultstate.Init) { // S4
		m.key, err = token.GenerateKey(ctx)
		m.generated = true
	}
	if err != nil {
		return m, err
	}
	if m.tests, err = token.SelfTest(ctx); err != nil {
		return m, err
	}
	// What gives no random bytes is no reason to stop: then it is the system's.
	_ = token.Seed(ctx)
	if !m.status.Initialized {
		return m, nil
	}
	if m.state, _, err = v.Open(ctx, false, nil); err != nil {
		return m, err
	}
	if err := s.asLeft(m); err != nil {
		return m, err
	}
	return m, s.anchored(ctx, m.state.SealKeyID, token)
}

// anchored refuses to change a vault of whose state the HSM keeps an anchor: a
// session has no ceremony that brings it up to date, and the next would find
// another state.
func (s *serving) anchored(ctx context.Context, key string, token *lateToken) error {
	if len(s.kinds) == 0 {
		return nil
	}
	kept, err := token.Data(ctx, anchor.Label(key))
	if err != nil {
		return err
	}
	if len(kept) > 0 {
		return failed("the HSM keeps an anchor of this vault, and a session does not keep it up to date. Nothing was touched; hold the ceremony, or serve without -allow.")
	}
	return nil
}

// overrides are the rules that a session weakens.
func (s *serving) overrides(t *target) []plan.Override {
	list := append([]plan.Override{{ID: "api-session", Sentence: noCeremony}}, t.overrides...)
	if s.plain {
		list = append(list, plan.Override{ID: "plain-shares", Sentence: "One process may receive all shares of a set in plain."})
	}
	if s.softToken {
		list = append(list, plan.Override{ID: "software-token", Sentence: "The HSM is a software token: its keys are files on this machine."})
	}
	return list
}

// makesToken tells whether a root token may come of the session.
func (s *serving) makesToken() bool {
	return slices.Contains(s.kinds, vaultstate.Init) || slices.Contains(s.kinds, vaultstate.GenerateRoot)
}

// allowed is what may be done, in words.
func (s *serving) allowed() string {
	if len(s.kinds) == 0 {
		return "nothing but to ask for the status"
	}
	var names []string
	for _, k := range s.kinds {
		names = append(names, string(k))
	}
	return strings.Join(names, ", ") + "; each once"
}

func (p *Process) sayServing(s *serving, t *target, at *place, rec *sessionRecord, left []vaultstate.Leftover) {
	say := func(format string, a ...any) {
		for _, line := range fill(strings.Fields(fmt.Sprintf(format, a...)), 78, " ") {
			fmt.Fprintln(p.Stdout, line)
		}
	}
	say("This is the API of Vault and OpenBao in front of %s, for automation. It is no ceremony: there is no room, nobody is identified, and no person proves a share.", t.storage.Text)
	say("%s", ceremony.Honesty)
	for _, o := range s.overrides(t)[1:] {
		say("! %s", o.Sentence)
	}
	for _, l := range left {
		if l.State == "staged" {
			say("! %s is in %s. %s Until then nothing can begin.", l.ID, l.Path, l.Text)
		}
	}
	say("Allowed: %s.", s.allowed())
	fmt.Fprintln(p.Stdout, "BAO_ADDR="+at.address)
	if at.token != nil {
		fmt.Fprintln(p.Stdout, "BAO_TOKEN is in "+at.token.file)
		say("Where a token of the vault is needed, this one goes into the header %s: bao ... -header=%s=TOKEN.", api.TokenHeader, api.TokenHeader)
	}
	say("It ends at %s UTC, or after %s without a request.", p.Now().Add(s.length).UTC().Format(time.DateTime), s.idle)
	fmt.Fprintln(p.Stdout, "The record is in "+rec.folder.Dir())
}

// answer answers until the session ends, which a signal ends too, and says why it ended.
func (p *Process) answer(ctx context.Context, s *serving, srv *api.Server, at *place) (why string, err error) {
	h := srv.HTTP()
	failed := make(chan error, 1)
	go func() { failed <- h.Serve(at.listener) }()
	end := time.NewTimer(s.length)
	defer end.Stop()
	look := time.NewTicker(min(time.Second, s.idle))
	defer look.Stop()
	for why == "" {
		select {
		case <-ctx.Done():
			why = "somebody stopped it"
		case <-end.C:
			why = fmt.Sprintf("its time of %s was over", s.length)
		case <-look.C:
			switch idle := srv.Idle(); {
			case srv.Spent() && idle >= min(spentWait, s.idle) && !s.makesToken():
				why = "what was allowed is done"
			case idle >= s.idle:
				why = fmt.Sprintf("nobody asked for anything for %s", s.idle)
			}
		case err = <-failed:
			return "it could not listen any more", fmt.Errorf("serving the API: %w", err)
		}
	}
	// What is being answered is answered.
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	err = h.Shutdown(ending)
	if served := <-failed; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return why, err
}

// changes counts them in words.
func changes(n int) string {
	if n == 1 {
		return "1 change"
	}
	return fmt.Sprintf("%d changes", n)
}

// endSession cancels what is pending and closes the record.
func (p *Process) endSession(ctx context.Context, s *serving, srv *api.Server, rec *sessionRecord, why string) error {
	err := srv.Close(context.WithoutCancel(ctx))
	calls, changed, refused := srv.Counts()
	text := fmt.Sprintf("The session ended: %s. %d requests, %s, %d not let in.", why, calls, changes(changed), refused)
	if e := rec.close(text); e != nil {
		err = errors.Join(err, e)
	}
	text += " The record is in " + rec.folder.Dir() + "."
	switch over := srv.Over(); {
	case errors.Is(over, vaultstate.ErrChanged):
		return &ending{CodeChanged, text + " " + sentence(over.Error())}
	case over != nil:
		err = errors.Join(err, over)
	}
	if err != nil {
		return failed("%s %s", text, sentence(err.Error()))
	}
	fmt.Fprintln(p.Stderr, "conclave: "+oneLine(text))
	return nil
}
