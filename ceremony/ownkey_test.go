package ceremony_test

import (
	"errors"
	"strings"
	"testing"

	"conclave/ceremony"
	"conclave/ceremony/plan"
)

// TestOwnKey: a vault is not sealed with a key by which another's records are
// sealed, however they name it; a plan can accept it.
func TestOwnKey(t *testing.T) {
	for name, c := range map[string]struct {
		practice bool
		others   []ceremony.SealedBy
		err      error
		refused  bool
	}{
		"nobody's":          {false, nil, nil, false},
		"another's":         {false, []ceremony.SealedBy{{Ref: "bao-root-key:01", Whose: "/srv/staging, by the record X"}}, nil, true},
		"by its label":      {false, []ceremony.SealedBy{{Ref: "bao-root-key:", Whose: "/srv/staging, by the record X"}}, nil, true},
		"by its id":         {false, []ceremony.SealedBy{{Ref: ":0x01", Whose: "/srv/staging, by the record X"}}, nil, true},
		"another key":       {false, []ceremony.SealedBy{{Ref: "bao-root-key:02"}, {Ref: "other:"}, {Ref: ":"}, {Ref: "bao-root-key"}, {Ref: ""}}, nil, false},
		"in practice":       {true, []ceremony.SealedBy{{Ref: "bao-root-key:01"}}, nil, false},
		"records that fail": {false, nil, errors.New("input/output error"), true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.practice = c.practice
			m := s.openWith(ceremony.Init, s.request(ceremony.Init), func(e *ceremony.Env) {
				e.Sealed = func(serial string) ([]ceremony.SealedBy, error) {
					if serial != s.token.info.Serial {
						t.Errorf("asked for the token %q", serial)
					}
					return c.others, c.err
				}
			})
			m.drive(func(p ceremony.Prompt) bool { return p.Problem != nil || p.StepID == "issue" })
			p := m.run.Prompt()
			if refused := p.Problem != nil; refused != c.refused {
				t.Fatalf("%+v", p)
			}
			if c.refused && c.err == nil && (!strings.Contains(p.Problem.Happened, "seals another vault, too: /srv/staging") || !strings.Contains(p.Problem.Do, plan.SharedKey)) {
				t.Errorf("%+v", p.Problem)
			}
			if c.refused && len(m.find("key")) > 0 {
				t.Error("it is recorded as the vault's")
			}
		})
	}
}
