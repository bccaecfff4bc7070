package command_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"conclave/hsm/softhsm/need"
)

// aesVault is a copy of the fixture that an AES key on a SoftHSM token unseals,
// and somebody at the keyboard. The program runs in work/aes.
type aesVault struct {
	*testing.T
	*player
	lib, work string
	old       []string // the recovery shares of the fixture, any three of five
}

func newAESVault(t *testing.T) *aesVault {
	t.Helper()
	v := &aesVault{T: t, lib: need.Tool(t, "softhsm"), work: t.TempDir()}
	if err := fixtures(v.lib)(&testscript.Env{WorkDir: v.work}); err != nil {
		t.Fatal(err)
	}
	var err error
	if v.old, err = known("testdata/aes/known.json"); err != nil {
		t.Fatal(err)
	}
	v.player = newPlayer(filepath.Join(v.work, "aes"), v.work)
	return v
}

// newPlayer runs the program in dir, with home as its home and the place of the
// token's configuration.
func newPlayer(dir, home string) *player {
	return &player{dir: dir, env: []string{"SOFTHSM2_CONF=" + filepath.Join(home, "softhsm2.conf"), "HOME=" + home, "TERM=dumb"}, shown: map[string]string{}}
}

// config names the fixture's own HSM key.
func (v *aesVault) config() []string { return []string{"-config", "bao.hcl", "-hsm-lib", v.lib} }

// want runs the program with the arguments of all parts. It wants an exit code,
// and a text in what was printed, which it returns.
func (v *aesVault) want(code int, has string, parts ...[]string) string {
	v.Helper()
	var args []string
	for _, part := range parts {
		args = append(args, part...)
	}
	return v.says(v.T, code, []string{has}, args...)
}

// says runs the program, wants an exit code, and texts in what was printed,
// whatever its line ends. It returns what was printed, on one line.
func (p *player) says(t *testing.T, want int, has []string, args ...string) string {
	t.Helper()
	code, text, err := p.run(args...)
	said := joined(text)
	if err != nil || code != want {
		t.Fatalf("conclave %s: code %d, %v; want %d\n%s", strings.Join(args, " "), code, err, want, text)
	}
	for _, h := range has {
		if !strings.Contains(said, h) {
			t.Fatalf("conclave %s does not say %q:\n%s", strings.Join(args, " "), h, text)
		}
	}
	return said
}

// joined is text with its line ends and columns taken out.
func joined(text []byte) string { return strings.Join(strings.Fields(string(text)), " ") }
