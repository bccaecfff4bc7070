// Command vault is HashiCorp Vault's own core and HTTP handler, for tests: its
// storage in memory, an auto-unseal seal with a key of zeros, no TLS. It prints
// its address and ends with its standard input.
//
// It is a module of its own, so that nobody else has what it needs.
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/hashicorp/go-hclog"
	wrapping "github.com/hashicorp/go-kms-wrapping/v2"
	"github.com/hashicorp/go-kms-wrapping/v2/aead"
	vaulthttp "github.com/hashicorp/vault/http"
	"github.com/hashicorp/vault/internalshared/configutil"
	"github.com/hashicorp/vault/sdk/physical/inmem"
	"github.com/hashicorp/vault/vault"
	"github.com/hashicorp/vault/vault/seal"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	logger := hclog.New(&hclog.LoggerOptions{Output: os.Stderr, Level: hclog.Error})
	w := aead.NewWrapper()
	if err := w.SetAesGcmKeyBytes(make([]byte, 32)); err != nil {
		return fmt.Errorf("making the seal's key: %w", err)
	}
	if _, err := w.SetConfig(context.Background(), wrapping.WithKeyId("test")); err != nil {
		return fmt.Errorf("making the seal: %w", err)
	}
	store, err := inmem.NewInmemHA(nil, logger)
	if err != nil {
		return fmt.Errorf("making the storage: %w", err)
	}
	auto, err := vault.NewAutoSeal(&seal.Access{Wrapper: w})
	if err != nil {
		return fmt.Errorf("making the seal: %w", err)
	}
	core, err := vault.NewCore(&vault.CoreConfig{Physical: store, Seal: auto, DisableMlock: true, Logger: logger})
	if err != nil {
		return fmt.Errorf("making the core: %w", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	h := vaulthttp.Handler.Handler(&vault.HandlerProperties{Core: core, ListenerConfig: &configutil.Listener{}, DisablePrintableCheck: true})
	s := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = s.Serve(l) }() // it ends with the program
	fmt.Printf("http://%s\n", l.Addr())
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}
