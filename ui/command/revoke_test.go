package command_test

import (
	"regexp"
	"strings"
	"testing"
)

// TestRevokeRoot makes a root token on a real vault for somebody and until a day,
// which status says, and takes it out of the storage again.
func TestRevokeRoot(t *testing.T) {
	t.Parallel()
	v := newAESVault(t)
	vault := append(v.config(), "-dir", "..")
	people := []string{"-plain", "-allow-piped-secrets", "-operator", "Olga", "-witness", "Wim"}
	v.shares = v.old[:3]
	text := v.want(0, "to be revoked by 2099-01-31", []string{"generate-root", "-id", "one", "-purpose", "move a mount", "-root-token-receiver", "Alice", "-root-token-until", "2099-01-31",
		"-custodian", "Alice", "-custodian", "Bob", "-custodian", "Carol"}, vault, people)
	m := regexp.MustCompile(`root token with the accessor (\S+), which Alice has`).FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("no accessor in\n%s", text)
	}
	state := []string{"status", "-config", "bao.hcl", "-dir", ".."}
	_, said, err := v.run(state...)
	if err != nil || !strings.Contains(joined(said), m[1]+", of one, went to Alice. Nothing says that it was revoked. It was made for this: move a mount.") {
		t.Errorf("%v\n%s", err, said)
	}
	v.want(2, "which token?", []string{"revoke-root"}, vault, people)
	v.want(2, "accessor: this looks like a share, a PIN, a token or a key", []string{"revoke-root", "-accessor", "hvs.CAESIJ0123456789abcdefABCDEF"}, vault, people)
	v.want(0, "The root token is revoked.", []string{"revoke-root", "-id", "two", "-accessor", m[1]}, vault, people)
	if _, said, err = v.run(state...); err != nil || strings.Contains(string(said), m[1]) {
		t.Errorf("%v\n%s", err, said)
	}
	v.want(1, "has no token with the accessor", []string{"revoke-root", "-id", "three", "-accessor", m[1]}, vault, people)
}
