package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"conclave/hsm/softhsm/need"
)

const ctrlD = "\x04"

// gpgHome is the directory, in a test's own, that gpg has for its home.
const gpgHome = "g"

// gnupg runs gpg with the home in a directory.
func gnupg(t *testing.T, in string, args ...string) {
	t.Helper()
	args = append([]string{"--homedir", filepath.Join(in, gpgHome), "--batch", "--quiet"}, args...)
	if out, err := exec.CommandContext(context.Background(), "gpg", args...).CombinedOutput(); err != nil {
		t.Fatalf("gpg %v: %v\n%s", args, err, out)
	}
}

// TestGPG: custodians have gpg decrypt their shares in the ceremony's own
// terminal, with a key that needs no passphrase, and with one for which pinentry
// asks on the screen. Then the page is as it was, the share is taken, and the
// record names the program; no share was on the screen.
func TestGPG(t *testing.T) {
	need.Tool(t, "softhsm")
	need.Tool(t, "gpg")
	t.Parallel()
	in := workplace(t)
	home := filepath.Join(in, gpgHome)
	if err := os.Mkdir(home, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = exec.CommandContext(context.Background(), "gpgconf", "--homedir", home, "--kill", "all").Run()
	})
	made := exec.CommandContext(context.Background(), conclave, "rehearse", "init", "-auto", "-plain", "-dir", "D")
	made.Dir = in
	if out, err := made.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	gnupg(t, in, "--import", filepath.Join(in, "D/custodians/PRACTICE-alice-adams.asc"), filepath.Join(in, "D/custodians/PRACTICE-bob-baker.asc"))
	files, err := filepath.Glob(filepath.Join(in, "D/PRACTICE-*/shares/PRACTICE-*.asc"))
	if err != nil || len(files) != 5 {
		t.Fatalf("%q, %v", files, err)
	}
	asks := false
	if _, err := exec.LookPath("pinentry-curses"); err == nil {
		asks = true
		if err := os.WriteFile(filepath.Join(home, "gpg-agent.conf"), []byte("pinentry-program /usr/bin/pinentry-curses\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		// Bob's share once more, for a key with a passphrase.
		gnupg(t, in, "--passphrase", "tomato", "--pinentry-mode", "loopback", "--quick-generate-key", "Bob at home", "future-default", "default", "never")
		gnupg(t, in, "--output", filepath.Join(in, "share"), "--decrypt", files[1])
		gnupg(t, in, "--trust-model", "always", "--output", filepath.Join(in, "bob.asc"), "--recipient", "Bob at home", "--encrypt", filepath.Join(in, "share"))
		_ = exec.CommandContext(context.Background(), "gpgconf", "--homedir", home, "--kill", "gpg-agent").Run() // it knows the passphrase
	}
	s := openPTY(t, in, "rehearse", "rekey", "-dir", "D")
	p := &people{t: t, s: s, shares: map[string]string{}}
	p.hooks = []hook{
		{"Alice Adams: type", func(p *people, page string) {
			s.send(ctrlD)
			p.sees("The file that gpg shall decrypt:")
			p.read()
			s.send("none.asc" + enter)
			p.sees("gpg did not decrypt the file.")
			p.read()
			s.send(ctrlD)
			p.sees("The file that gpg shall decrypt:")
			p.read()
			s.send(files[0] + enter)
			p.sees("Type BOB to begin")
		}},
		{"Bob Baker: type", func(p *people, page string) {
			if asks {
				s.send(ctrlD)
				p.sees("The file that gpg shall decrypt:")
				p.read()
				s.send("bob.asc" + enter)
				p.sees("Passphrase:")
				s.send("tomato" + enter)
				p.sees("Type CAROL to begin")
			}
			s.send(ctrlC)
			p.sees("Stop the ceremony safely?")
			p.read()
			s.send("enough" + enter)
			p.sees("The ceremony is over.")
		}},
	}
	p.hold()
	p.allDone(0)
	records, err := filepath.Glob(filepath.Join(in, "D/PRACTICE-*-rekey/PRACTICE-transcript.jsonl"))
	if err != nil || len(records) != 1 {
		t.Fatalf("%q, %v", records, err)
	}
	text, err := os.ReadFile(records[0])
	if err != nil {
		t.Fatal(err)
	}
	taken := 0
	for l := range strings.Lines(string(text)) {
		if strings.Contains(l, `"kind":"share-entered"`) && strings.Contains(l, `"evidence":"share"`) && strings.Contains(l, `"gpg":"/`) && strings.Contains(l, `"gpg_sha256":"`) && strings.Contains(l, `"source":"gpg"`) {
			taken++
		}
	}
	if want := map[bool]int{true: 2, false: 1}[asks]; taken != want {
		t.Errorf("%d shares were taken from gpg, not %d:\n%s", taken, want, text)
	}
	if !asks {
		t.Log("there is no pinentry-curses: no passphrase was asked for")
	} else if b, err := os.ReadFile(filepath.Join(in, "share")); err != nil || strings.Contains(s.wrote(), string(b)) || len(b) != 66 {
		t.Errorf("the share was on the screen, or cannot be read: %v", err)
	}
}
