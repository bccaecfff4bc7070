package server_test

import (
	"errors"
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

// mustWrong submits a quorum that is wrong.
func mustWrong(t *testing.T, v *server.Vault, id vaultstate.ID, quorum ...secret.Bytes) {
	t.Helper()
	var q *vaultstate.QuorumError
	p, err := v.Submit(t.Context(), id, quorum)
	if err == nil && p.Phase == vaultstate.PhaseReady {
		_, err = v.Commit(t.Context(), id)
	}
	if !errors.As(err, &q) {
		t.Fatalf("a wrong quorum: %v", err)
	}
}

func begin(t *testing.T, v *server.Vault, op vaultstate.Operation) vaultstate.Progress {
	t.Helper()
	p, err := v.Begin(t.Context(), op)
	if err != nil {
		t.Fatalf("Begin of %s: %v", op.Kind, err)
	}
	return p
}

func submit(t *testing.T, v *server.Vault, id vaultstate.ID, quorum ...secret.Bytes) vaultstate.Progress {
	t.Helper()
	p, err := v.Submit(t.Context(), id, quorum)
	if err != nil {
		t.Fatalf("Submit of %s: %v", id, err)
	}
	return p
}

// takeAll takes the new shares, proves them and commits.
func takeAll(t *testing.T, v *server.Vault, id vaultstate.ID, want []secret.Bytes) vaultstate.Outcome {
	t.Helper()
	issue, err := v.Take(t.Context(), id)
	if err != nil || len(issue.Shares) != len(want) {
		t.Fatalf("Take: %+v, %v", issue, err)
	}
	for i, s := range issue.Shares {
		if !s.Plain.Equal(want[i]) {
			t.Errorf("share %d is another", i+1)
		}
		if _, err := v.Verify(t.Context(), id, i+1, s.Plain); err != nil {
			t.Fatal(err)
		}
	}
	out, err := v.Commit(t.Context(), id)
	if err != nil {
		t.Fatalf("Commit: %v", err)
	}
	return out
}
