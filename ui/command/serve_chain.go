package command

import (
	"fmt"

	"conclave/assets/clean"
	"conclave/ceremony/custodian"
	"conclave/ceremony/plan"
	"conclave/ceremony/transcript"
)

// A session that may change the vault stands in its history as a ceremony does: its
// record names the one before, and the next derives from it who holds the shares.
// One that only tells the status follows nothing.

// follows finds the record before a session without a plan.
func (s *serving) follows(t *target) error {
	if len(s.kinds) == 0 {
		return nil
	}
	q := plan.Request{Storage: t.storage.Text}
	var err error
	s.before, err = s.f.before(&q)
	t.values = append(t.values, q.Values...)
	return err
}

// place are the header's facts of the session's place in the vault's history.
func (s *serving) place(facts transcript.Facts) transcript.Facts {
	if len(s.kinds) == 0 {
		return facts
	}
	facts["sequence"] = 1
	if b := s.before; b != nil {
		facts["sequence"], facts["previous_head"], facts["previous_outcome"] = b.Sequence+1, b.Head, b.Outcome
	}
	return facts
}

// asLeft refuses a vault with other keys than the record before left: nobody is here
// to judge that, and after the session its record would have them as the known ones.
func (s *serving) asLeft(m met) error {
	b := s.before
	if b == nil || !m.status.Initialized {
		return nil
	}
	for _, k := range []struct{ what, now, left string }{
		{"recovery key", m.state.RecoveryKey.String(), b.RecoveryKey}, {"root key", m.state.RootKey.String(), b.RootKey},
	} {
		if k.left != k.now && k.left != "" {
			return &ending{CodeChanged, fmt.Sprintf("The %s of this vault is not the one that %s left. Nothing was touched; find out who changed it, and hold a ceremony: a session cannot judge that.", k.what, clean.Clean(b.Ceremony))}
		}
	}
	return nil
}

// holders are the plan's custodians, who receive the shares in this order.
func (s *serving) holders() []string {
	if s.agreed == nil {
		return nil
	}
	var names []string
	for _, c := range s.agreed.Custodians() {
		names = append(names, c.Name)
	}
	return names
}

// keepKeys keeps the public keys of an init's holders: a drill encrypts to them.
func (s *serving) keepKeys(r *sessionRecord) error {
	if s.agreed == nil {
		return nil
	}
	for _, k := range s.agreed.Keys {
		armored, err := k.Armor(false)
		if err == nil {
			_, err = r.Keep(custodian.KeyFile(k.Fingerprint), armored)
		}
		if err != nil {
			return fmt.Errorf("keeping the public key %s: %w", k.Fingerprint, err)
		}
	}
	return nil
}
