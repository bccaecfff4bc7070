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
)

// wornKey is what TestRetire's vault was moved away from, as the site has it.
const wornKey = "test:00"

// worn is the key that a retire destroys: in the token in use, or in another.
func (s *site) worn(p *plan.Plan) *second {
	k := &second{token: s.token}
	if p.OtherToken {
		k.token = newToken()
		k.info.Label, k.info.Serial = "second-hsm", "0043"
		k.noKey = true // of those that the list names by itself
	}
	k.key = s.token.key
	k.key.Label, k.key.ID, _ = strings.Cut(p.OldKeyRef, ":")
	k.key.Ref, k.key.Generated = p.OldKeyRef, false
	k.more = append(k.more, hsm.Object{Class: "secret key", Label: k.key.Label, ID: k.key.ID, Type: k.key.Type, Attributes: k.key.Attributes})
	s.next = k
	return k
}

// DestroyKey takes it out of the token. An error may come before or after.
func (k *second) DestroyKey(context.Context) error {
	if err := k.call("DestroyKey"); err != nil {
		return err
	}
	if k.none {
		return hsm.ErrKeyNotFound
	}
	k.none = true
	k.more = slices.DeleteFunc(k.more, func(o hsm.Object) bool { return o.Label == k.key.Label && o.ID == k.key.ID })
	return k.call("DestroyKey, after")
}

// TestRetire: the key that nothing names is destroyed, after operator and
// witness typed its label and id; the record and the roster say so.
func TestRetire(t *testing.T) {
	s := initialised(t)
	s.roster.OldSealKeys = []string{wornKey}
	t.Cleanup(func() { s.roster.OldSealKeys = nil })
	m := s.must(s.open(ceremony.Retire, s.request(ceremony.Retire)))
	if !s.next.none {
		t.Error("the key is there")
	}
	var words []string
	for _, ev := range m.find("confirmed") {
		if ev.Facts.Text("word") == wornKey {
			words = append(words, ev.Claimed)
		}
	}
	gone := m.find("key-destroyed")
	if len(words) != 2 || len(gone) != 1 || gone[0].Facts.Text("ref") != wornKey {
		t.Errorf("typed by %q; %v", words, gone)
	}
	for _, ev := range m.find("wrapped-entries") {
		if ev.Facts.Number("count") != 2 || len(ev.Facts.List("needed")) > 0 {
			t.Errorf("the entries: %v", ev.Facts)
		}
	}
	if slices.Contains(s.roster.OldSealKeys, wornKey) {
		t.Errorf("the roster: %v", s.roster.OldSealKeys)
	}
	if !s.works(three(s.held)...) {
		t.Error("the vault does not open")
	}
}

