//go:build cgo

package api_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"conclave/hsm"
	"conclave/hsm/secret"
	"conclave/hsm/softhsm"
	"conclave/hsm/softhsm/need"
)

// TestSameAsOpenBao: a real OpenBao with an HSM seal refuses the same requests
// with the same status and message, but for the deliberate differences.
func TestSameAsOpenBao(t *testing.T) {
	bin := need.Tool(t, "openbao")
	need.Tool(t, "softhsm")
	address := startBao(t, bin)
	send := func(x bad) (int, []string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), x.method, address+"/v1/"+x.path, strings.NewReader(x.body))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		code, _, says := read(t, resp)
		return code, says
	}
	compare := func(list []bad) {
		t.Helper()
		for _, x := range list {
			if x.ours && x.path == "sys/init" {
				continue // it would initialise it
			}
			code, says := send(x)
			same := code == x.status && (x.message == "" || slices.Contains(says, x.message))
			if same == x.ours {
				t.Errorf("%s (%s %s): OpenBao answers %d %q; deliberately different: %t", x.name, x.method, x.path, code, says, x.ours)
			}
			if x.ours {
				send(bad{method: http.MethodDelete, path: "sys/rekey/init"})
				send(bad{method: http.MethodDelete, path: "sys/rekey-recovery-key/init"})
				send(bad{method: http.MethodDelete, path: "sys/generate-root/attempt"})
			}
		}
	}
	compare(beforeInit)
	if code, says := send(bad{method: http.MethodPut, path: "sys/init", body: `{"recovery_shares":3,"recovery_threshold":2}`}); code != http.StatusOK {
		t.Fatalf("init of OpenBao: %d %q", code, says)
	}
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if code, _ := send(bad{method: http.MethodGet, path: "sys/health"}); code == http.StatusOK {
			break
		}
	}
	compare(afterInit)
}

// startBao starts a server that is not initialised on a new token.
func startBao(t *testing.T, bin string) (address string) {
	t.Helper()
	dir := t.TempDir()
	pin := secret.Take([]byte("practice-1"))
	store, err := softhsm.Create(t.Context(), dir, "practice", pin)
	if err != nil {
		t.Fatal(err)
	}
	cfg := store.Config("server-key", "01")
	token, err := hsm.Open(t.Context(), cfg)
	if err == nil {
		err = token.Login(t.Context(), pin)
	}
	if err == nil {
		_, err = token.GenerateKey(t.Context())
	}
	if err == nil {
		err = token.Close()
	}
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
  tls_disable = true
  disable_unauthed_rekey_endpoints = false
  disable_unauthed_generate_root_endpoints = false
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
`, filepath.Join(dir, "storage"), at, cfg.Lib, at)
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
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+at+"/v1/sys/init", nil)
		if err != nil {
			t.Fatal(err)
		}
		if resp, err := http.DefaultClient.Do(req); err == nil {
			_ = resp.Body.Close()
			return "http://" + at
		}
	}
	t.Fatal("the server does not answer after a minute")
	return ""
}
