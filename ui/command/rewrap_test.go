package command_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"conclave/hsm/secret"
	"conclave/hsm/softhsm"
)

// TestRewrapByFlags moves a vault that OpenBao made to AES-CBC with HMAC on a
// second token, by flags alone; then the old shares rotate it with the new token
// alone, and the old one does not open it; its key there is destroyed.
func TestRewrapByFlags(t *testing.T) {
	t.Parallel()
	v := newAESVault(t)
	const otherPIN = "other-5678"
	pin := secret.Take([]byte(otherPIN))
	defer pin.Wipe()
	home := t.TempDir()
	if _, err := softhsm.Create(t.Context(), home, "second", pin); err != nil {
		t.Fatal(err)
	}
	// Both tokens are in the slots of one library.
	if err := os.CopyFS(filepath.Join(v.work, "aes", "tokens"), os.DirFS(filepath.Join(home, "tokens"))); err != nil {
		t.Fatal(err)
	}
	v.pin = otherPIN
	people := []string{"-dir", "..", "-plain", "-allow-piped-secrets", "-operator", "Olga", "-witness", "Wim",
		"-custodian", "Alice", "-custodian", "Bob", "-custodian", "Carol"}
	run := func(want int, has string, args ...string) {
		t.Helper()
		v.shares = v.old[:3]
		v.want(want, has, args, people)
	}
	config := v.config()
	run(2, "wrapped with the key", append([]string{"rewrap", "-id", "none", "-new-hsm-key-label", "bao-aes", "-new-hsm-key-id", "01"}, config...)...)
	run(2, "which key", append([]string{"rewrap", "-id", "none"}, config...)...)
	run(2, "authenticates nothing", append([]string{"rewrap", "-id", "none", "-new-hsm-key-label", "x", "-new-hsm-mechanism", "CKM_RSA_PKCS_OAEP"}, config...)...)
	run(0, "wrapped with the new HSM key", append([]string{"rewrap", "-id", "one", "-new-hsm-token-label", "second", "-new-hsm-key-label", "moved", "-new-hsm-key-id", "0a",
		"-new-hsm-mechanism", "CKM_AES_CBC_PAD", "-new-hsm-hmac-key-label", "moved-mac", "-new-hsm-hmac-key-id", "0b", "-new-hsm-generate-key"}, config...)...)
	there := []string{"-storage", "storage", "-hsm-lib", v.lib, "-hsm-token-label", "second", "-hsm-key-label", "moved", "-hsm-key-id", "0a"}
	run(0, "data encryption key is rotated", append([]string{"rotate", "-id", "two"}, there...)...)
	run(1, "has no key", append([]string{"rotate", "-id", "three"}, config...)...)

	// The key that it was moved away from is destroyed in the other token, and
	// then it is not there.
	retire := append([]string{"retire", "-old-hsm-token-label", "ceremony", "-old-hsm-key-label", "bao-aes", "-old-hsm-key-id", "01"}, there...)
	v.pins = map[string]string{"second": otherPIN, "ceremony": "user-1234"}
	run(0, "old HSM key is destroyed", append(slices.Clone(retire), "-id", "four")...)
	run(1, "has no key", append(slices.Clone(retire), "-id", "five")...)
	run(0, "data encryption key is rotated", append([]string{"rotate", "-id", "six"}, there...)...)
}
