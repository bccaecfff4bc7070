package api_test

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"conclave/hsm/secret"
	"conclave/vaultstate"
	"conclave/vaultstate/server"
	"conclave/vaultstate/vaulttest"
)

// TestSuite holds our driver of servers, in front of our API in front of a local
// vault, to the contract of every vault.
func TestSuite(t *testing.T) {
	vaulttest.Run(t, func(t *testing.T) vaulttest.Subject {
		b := newBench(t)
		var lost atomic.Bool
		address := "unix://" + b.serveThrough(short(t), func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if !lost.Load() || r.Method == http.MethodGet {
					h.ServeHTTP(w, r)
					return
				}
				h.ServeHTTP(httptest.NewRecorder(), r)
				panic(http.ErrAbortHandler)
			})
		})
		var v *server.Vault
		again := func() vaultstate.Vault {
			if v != nil {
				if err := v.Close(); err != nil {
					t.Fatal(err)
				}
			}
			var err error
			if v, err = server.Open(t.Context(), server.Config{Address: address, Token: secret.Bytes{}}); err != nil {
				t.Fatal(err)
			}
			return v
		}
		t.Cleanup(func() { _ = v.Close() })
		return vaulttest.Subject{
			Vault: again(), Again: again, State: b.state,
			LoseAnswer: func() { lost.Store(true) }, Found: func() { lost.Store(false) },
			MustProve: true,
		}
	})
}
