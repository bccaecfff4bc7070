package ceremony

import (
	"context"
	"fmt"
	"slices"

	"conclave/assets/clean"
	"conclave/ceremony/plan"
	"conclave/ceremony/transcript"
	"conclave/hsm/secret"
	"conclave/vaultstate"
)

// On a running server the vault's keys are the server's: there is no HSM here
// and no state on disk. In place of the HSM the people meet the server: who
// answers at the address, what it can do and what it wants for that. A token
// that it wants is typed, or comes from the environment; it lies in locked memory
// and is dropped in a break.

// serving is where the meeting of the server stands.
type serving struct {
	about    vaultstate.About
	clock    otherClock
	doors    []vaultstate.Door
	asked    bool
	compared map[string]vaultstate.Digest // by address: the certificates that were meant; see compareServer
	token    bool                         // one is in use
	had      bool                         // …or was, before a break
	given    secret.Bytes                 // the token of the environment, until it was tried
	refused  bool                         // …and the server did not take it
	going    going                        // agreed before what cannot be undone
	nonce    string                       // the last that was recorded

	pending pendingThere
	revoke  revoking
}

// remote tells whether the vault is a running server.
func (r *Run) remote() bool { return r.plan.Server != nil }

func (r *Run) server() (vaultstate.Remote, error) {
	v, ok := r.env.Vault.(vaultstate.Remote)
	if !ok {
		return nil, fmt.Errorf("this vault is no server: %w", vaultstate.ErrUnsupported)
	}
	return v, nil
}

// onServer and onDisk are steps of a ceremony on a server, and on a local vault.
func onServer(list ...[]Step) []Step { return where(true, list) }
func onDisk(list ...[]Step) []Step   { return where(false, list) }

func where(remote bool, list [][]Step) []Step {
	all := steps(list...)
	for i := range all {
		all[i].Only = func(p *plan.Plan) bool { return (p.Server != nil) == remote }
	}
	return all
}

// inGap tells whether a server is initialised and its recovery keys do not count
// yet.
func (r *Run) inGap() bool {
	return r.remote() && r.plan.Kind == vaultstate.Init && r.begun && !r.committed && !r.agreed.Counts
}

const gapText = "The server is initialised, and has no recovery keys yet: its root token is the only authority. With it, a recovery rekey makes them."

// later is goStep where the change is not made before it.
func later(list []Step) []Step {
	for i := range list {
		list[i].Only = func(p *plan.Plan) bool { return p.Server == nil || !p.AtOnce() }
	}
	return list
}

// Of is the ceremony with the steps that a plan's vault has.
func (c Ceremony) Of(p *plan.Plan) Ceremony {
	c.Steps = slices.DeleteFunc(slices.Clone(c.Steps), func(s Step) bool { return s.Only != nil && !s.Only(p) })
	if p.UnsealKeys {
		c.Title = "UNSEAL KEYS"
	}
	return c
}

func meetServer(r *Run) *page {
	s := &r.serving
	unchanged := Prompt{IfPowerFails: "nothing has been changed."}
	switch {
	case !s.asked:
		return r.work("ask the server what it can do", unchanged, r.askServer)
	case r.toCompare() != "":
		return r.compareServer(r.toCompare())
	case r.tokenWaits():
		return r.work("ask the server with the token", unchanged, r.askServer)
	case r.wantsToken() && !s.token:
		return r.askToken()
	}
	return r.clearServer()
}

// askServer asks what the server is and what it can do, and records both. It is
// done again with the token of the environment, if there is one, once the
// certificates were compared: before that nothing secret leaves.
func (r *Run) askServer(ctx context.Context) ([]string, error) {
	s := &r.serving
	v, err := r.server()
	if err != nil {
		return nil, err
	}
	if s.about, err = v.About(ctx); err != nil {
		return nil, err
	}
	s.clock = r.clockOf(s.about.Clock)
	if s.asked && r.tokenWaits() {
		s.given = r.env.Token.Clone()
		if err := v.UseToken(s.given); err != nil {
			return nil, err
		}
	}
	s.doors = nil
	if r.status.Initialized && r.plan.Kind != plan.Unseal {
		if s.doors, err = v.Doors(ctx); err != nil {
			return nil, err
		}
	}
	if err := r.judgeToken(v); err != nil {
		return nil, err
	}
	var ways []string
	for _, d := range s.doors {
		ways = append(ways, d.Text)
	}
	facts := facted(transcript.Facts{"address": r.status.Name, "version": s.about.Version, "cluster": s.about.Cluster, "cluster_id": s.about.ClusterID,
		"token": r.tokenText()}, lists{"ways": ways, "certificates": r.certificates(v), "variables": r.env.Machine.Variables})
	if clock := s.clock.fact(); clock != "" {
		facts["clock"] = clock
	}
	if err := r.record("server", Program, "", facts); err != nil {
		return nil, err
	}
	if d, ok := r.door(); ok && !d.Open && !d.NeedsToken {
		return nil, notOffered(d)
	}
	if s.token {
		if err := r.lookWithToken(ctx); err != nil {
			return nil, err
		}
	}
	s.asked = true
	return append([]string{"the server says that it is version " + s.about.Version}, ways...), nil
}

func notOffered(d vaultstate.Door) error {
	do := " Whoever runs the server does that; then try again, or stop."
	if d.Never {
		do = " Stop; it is another ceremony."
	}
	return &toldError{Problem{Happened: "The server does not offer this.", State: "Nothing is changed.", Do: capital(sentence(d.Text)) + do}, vaultstate.ErrClosed}
}

// door is the way that this ceremony goes.
func (r *Run) door() (vaultstate.Door, bool) {
	i := slices.IndexFunc(r.serving.doors, func(d vaultstate.Door) bool { return d.Kind == r.plan.Operation() })
	if i < 0 {
		return vaultstate.Door{}, false
	}
	return r.serving.doors[i], true
}

// recordRequests records what was asked of the server since it was asked last.
func (r *Run) recordRequests() error {
	v, ok := r.env.Vault.(vaultstate.Remote)
	if !ok || r.events == 0 || r.closed {
		return nil
	}
	list := v.Requests()
	if len(list) == 0 {
		return nil
	}
	for i, s := range list {
		list[i] = clean.Cut(s, mostObject)
	}
	facts := transcript.Facts{"requests": list}
	if nonce := v.Nonce(); nonce != r.serving.nonce {
		r.serving.nonce, facts["nonce"] = nonce, nonce
	}
	return r.record("requests", Program, "", facts)
}

// beforehand is the agreement before the server does what cannot be undone.
func (r *Run) beforehand(prompt func(*Run) Prompt) *page {
	if !r.remote() || !r.plan.AtOnce() {
		return nil
	}
	p := prompt(r)
	p.Word, p.Badge = r.c.Word, "CHANGES THE SERVER"
	return r.confirmTwice(&r.serving.going, p, p.Action)
}

// commitAtServer has the server do what makes the change count, where that is
// left to us, and asks it what is so.
func (r *Run) commitAtServer() *page {
	p := Prompt{IfPowerFails: "the server is as before or as agreed; it says which when it is asked."}
	switch {
	case !r.committed && r.proof.refused:
		if p := proveShares(r); p != nil {
			return p
		}
		fallthrough
	case !r.committed:
		return r.work("have it count at the server", p, r.commit)
	case !r.aftermath.checked:
		return r.work("ask the server what is so", p, r.checkAgain)
	}
	return nil
}
