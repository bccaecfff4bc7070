//go:build !cgo

package hsm_test

import (
	"errors"
	"testing"

	"conclave/hsm"
	"conclave/hsm/secret"
	"conclave/hsm/softhsm"
)

// TestWithoutCgo: this build loads no library, and says so.
func TestWithoutCgo(t *testing.T) {
	cfg := hsm.Config{Lib: "/usr/lib/softhsm/libsofthsm2.so", TokenLabel: "ceremony"}
	if _, err := hsm.Open(t.Context(), cfg); !errors.Is(err, hsm.ErrNoPKCS11) {
		t.Errorf("Open: %v", err)
	}
	if _, err := hsm.Tokens(t.Context(), cfg.Lib, nil); !errors.Is(err, hsm.ErrNoPKCS11) {
		t.Errorf("Tokens: %v", err)
	}
	if _, err := softhsm.Create(t.Context(), t.TempDir(), "x", secret.Bytes{}); !errors.Is(err, hsm.ErrNoPKCS11) && !errors.Is(err, softhsm.ErrNoSoftHSM) {
		t.Errorf("softhsm.Create: %v", err)
	}
}
