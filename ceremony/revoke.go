package ceremony

import (
	"context"
	"errors"
	"fmt"
	"time"

	"conclave/ceremony/custodian"
	"conclave/ceremony/transcript"
	"conclave/vaultstate"
)

// A root token that was made without a server is taken out of the storage, again
// without one. It is no operation of the vault and needs no shares: it takes a
// power away, and whoever has the PIN and the storage could do it. Operator and
// witness type the word; the vault is opened afterwards.

// offline is where it stands.
type offline struct {
	found   bool
	made    time.Time // zero: only its accessor is left
	going   going
	tried   bool
	revoked bool
	checks  []vaultstate.Check
}

func revokeRoot(r *Run) *page {
	o := &r.offline
	switch {
	case !o.found:
		return r.work("look for the root token", Prompt{IfPowerFails: "nothing has been changed."}, r.findRootToken)
	case !o.revoked:
		p := r.confirmTwice(&o.going, Prompt{Badge: "CHANGES THE VAULT", Action: "Revoke the root token", Word: r.c.Word, Facts: r.knownToken(),
			Changes: "the root token works no more; its two entries are removed",
			Stays:   "all keys, shares and data; every other token, and those that were made with this one",
			Undo:    "never: another root token is made with a quorum"}, "revoke the root token "+r.plan.Accessor)
		if p != nil {
			return p
		}
		return r.work("revoke the root token", Prompt{IfPowerFails: "the token may be gone, or its accessor be left: held again, this ends it."}, r.removeRootToken)
	}
	p := unseal(r)
	if r.aftermath.checked && len(o.checks) > 0 { // those of the opening stand now
		r.checks, o.checks = append(o.checks, r.checks...), nil
	}
	return p
}

func (r *Run) revoker() (vaultstate.Revoker, error) {
	v, ok := r.env.Vault.(vaultstate.Revoker)
	if !ok {
		return nil, fmt.Errorf("this vault cannot take a token out: %w", vaultstate.ErrUnsupported)
	}
	return v, nil
}

func (r *Run) findRootToken(ctx context.Context) ([]string, error) {
	v, err := r.revoker()
	if err != nil {
		return nil, err
	}
	made, err := v.RootToken(ctx, r.plan.Accessor)
	if errors.Is(err, vaultstate.ErrNoToken) {
		return nil, &toldError{Problem{Happened: "The vault has no token with the accessor " + r.plan.Accessor + ".", State: "Nothing is changed.",
			Do: "Compare it with the record. If the token was revoked on a server, enter that: conclave custody add token-revoked."}, err}
	}
	if err != nil {
		return nil, err
	}
	r.offline.found, r.offline.made = true, made
	return []string{"the storage has a root token with this accessor"}, nil
}

// knownToken is what storage and records say of it.
func (r *Run) knownToken() []Fact {
	facts := []Fact{{"accessor", r.plan.Accessor}}
	if m := r.offline.made; !m.IsZero() {
		facts = append(facts, Fact{"made", m.UTC().Format("2006-01-02 15:04 UTC")})
	}
	if ro := r.env.Roster; ro != nil {
		for _, t := range ro.Tokens {
			if t.Accessor == r.plan.Accessor {
				facts = append(facts, Fact{"the records say", "of " + t.Ceremony + ", received by " + t.Receiver})
			}
		}
	}
	return facts
}

func (r *Run) removeRootToken(ctx context.Context) ([]string, error) {
	if err := r.isOffline(); err != nil {
		return nil, err
	}
	o := &r.offline
	v, err := r.revoker()
	if err != nil {
		return nil, err
	}
	if now := r.plan.HashHex(); now != r.hello.agreedPlan {
		return nil, fmt.Errorf("%w: the plan in memory is not the one that was agreed to", vaultstate.ErrChanged)
	}
	again := o.tried
	o.tried = true
	checks, err := v.RevokeRoot(context.WithoutCancel(ctx), r.plan.Accessor)
	if err != nil && (!again || !errors.Is(err, vaultstate.ErrNoToken)) {
		return nil, err
	}
	o.revoked, o.checks = true, checks
	if err := r.record("token", Operator, r.person(Operator).Name, transcript.Facts{"accessor": r.plan.Accessor, "fate": custodian.Revoked}); err != nil {
		return nil, err
	}
	return checkTexts(checks), nil
}

// stands says how far it came, "" before anything was tried.
func (o *offline) stands() string {
	switch {
	case o.revoked:
		return "The root token is revoked. Nothing else was changed."
	case o.tried:
		return "The root token may be revoked. Nothing else was changed."
	}
	return ""
}
