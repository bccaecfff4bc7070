package command_test

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"conclave/hsm/softhsm/need"
)

// TestRevokeRoot makes a root token on a real vault for somebody and until a day,
// which status says, and takes it out of the storage again.
func TestRevokeRoot(t *testing.T) {
	t.Parallel()
	lib := need.Tool(t, "softhsm")
	work := t.TempDir()
	e := &testscript.Env{WorkDir: work}
	if err := fixtures(lib)(e); err != nil {
		t.Fatal(err)
	}
	old, err := known("testdata/aes/known.json")
	if err != nil {
		t.Fatal(err)
	}
	p := &player{dir: filepath.Join(work, "aes"), env: []string{"SOFTHSM2_CONF=" + filepath.Join(work, "softhsm2.conf"), "HOME=" + work, "TERM=dumb"},
		shown: map[string]string{}}
	vault := []string{"-config", "bao.hcl", "-hsm-lib", lib, "-dir", ".."}
	people := []string{"-plain", "-allow-piped-secrets", "-operator", "Olga", "-witness", "Wim"}
	run := func(want int, has string, parts ...[]string) string {
		t.Helper()
		var args []string
		for _, part := range parts {
			args = append(args, part...)
		}
		code, text, err := p.run(args...)
		if err != nil || code != want || !strings.Contains(string(text), has) {
			t.Fatalf("conclave %s: code %d, %v; want code %d and %q in\n%s", strings.Join(args, " "), code, err, want, has, text)
		}
		return string(text)
	}
	p.shares = old[:3]
	text := run(0, "to be revoked by 2099-01-31", []string{"generate-root", "-id", "one", "-purpose", "move a mount", "-root-token-receiver", "Alice", "-root-token-until", "2099-01-31",
		"-custodian", "Alice", "-custodian", "Bob", "-custodian", "Carol"}, vault, people)
	m := regexp.MustCompile(`root token with the accessor (\S+), which Alice has`).FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("no accessor in\n%s", text)
	}
	state := []string{"status", "-config", "bao.hcl", "-dir", ".."}
	_, said, err := p.run(state...)
	if err != nil || !strings.Contains(joined(said), m[1]+", of one, went to Alice. Nothing says that it was revoked. It was made for this: move a mount.") {
		t.Errorf("%v\n%s", err, said)
	}
	run(2, "which token?", []string{"revoke-root"}, vault, people)
	run(2, "accessor: this looks like a share, a PIN, a token or a key", []string{"revoke-root", "-accessor", "hvs.CAESIJ0123456789abcdefABCDEF"}, vault, people)
	run(0, "The root token is revoked.", []string{"revoke-root", "-id", "two", "-accessor", m[1]}, vault, people)
	if _, said, err = p.run(state...); err != nil || strings.Contains(string(said), m[1]) {
		t.Errorf("%v\n%s", err, said)
	}
	run(1, "has no token with the accessor", []string{"revoke-root", "-id", "three", "-accessor", m[1]}, vault, people)
}

// joined is text with its line ends and columns taken out.
func joined(text []byte) string { return strings.Join(strings.Fields(string(text)), " ") }
