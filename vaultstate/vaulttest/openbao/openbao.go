// Package openbao runs a real OpenBao for tests, on a SoftHSM token.
//
// It promises that a server ends with its test, and that what it logged is in the
// test's output if the test failed. Which binary it is the test says: package need
// finds it. It has to be in a build with the pkcs11 seal.
package openbao

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"conclave/hsm/secret"
	"conclave/hsm/softhsm"
)

// OpenEndpoints opens what the default listener has closed since 2.5.3: lines of
// a listener.
const OpenEndpoints = `
  disable_unauthed_rekey_endpoints = false
  disable_unauthed_generate_root_endpoints = false`

// New starts a server that is not initialised on a new token. listener is more
// lines of its listener.
func New(t testing.TB, bin, listener string) (address string) {
	t.Helper()
	dir := t.TempDir()
	pin := secret.Take([]byte("practice-1"))
	defer pin.Wipe()
	store, err := softhsm.Create(t.Context(), dir, "practice", pin)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := store.MakeKey(t.Context(), pin, "server-key", "01")
	if err != nil {
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
`, filepath.Join(dir, "storage"), at, listener, cfg.Lib, at)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	address = "http://" + at
	Start(t, bin, config, store.Conf(), func() bool {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address+"/v1/sys/init", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return true
	})
	return address
}

// Start starts the server with a configuration, in its directory, and waits until
// it is ready. The test's end stops it, if stop did not.
func Start(t testing.TB, bin, config, softhsmConf string, ready func() bool) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var log bytes.Buffer
	cmd := exec.CommandContext(ctx, bin, "server", "-config", config)
	cmd.Dir = filepath.Dir(config)
	cmd.Env = append(os.Environ(), "SOFTHSM2_CONF="+softhsmConf)
	cmd.Stdout, cmd.Stderr = &log, &log
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 20 * time.Second
	if err := cmd.Start(); err != nil {
		cancel()
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // an interrupted server ends with an error
		close(ended)
	}()
	stop = func() {
		cancel()
		<-ended
	}
	t.Cleanup(func() {
		stop()
		if t.Failed() {
			t.Logf("the server's log:\n%s", log.String())
		}
	})
	for deadline := time.Now().Add(time.Minute); !ready(); time.Sleep(100 * time.Millisecond) {
		select {
		case <-ended:
			t.Fatal("the server ended")
		default:
		}
		if time.Now().After(deadline) {
			t.Fatal("the server is not ready after a minute")
		}
	}
	return stop
}
