package server_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	"conclave/vaultstate"
	"conclave/vaultstate/server"
	"conclave/vaultstate/server/servertest"
	"conclave/vaultstate/vaulttest"
)

// TestSuite holds the driver to the contract of every vault, on each dialect of a
// server with an HSM seal. In front of our own API it is vaultstate/api's
// TestSuite, in front of a real server TestOpenBaoSuite.
func TestSuite(t *testing.T) {
	for _, d := range servertest.Dialects {
		if d.Shamir {
			continue // its unseal keys are no recovery keys
		}
		t.Run(d.Name, func(t *testing.T) {
			vaulttest.Run(t, func(t *testing.T) vaulttest.Subject {
				f := servertest.New(t, d)
				s := driven(t, f.URL, nil)
				// What is pending has a new nonce where the driver began it anew.
				s.State = func() string {
					f.Settle()
					var pending []string
					for kind := range f.Ops {
						pending = append(pending, kind)
					}
					slices.Sort(pending)
					return fmt.Sprintf("%t %d %d %x %d %d %v", f.Initialized, f.N, f.Threshold, f.Key, f.Term, len(f.Tokens), pending)
				}
				s.LoseAnswer = func() { f.Drop = func(method, _ string) bool { return method != http.MethodGet } }
				s.Found = func() { f.Drop = nil }
				return s
			})
		})
	}
}

// driven is the driver of the server at an address. What nobody but the server can
// look at is taken for unchanged if what it says of itself and of what is pending
// is the same.
func driven(t *testing.T, address string, send server.Sender) (s vaulttest.Subject) {
	t.Helper()
	var v *server.Vault
	s.Again = func() vaultstate.Vault {
		if v != nil {
			if err := v.Close(); err != nil {
				t.Fatal(err)
			}
		}
		var err error
		if v, err = server.Open(t.Context(), server.Config{Address: address, Sender: send}); err != nil {
			t.Fatal(err)
		}
		return v
	}
	t.Cleanup(func() { _ = v.Close() })
	s.Vault = s.Again()
	s.State = func() string {
		st, err := v.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var pending []string
		for _, p := range st.Pending {
			pending = append(pending, string(p.Kind))
		}
		return fmt.Sprint(st.Initialized, st.Sealed, st.Shares, st.Threshold, pending)
	}
	return s
}
