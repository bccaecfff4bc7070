package server_test

import (
	"io"
	"log"
	"os"
	"testing"
	"time"

	"conclave/hsm/secret"
	"conclave/hsm/worker"
	"conclave/vaultstate"
	"conclave/vaultstate/server"
	"conclave/vaultstate/server/servertest"
)

func TestMain(m *testing.M) {
	worker.Child() // for tests with a real token
	os.Exit(m.Run())
}

var discard = log.New(io.Discard, "", 0)

// open is the driver of a server in memory.
func open(t *testing.T, f *servertest.Server, token string) *server.Vault {
	t.Helper()
	v, err := server.Open(t.Context(), server.Config{Address: f.URL, Token: secret.Take([]byte(token)), Timeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

var kinds = map[vaultstate.Kind]string{vaultstate.Rekey: "rekey", vaultstate.RecoveryRekey: "recovery", vaultstate.GenerateRoot: "root"}

type m = map[string]any
