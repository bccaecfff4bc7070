package ceremony_test

import (
	"context"
	"testing"

	"conclave/ceremony"
	"conclave/ceremony/plan"
	"conclave/hsm/secret"
	"conclave/vaultstate"
)

// remote is a server of which a drill asks nothing but how many shares there are.
type remote struct {
	vaultstate.Vault
	t *testing.T
}

func (remote) Status(context.Context) (vaultstate.Status, error) {
	return vaultstate.Status{Kind: "server", Name: "https://bao:8200", Initialized: true, SealType: "pkcs11", Sealed: "no", Shares: 5, Threshold: 3}, nil
}

func (remote) About(context.Context) (vaultstate.About, error) {
	return vaultstate.About{Version: "2.5.4"}, nil
}

func (r remote) Doors(context.Context) ([]vaultstate.Door, error) {
	r.t.Error("the server was asked what it lets in")
	return nil, nil
}

func (remote) Certificates() map[string]vaultstate.Digest { return nil }
func (remote) UseToken(secret.Bytes) error                { return nil }
func (remote) Requests() []string                         { return nil }
func (remote) Nonce() string                              { return "" }

func (remote) RevokeIssued(context.Context, vaultstate.ID) (vaultstate.Check, error) {
	return vaultstate.Check{}, vaultstate.ErrUnsupported
}

// TestDrillOfServer: of a server's vault the roster alone tells whose share it is.
func TestDrillOfServer(t *testing.T) {
	s := reissued(t)
	q := s.request(ceremony.Drill)
	q.Storage, q.Config, q.Server = "https://bao:8200", "", &plan.Server{Address: "https://bao:8200"}
	m := s.openWith(ceremony.Drill, q, func(e *ceremony.Env) { e.Vault, e.HSM = remote{t: t}, nil })
	s.must(m)
	if got := m.why(); got != allByShare {
		t.Errorf("the record: %s", got)
	}
}
