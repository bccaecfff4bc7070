package ceremony_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"conclave/ceremony"
	"conclave/ceremony/plan"
	"conclave/hsm"
	"conclave/vaultstate"
	"conclave/vaultstate/local"
	"conclave/vaultstate/vaulttest"
)

// second is the key that a rewrap moves to: another in the same token, or one in
// a token of its own.
type second struct {
	*token
	key  hsm.Key
	none bool // it is not made yet
	seal *vaulttest.Seal
}

func (k *second) FindKey(context.Context) (hsm.Key, error) {
	if k.none {
		return hsm.Key{}, hsm.ErrKeyNotFound
	}
	return k.key, nil
}

func (k *second) GenerateKey(context.Context) (hsm.Key, error) {
	k.none, k.key.Generated = false, true
	k.more = append(k.more, hsm.Object{Class: "secret key", Label: k.key.Label, ID: k.key.ID, Type: k.key.Type, Attributes: k.key.Attributes})
	return k.key, nil
}

// moving is what a rewrap moves to or a retire destroys, nil for another
// ceremony.
func (s *site) moving(p *plan.Plan, o *local.Options) *second {
	switch p.Kind {
	case plan.Retire:
		return s.worn(p)
	case vaultstate.Rewrap:
	default:
		return nil
	}
	k := &second{token: s.token, none: p.NewGenerate, seal: vaulttest.NewSeal()}
	if p.OtherToken {
		k.token = newToken()
		k.info.Label, k.info.Serial = "second-hsm", "0043"
		k.noKey = true // of those that the list names by itself
	}
	k.key = s.token.key
	k.key.Label, k.key.ID, k.key.Ref, k.key.Generated = "fresh", "02", p.NewKeyRef, false
	k.seal.Ref = p.NewKeyRef
	o.NewSeal = guarded{k.seal, k.token}
	s.next = k
	return k
}

// moved makes the new key the one that counts.
func (s *site) moved(p *plan.Plan) {
	if p.Kind == vaultstate.Rewrap && s.next != nil {
		s.seal, s.token, s.next = s.next.seal, s.next.token, nil
	}
}

// TestRewrapToAnotherToken: both tokens are met, compared and logged in to; both
// logins end, and the old shares authorise with the new token alone.
func TestRewrapToAnotherToken(t *testing.T) {
	s := initialised(t)
	q := s.request(ceremony.Rewrap)
	q.Rewrap.OtherToken, q.Rewrap.Generate = true, false
	q.Rewrap.KeyRef = "test:01" // the name says nothing of the token
	old := s.token
	m := s.open(ceremony.Rewrap, q)
	pins := map[string]int{}
	m.on = func(p ceremony.Prompt) (ceremony.Input, bool) {
		if p.Kind == ceremony.AskSecret {
			pins[p.Facts[0].Value]++
		}
		return ceremony.Input{}, false
	}
	s.must(m)
	if old.loggedIn || s.token == old || s.token.loggedIn {
		t.Error("a login is left, or the token is the old one")
	}
	if pins["vault-hsm"] != 1 || pins["second-hsm"] != 1 {
		t.Errorf("PINs: %v", pins)
	}
	for kind, want := range map[string]int{"equipment": 2, "key": 2, "self-test": 2, "inventory": 4, "logged-out": 2, "entropy": 1} {
		if n := len(m.find(kind)); n != want {
			t.Errorf("%d events %s, want %d", n, kind, want)
		}
	}
	if !s.works(three(s.held)...) {
		t.Error("the shares do not work with the new token")
	}
}

// TestRewrapOfEverything: after a compromise all keys are new, and the old
// shares are worth nothing.
func TestRewrapOfEverything(t *testing.T) {
	s := initialised(t)
	q := s.request(ceremony.Rewrap)
	q.Rewrap.Reason, q.Custodians = plan.Compromise, five
	before := *s.roster
	m := s.must(s.open(ceremony.Rewrap, q))
	after := s.roster
	if after.RootKey == before.RootKey || after.RecoveryKey == before.RecoveryKey || after.SealKey != "test:02" || !slices.Contains(after.OldSealKeys, "test:01") {
		t.Errorf("the roster: %+v", after)
	}
	if !s.works(three(s.held)...) || s.works(three(s.old)...) {
		t.Error("the new shares do not work, or the old ones do")
	}
	out := m.find("outcome")[0].Facts
	if out.Text("seal_key_before") != "test:01" || out.Text("seal_key") != "test:02" {
		t.Errorf("the outcome: %v", out)
	}
	q = s.request(ceremony.Rewrap)
	no := false
	q.Rewrap.Reason, q.Rewrap.NewRoot = plan.Compromise, &no
	p, err := q.Resolve(s.clock.now())
	if err != nil || !slices.ContainsFunc(p.Overrides, func(o plan.Override) bool {
		return o.ID == "old-keys-stay" && strings.Contains(o.Sentence, "root key stays")
	}) {
		t.Errorf("%v, %v", p, err)
	}
}

// TestRewrapRefused: the old key under its own name, a key that is not there,
// and a backup that is only waved at. Nothing is staged.
func TestRewrapRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*plan.Request)
		twist  func(*second)
		says   string
	}{
		"the old key":   {func(*plan.Request) {}, func(k *second) { k.none, k.key.Label, k.key.ID = false, "bao-root-key", "01" }, "The new key is the old one"},
		"no such key":   {func(q *plan.Request) { q.Rewrap.Generate = false }, func(k *second) { k.none = true }, "has no key"},
		"another name":  {func(*plan.Request) {}, func(k *second) { k.none, k.key.Ref = false, "other:09" }, "the plan says"},
		"RSA, unwanted": {func(*plan.Request) {}, func(k *second) { k.none, k.key.Mechanism = false, hsm.RSAOAEP }, "does not accept a seal"},
	} {
		t.Run(name, func(t *testing.T) {
			s := initialised(t)
			q := s.request(ceremony.Rewrap)
			c.change(&q)
			m := s.open(ceremony.Rewrap, q)
			c.twist(s.next)
			told := ""
			m.on = func(p ceremony.Prompt) (ceremony.Input, bool) {
				if p.Kind != ceremony.Choose || p.Problem == nil {
					return ceremony.Input{}, false
				}
				told = p.Problem.Happened
				return ceremony.Input{Choice: "stop"}, true
			}
			m.drive(nil)
			if !strings.Contains(told, c.says) || m.run.Outcome().Code == ceremony.CodeDone || len(m.find("staged")) > 0 {
				t.Errorf("told %q, %+v", told, m.run.Outcome())
			}
			s.next = nil
			if !s.works(three(s.held)...) {
				t.Error("the vault is not as it was")
			}
		})
	}
}

// TestNewKeyBackup: none is typed out, and is an override of its own.
func TestNewKeyBackup(t *testing.T) {
	s := production(t)
	m := s.open(ceremony.Rewrap, s.request(ceremony.Rewrap))
	answers := []string{"", "none", "NO BACKUP"}
	m.on = func(p ceremony.Prompt) (ceremony.Input, bool) {
		if p.Field != "key's backup" {
			return ceremony.Input{}, false
		}
		text := answers[0]
		answers = answers[1:]
		return ceremony.Input{Text: text}, true
	}
	s.must(m)
	if len(answers) > 0 || !strings.Contains(m.overrides(), "no-key-backup") {
		t.Errorf("%d answers are left, overrides %s", len(answers), m.overrides())
	}
}
