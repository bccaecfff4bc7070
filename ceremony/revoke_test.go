package ceremony_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"conclave/ceremony"
	"conclave/ceremony/custodian"
	"conclave/vaultstate"
)

// TestRevokeRoot: the token of the init is taken out of the storage, after
// operator and witness typed the word, and nobody gives a share. Record and
// roster say so; the vault opens, and is in its keys what it was.
func TestRevokeRoot(t *testing.T) {
	s := initialised(t)
	before := s.status().Storage
	q := s.request(ceremony.RevokeRoot)
	if _, err := s.openLoggedIn().RootToken(t.Context(), q.Accessor); err != nil {
		t.Fatal(err)
	}
	m := s.must(s.open(ceremony.RevokeRoot, q))
	if _, err := s.openLoggedIn().RootToken(t.Context(), q.Accessor); !errors.Is(err, vaultstate.ErrNoToken) {
		t.Errorf("it is there: %v", err)
	}
	words := 0
	for _, ev := range m.find("confirmed") {
		if ev.Facts.Text("word") == "REVOKE" {
			words++
		}
	}
	events := m.find("token")
	if words != 2 || len(events) != 1 || events[0].Facts.Text("fate") != custodian.Revoked || events[0].Facts.Text("accessor") != q.Accessor {
		t.Errorf("%d words; %v", words, events)
	}
	if got := s.roster.Tokens; len(got) != 1 || got[0].Fate != custodian.Revoked || got[0].Receiver != "Olga Example" {
		t.Errorf("the roster: %+v", got)
	}
	if s.status().Storage != before || !s.works(three(s.held)...) {
		t.Error("the vault is not what it was")
	}
	for _, p := range m.prompts {
		if p.Kind == ceremony.AskShare {
			t.Fatal("somebody was asked for a share")
		}
	}
}

// openLoggedIn is the vault with the HSM open to it.
func (s *site) openLoggedIn() vaultstate.Revoker {
	s.t.Helper()
	s.token.loggedIn = true
	s.t.Cleanup(func() { s.token.loggedIn = false })
	return s.openVault()
}

// TestRevokeRootUnknown: what the vault does not know is told, and nothing done.
func TestRevokeRootUnknown(t *testing.T) {
	s := initialised(t)
	q := s.request(ceremony.RevokeRoot)
	q.Accessor = "NobodysAccessor123456789"
	m := s.open(ceremony.RevokeRoot, q)
	m.on = func(p ceremony.Prompt) (ceremony.Input, bool) {
		return ceremony.Input{Choice: "stop"}, p.Kind == ceremony.Choose && p.Problem != nil
	}
	m.drive(nil)
	m.says("The vault has no token with the accessor NobodysAccessor123456789.")
	if o := m.run.Outcome(); o.Code == ceremony.CodeDone || len(m.find("token")) > 0 {
		t.Errorf("%+v", o)
	}
}

// lostAnswer removes the token and does not say so.
type lostAnswer struct {
	vaultstate.Vault
	vaultstate.Opener
	vaultstate.Revoker
	lost *bool
}

func (l lostAnswer) RevokeRoot(ctx context.Context, accessor string) ([]vaultstate.Check, error) {
	checks, err := l.Revoker.RevokeRoot(ctx, accessor)
	if !*l.lost {
		*l.lost = true
		return nil, errors.New("the disk does not answer")
	}
	return checks, err
}

// TestRevokeRootAnswerLost: trying again finds that it is gone; stopping says
// what is not known.
func TestRevokeRootAnswerLost(t *testing.T) {
	for _, choice := range []string{"again", "stop"} {
		s := initialised(t)
		lost := false
		m := s.openWith(ceremony.RevokeRoot, s.request(ceremony.RevokeRoot), func(e *ceremony.Env) {
			e.Vault = lostAnswer{e.Vault, e.Vault.(vaultstate.Opener), e.Vault.(vaultstate.Revoker), &lost}
		})
		state := ""
		m.on = func(p ceremony.Prompt) (ceremony.Input, bool) {
			if p.Kind != ceremony.Choose || p.Problem == nil {
				return ceremony.Input{}, false
			}
			state = p.Problem.State
			return ceremony.Input{Choice: choice}, true
		}
		m.drive(nil)
		const unknown = "The root token may be revoked."
		o := m.run.Outcome()
		switch {
		case !strings.Contains(state, unknown):
			t.Errorf("%s: %q", choice, state)
		case choice == "stop" && (o.Code != ceremony.CodeFailed || !strings.Contains(o.Sentence, unknown)):
			t.Errorf("stopped: %+v", o)
		case choice == "again" && (o.Code != ceremony.CodeDone || len(m.find("token")) != 1):
			t.Errorf("again: %+v, %v", o, m.find("token"))
		}
	}
}
