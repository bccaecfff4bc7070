package command

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/pflag"

	"conclave/assets/clean"
	"conclave/ceremony/custodian"
	"conclave/ceremony/plan"
	"conclave/vaultstate"
	"conclave/vaultstate/pgp"
)

// What an API session may do to a production vault without a room: an init and a
// rotation are done only where a plan says so, which people have read, and signed
// where it wants that. The request must be what the plan says.

// byPlanOnly are the operations that only a plan allows.
var byPlanOnly = []vaultstate.Kind{vaultstate.Init, vaultstate.Rotate}

// byPlan reads the plan of a session. From there on the plan says which vault, HSM
// and operation. Without -plan the target is that of the flags.
func (s *serving) byPlan(ctx context.Context, p *Process) (*target, error) {
	for _, k := range byPlanOnly {
		if slices.Contains(s.kinds, k) {
			return nil, usage("-allow=%s: only a plan of it that says api = true allows that over the API: -plan FILE, without -allow=%s. Nothing was touched.", k, k)
		}
	}
	if s.f.plan == "" {
		t, err := s.f.target()
		if err != nil {
			return nil, err
		}
		t.adopt(ctx)
		if err := s.follows(t); err != nil {
			t.Wipe()
			return nil, err
		}
		return t, nil
	}
	src, warned, err := readNamed(s.f.plan, plan.MaxDocument)
	if err != nil {
		return nil, usage("-plan: %v. Nothing was touched.", err)
	}
	doc, err := plan.Parse(s.f.plan, src)
	if err != nil {
		return nil, usage("-plan: %v. Nothing was touched; see conclave plan check.", err)
	}
	if !slices.Contains(byPlanOnly, doc.Kind) {
		return nil, usage("-plan: it is of a ceremony %q, and a session's is of an init or a rotate; -allow says the others. Nothing was touched.", doc.Kind)
	}
	f := p.flagsOf(doc.Kind)
	f.plan = s.f.plan
	f.keep("plan", f.plan, warned, src)
	// Those that the plan must say, too, or that may stand beside it.
	s.f.set.Visit(func(flag *pflag.Flag) {
		if f.set.Lookup(flag.Name) != nil && flag.Name != "plan" && err == nil {
			err = f.set.Set(flag.Name, flag.Value.String())
		}
	})
	if err != nil {
		return nil, usage("%v. Nothing was touched.", err)
	}
	digest, err := f.usePlan(doc.Kind, src)
	if err != nil {
		return nil, err
	}
	t, err := f.target()
	if err != nil {
		return nil, err
	}
	t.values = append(t.values, digest...)
	t.adopt(ctx)
	if s.agreed, s.before, err = p.sessionPlan(f, t, doc.Kind); err != nil {
		t.Wipe()
		return nil, err
	}
	s.f.id, s.f.dir, s.f.named = s.agreed.ID, f.dir, f.named
	s.kinds = append(s.kinds, doc.Kind)
	s.plain = s.plain || doc.Kind == vaultstate.Init && len(s.agreed.Keys) == 0 // the plan accepts it
	return t, nil
}

// sessionPlan is the agreed plan of a session, and what the records before it say.
func (p *Process) sessionPlan(f *flags, t *target, kind vaultstate.Kind) (*plan.Plan, *custodian.Roster, error) {
	q, before, err := p.request(kind, f, t)
	if err != nil {
		return nil, nil, err
	}
	agreed, err := f.agreed(q, p.Now())
	switch {
	case err != nil:
		return nil, nil, err
	case !agreed.API:
		return nil, nil, usage("-plan: %s does not say api = true: it is of a ceremony with people. Nothing was touched.", clean.Clean(f.plan))
	case agreed.SecondMedium != "" || agreed.SignRecord.Label != "" || agreed.Anchor || agreed.Offline:
		return nil, nil, usage("-plan: a session has no second medium, no signature by the HSM and no anchor, and does not look whether it is offline. Nothing was touched; hold a ceremony, or leave them out.")
	case agreed.Unapproved() > 0:
		return nil, nil, usage("-plan: %d of the %d approvals that it demands are not there, and in a session there is nobody who could decide to go on without. Nothing was touched; see conclave plan sign.",
			agreed.Unapproved(), agreed.Approvals)
	}
	return agreed, before, nil
}

// asAgreed refuses an operation that is not the one of the plan.
func (s *serving) asAgreed(op vaultstate.Operation, now time.Time) error {
	a := s.agreed
	if a == nil || op.Kind != a.Kind || op.Kind != vaultstate.Init {
		return nil
	}
	if op.Shares != a.Shares || op.Threshold != a.Threshold {
		return fmt.Errorf("the plan of this session says %d recovery shares, %d needed, and the request %d and %d", a.Shares, a.Threshold, op.Shares, op.Threshold)
	}
	want := []string{}
	for _, k := range a.Keys {
		want = append(want, k.Fingerprint)
	}
	if !slices.Equal(want, prints(op.PGPKeys)) {
		return fmt.Errorf("the plan of this session says the recovery_pgp_keys %q in this order, and the request %q", want, prints(op.PGPKeys))
	}
	switch {
	case a.RootTokenKey == nil && op.RootTokenPGPKey != nil:
		return fmt.Errorf("the plan of this session says no root_token_pgp_key")
	case a.RootTokenKey != nil && !slices.Equal([]string{a.RootTokenKey.Fingerprint}, prints([][]byte{op.RootTokenPGPKey})):
		return fmt.Errorf("the plan of this session says the root_token_pgp_key %s", a.RootTokenKey.Fingerprint)
	}
	return nil
}

// prints are the fingerprints of keys that were found usable.
func prints(keys [][]byte) []string {
	list := []string{}
	for _, bin := range keys {
		k, err := pgp.Read("of a request", bin)
		if err != nil {
			k.Fingerprint = "none"
		}
		list = append(list, k.Fingerprint)
	}
	return list
}