// TestRetireRefused: what the vault or a copy needs is not destroyed, nor what
// is not there.
func TestRetireRefused(t *testing.T) {
	kept := func(s *site) { // a copy from before a change, wrapped with test:01
		m := s.open(ceremony.Rotate, s.request(ceremony.Rotate))
		m.on = func(p ceremony.Prompt) (ceremony.Input, bool) {
			return ceremony.Input{Choice: "keep"}, p.StepID == "rollback" && p.Kind == ceremony.Choose
		}
		s.must(m)
	}
	for name, c := range map[string]struct {
		before func(*site)
		change func(*plan.Request)
		twist  func(*second)
		says   string // "": it is destroyed
	}{
		"the key in use":     {nil, func(*plan.Request) {}, func(k *second) { k.key.Label, k.key.ID = "bao-root-key", "01" }, "The vault is wrapped with this key"},
		"named by entries":   {nil, func(q *plan.Request) { q.Retire.KeyRef = "test:01" }, func(*second) {}, "core/hsm/barrier-unseal-keys is wrapped with it"},
		"as the HMAC key":    {nil, func(*plan.Request) {}, func(k *second) { k.key.HMACRef = "test:01" }, "is wrapped with it"},
		"no such key":        {nil, func(*plan.Request) {}, func(k *second) { k.none = true }, "has no key"},
		"another name":       {nil, func(*plan.Request) {}, func(k *second) { k.key.Ref = "other:09" }, "the plan says"},
		"same name, a token": {nil, func(q *plan.Request) { q.Retire.KeyRef, q.Retire.OtherToken = "test:01", true }, func(*second) {}, ""},
		"a copy that is kept": {kept, func(q *plan.Request) { q.Retire.KeyRef, q.Retire.OtherToken = "test:01", true }, func(*second) {},
			"The old key is still needed: /vault/.conclave"},
		"RSA, retired": {nil, func(*plan.Request) {}, func(k *second) { k.key.Mechanism = hsm.RSAOAEP }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := initialised(t)
			if c.before != nil {
				c.before(s)
			}
			q := s.request(ceremony.Retire)
			c.change(&q)
			m := s.open(ceremony.Retire, q)
			c.twist(s.next)
			there := !s.next.none
			told := ""
			m.on = func(p ceremony.Prompt) (ceremony.Input, bool) {
				if p.Kind != ceremony.Choose || p.Problem == nil {
					return ceremony.Input{}, false
				}
				told = p.Problem.Happened
				return ceremony.Input{Choice: "stop"}, true
			}
			m.drive(nil)
			if done := m.run.Outcome().Code == ceremony.CodeDone; done != (c.says == "") || !strings.Contains(told, c.says) {
				t.Errorf("told %q, %+v", told, m.run.Outcome())
			}
			if gone := there && s.next.none; gone != (c.says == "") || gone != (len(m.find("key-destroyed")) == 1) {
				t.Errorf("gone: %v, in the record: %v", gone, m.find("key-destroyed"))
			}
			if !s.works(three(s.held)...) {
				t.Error("the vault does not open")
			}
		})
	}
}

// TestRetireAnswerLost: the token destroyed the key and did not say so. Trying
// again finds that out; stopping says what is not known.
func TestRetireAnswerLost(t *testing.T) {
	for _, choice := range []string{"again", "stop"} {
		s := initialised(t)
		m := s.open(ceremony.Retire, s.request(ceremony.Retire))
		s.next.err["DestroyKey, after"] = &hsm.Error{Call: "C_DestroyObject", Code: 0x30, Sentence: "The token failed."}
		var state string
		m.on = func(p ceremony.Prompt) (ceremony.Input, bool) {
			if p.Kind != ceremony.Choose || p.Problem == nil {
				return ceremony.Input{}, false
			}
			state = p.Problem.State
			return ceremony.Input{Choice: choice}, true
		}
		m.drive(nil)
		const unknown = "The old HSM key may be destroyed, or a part of it."
		if !strings.Contains(state, unknown) {
			t.Errorf("%s: %q", choice, state)
		}
		o := m.run.Outcome()
		switch {
		case choice == "stop" && (o.Code != ceremony.CodeFailed || !strings.Contains(o.Sentence, unknown)):
			t.Errorf("stopped: %+v", o)
		case choice == "again" && (o.Code != ceremony.CodeDone || len(m.find("key-destroyed")) != 1):
			t.Errorf("again: %+v", o)
		}
	}
}

var _ ceremony.Destroyer = (*second)(nil)

// TestRetireElsewhere: a vault that cannot list its entries destroys nothing.
func TestRetireElsewhere(t *testing.T) {
	s := initialised(t)
	m := s.openWith(ceremony.Retire, s.request(ceremony.Retire), func(e *ceremony.Env) {
		e.Vault = struct {
			vaultstate.Vault
			vaultstate.Opener
		}{e.Vault, e.Vault.(vaultstate.Opener)}
	})
	m.on = func(p ceremony.Prompt) (ceremony.Input, bool) {
		return ceremony.Input{Choice: "stop"}, p.Kind == ceremony.Choose && p.Problem != nil
	}
	m.drive(nil)
	if m.run.Outcome().Code == ceremony.CodeDone || s.next.none {
		t.Errorf("%+v", m.run.Outcome())
	}
}
