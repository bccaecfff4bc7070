package command

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"conclave/hsm/secret"
	"conclave/vaultstate"
	"conclave/vaultstate/serverconfig"
	"conclave/vaultstate/share"
)

// TestSecretsInFlags gives a secret to every flag whose text comes to the
// record: the command ends before a record begins, and does not show it again.
func TestSecretsInFlags(t *testing.T) {
	raw := secret.Random(33)
	defer raw.Wipe()
	groups := share.Scheme{}.Groups(raw)
	defer groups.Wipe()
	const pin = "Red-Lamp-4711"
	// None takes a text of its own: paths, labels, numbers, and what is read by
	// somebody else.
	other := strings.Fields("plan config storage dir previous hsm-lib hsm-token-label hsm-token-serial hsm-slot hsm-key-label hsm-key-id hsm-mechanism " +
		"hsm-hmac-key-label hsm-hmac-key-id hsm-sign-record hsm-rsa-oaep-hash hsm-pin-file root-token-pgp-key root-token-fingerprint recovery-pgp-keys attendance retention-years drill-months backup-drill-months suspended-days recovery-shares recovery-threshold " +
		"address ca-cert client-cert client-key tls-server-name namespace proxy certificate node key-shares key-threshold stored-shares pgp-keys witness-pgp-key challenge second-medium root-token")
	known := map[string]bool{}
	for _, name := range other {
		known[name] = true
	}
	p := &Process{Now: time.Now}
	tried := 0
	for form, text := range map[string]string{"hex": hex.EncodeToString(raw.Expose()), "groups": string(groups.Expose()),
		"base64": base64.StdEncoding.EncodeToString(raw.Expose()), "token": "hvs.CAESIJq0u1ZkPb7vT2mR9xWc", "PIN": "it is " + pin} {
		c := &cobra.Command{Use: "init"}
		ceremonyFlags(c)
		for name := range withValues(c) {
			if known[name] {
				continue
			}
			f := p.flagsOf(vaultstate.Init)
			f.id = "KC-1"
			if err := f.set.Set(name, text); err != nil {
				t.Fatalf("-%s: %v", name, err)
			}
			f.dir = t.TempDir()
			_, _, err := p.request(vaultstate.Init, f, &target{hsm: &serverconfig.HSM{}, pin: secret.Take([]byte(pin))})
			if err == nil || !strings.Contains(err.Error(), "looks like a share") || strings.Contains(err.Error(), text) {
				t.Errorf("-%s takes a secret as %s: %v", name, form, err)
			}
			tried++
		}
	}
	if tried < 25 {
		t.Errorf("%d flags were tried", tried)
	}
}

// TestSecretsInServerFlags is the same for what names a running server.
func TestSecretsInServerFlags(t *testing.T) {
	raw := secret.Random(33)
	defer raw.Wipe()
	p := &Process{Now: time.Now}
	for _, text := range []string{hex.EncodeToString(raw.Expose()), "hvs.CAESIJq0u1ZkPb7vT2mR9xWc"} {
		for _, name := range []string{"address", "node", "namespace", "proxy", "tls-server-name"} {
			f := p.flagsOf(vaultstate.Rotate)
			f.id, f.dir = "KC-1", t.TempDir()
			if err := f.set.Set("address", "https://vault.example:8200"); err != nil {
				t.Fatal(err)
			}
			if err := f.set.Set(name, text); err != nil {
				t.Fatal(err)
			}
			to, err := f.serverTarget()
			if err != nil {
				t.Fatal(err)
			}
			_, _, err = p.serverRequest(vaultstate.Rotate, f, to)
			if err == nil || !strings.Contains(err.Error(), "looks like a share") || strings.Contains(err.Error(), text) {
				t.Errorf("-%s takes a secret: %v", name, err)
			}
		}
	}
}
