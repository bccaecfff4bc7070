package ceremony

import (
	"context"
	"errors"

	"conclave/ceremony/transcript"
	"conclave/hsm/secret"
	"conclave/vaultstate"
)

// tokenWaits tells whether the environment has a token that is wanted and was not
// tried yet.
func (r *Run) tokenWaits() bool {
	s := &r.serving
	return r.wantsToken() && !s.token && !s.refused && r.env.Token.Len() > 0
}

// judgeToken tells whether the token that was given is of use.
func (r *Run) judgeToken(v vaultstate.Remote) error {
	s := &r.serving
	if s.given.Len() == 0 {
		return nil
	}
	d, ok := r.door()
	switch {
	case ok && d.Open && d.NeedsToken:
		s.token, s.had = true, true
		if err := r.override("given-token", "Single control: whoever can read the "+r.env.Machine.Token+" has the server's token.", r.person(Operator).Name, ""); err != nil {
			return err
		}
	case ok && d.NeedsToken:
		s.refused = true
	}
	s.given.Wipe()
	s.given = secret.Bytes{}
	if s.token {
		return nil
	}
	return v.UseToken(secret.Bytes{}) // what needs none gets none
}

func (r *Run) tokenText() string {
	switch {
	case r.serving.token && r.env.Token.Len() > 0:
		return "from the " + r.env.Machine.Token
	case r.serving.token:
		return "typed"
	case r.serving.refused:
		return "refused"
	}
	return "none"
}

func (r *Run) wantsToken() bool {
	d, ok := r.door()
	return ok && d.NeedsToken
}

// askToken takes the token that the server wants besides shares, or for itself.
func (r *Run) askToken() *page {
	who := r.person(Operator)
	d, _ := r.door()
	p := Prompt{Kind: AskSecret, By: who, Heading: who.Name + ": type the server's token. It is not shown.", Field: "token",
		Facts: []Fact{{"server", r.status.Name}, {"for", d.Path}}, Text: []string{d.Text},
		Recorded: "that a token was typed, and whether the server takes it for this. No character of it."}
	if r.serving.refused {
		p.Lines = []Line{{Mark: Warn, Text: "the token from the " + r.env.Machine.Token + " is not good for this"}}
	}
	return &page{Prompt: p, do: r.takeToken}
}

func (r *Run) takeToken(ctx context.Context, in Input) error {
	s, who := &r.serving, r.person(Operator)
	v, err := r.server()
	if err != nil {
		return err
	}
	result, why, without := "accepted", "", s.doors
	var closed error
	if err := v.UseToken(in.Secret); err != nil {
		result, why = "refused", sentence(err.Error())
	} else if s.doors, err = v.Doors(ctx); err != nil {
		s.doors = without
		return errors.Join(err, v.UseToken(secret.Bytes{}))
	} else if d, _ := r.door(); !d.Open {
		result, why = "refused", d.Text
		if !d.NeedsToken { // with it the server says that there is no such thing
			closed = notOffered(d)
		}
		s.doors = without
	}
	if e := r.record("answer", Operator, who.Name, transcript.Facts{"field": "token", "value": result, "source": in.Source}); e != nil {
		return e
	}
	if e := r.recordRequests(); e != nil {
		return e
	}
	if why != "" {
		if err := v.UseToken(secret.Bytes{}); err != nil {
			return err
		}
		if closed != nil {
			return closed
		}
		return askAgain("The server does not take this token for "+string(r.plan.Kind)+".", "Nothing is changed.", why)
	}
	s.token, s.refused, s.had = true, false, true
	return r.lookWithToken(ctx)
}

// lookWithToken reads the status once more: what is pending is told only to a
// token by some servers.
func (r *Run) lookWithToken(ctx context.Context) error {
	st, err := r.env.Vault.Status(ctx)
	if err == nil {
		r.status = st
	}
	return err
}

// dropToken forgets the token; it is asked for again where it is needed.
func (r *Run) dropToken() error {
	if !r.serving.token {
		return nil
	}
	v, err := r.server()
	if err != nil {
		return err
	}
	r.serving.token, r.serving.refused = false, r.env.Token.Len() > 0
	return v.UseToken(secret.Bytes{})
}

// tokenAgain asks for it once more after a break.
func (r *Run) tokenAgain() *page {
	if !r.remote() || r.closed || r.committed || r.atSignOff() || !r.serving.had || r.serving.token || !r.wantsToken() {
		return nil
	}
	p := r.askToken()
	p.Text = append(p.Text, "The program dropped it for the break. Then this step goes on from where it stands.")
	return p
}
