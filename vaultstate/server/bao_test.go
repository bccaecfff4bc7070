//go:build cgo

package server_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"conclave/hsm"
	"conclave/hsm/secret"
	"conclave/hsm/softhsm"
	"conclave/hsm/worker"
	"conclave/vaultstate/server"
)

func TestMain(m *testing.M) {
	worker.Child()
	os.Exit(m.Run())
}

// startBao starts a server that is not initialised on a new token.
func startBao(t *testing.T, bin, options string) (address string) {
	t.Helper()
	dir := t.TempDir()
	pin := secret.Take([]byte("practice-1"))
	store, err := softhsm.Create(t.Context(), dir, "practice", pin)
	if err != nil {
		t.Fatal(err)
	}
	cfg := store.Config("server-key", "01")
	token, err := hsm.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := token.Login(t.Context(), pin); err != nil {
		t.Fatal(err)
	}
	if _, err := token.GenerateKey(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := token.Close(); err != nil {
		t.Fatal(err)
	}
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := l.Addr().String()
	_ = l.Close()
	config := filepath.Join(dir, "openbao.hcl")
	text := fmt.Sprintf(`storage "file" {
  path = %q
}
listener "tcp" {
  address = %q
  tls_disable = true%s
}
seal "pkcs11" {
  lib = %q
  token_label = "practice"
  pin = "practice-1"
  key_label = "server-key"
  key_id = "01"
}
api_addr = "http://%s"
disable_mlock = true
`, filepath.Join(dir, "storage"), at, options, cfg.Lib, at)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var log bytes.Buffer
	cmd := exec.CommandContext(ctx, bin, "server", "-config", config)
	cmd.Env = append(os.Environ(), store.Env()...)
	cmd.Stdout, cmd.Stderr = &log, &log
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 20 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // an interrupted server ends with an error
		if t.Failed() {
			t.Log(log.String())
		}
	})
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if _, err := server.Open(t.Context(), server.Config{Address: "http://" + at}); err == nil {
			return "http://" + at
		}
	}
	t.Fatal("the server does not answer after a minute")
	return ""
}
