package pgp_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"conclave/hsm/softhsm/need"
	"conclave/vaultstate/pgp"
)

// sq is Sequoia's command, a second implementation of OpenPGP beside GnuPG.
type sq struct {
	t   *testing.T
	dir string
}

func newSQ(t *testing.T) sq {
	t.Helper()
	need.Tool(t, "sq")
	return sq{t, t.TempDir()}
}

func (s sq) run(stdin []byte, args ...string) []byte {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), "sq", args...) // #nosec G204 -- need's
	cmd.Stdin = bytes.NewReader(stdin)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		s.t.Fatalf("sq %s: %v\n%s", strings.Join(args, " "), err, errs.String())
	}
	return out.Bytes()
}

// decrypt opens a message with a private key that has no password.
func (s sq) decrypt(key, message []byte) []byte {
	s.t.Helper()
	file := filepath.Join(s.dir, "key")
	if err := os.WriteFile(file, key, 0o600); err != nil {
		s.t.Fatal(err)
	}
	flag := "--recipient-file"
	if help := s.run(nil, "decrypt", "--help"); !bytes.Contains(help, []byte(flag)) {
		flag = "--recipient-key" // before sq 0.29
	}
	return s.run(message, "decrypt", flag, file)
}

// knows tells whether this sq can do a kind of key at all: built on Nettle, it
// has no Brainpool curves.
func (s sq) knows(kind string) bool {
	s.t.Helper()
	return kind != "brainpool" || !bytes.Contains(s.run(nil, "--version"), []byte("Nettle"))
}

// TestSQPractice: Sequoia opens what is encrypted to a practice key, with the
// private key as the rehearsal writes it.
func TestSQPractice(t *testing.T) {
	s := newSQ(t)
	private, k, err := pgp.GenerateKey("Alice Example", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	key, err := private.Armor()
	if err != nil {
		t.Fatal(err)
	}
	text := share()
	defer text.Wipe()
	message, err := k.Encrypt(text)
	if err != nil {
		t.Fatal(err)
	}
	noted, err := pgp.ArmorNoted(message, true, "Share 1 of a set.")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range [][]byte{message, noted} {
		if got := s.decrypt(key, m); !bytes.Equal(got, text.Expose()) {
			t.Errorf("sq decrypted %d bytes that are not the text", len(got))
		}
	}
}

// TestSQKeys reads keys that Sequoia made, and has it decrypt what was
// encrypted to them.
func TestSQKeys(t *testing.T) {
	s := newSQ(t)
	help := string(s.run(nil, "key", "generate", "--help"))
	if !strings.Contains(help, "--export") {
		t.Log("this sq keeps its keys in a store: nothing to read")
		return
	}
	for suite, algorithm := range map[string]string{"cv25519": "ECDH Curve25519", "rsa3k": "RSA 3072"} {
		t.Run(suite, func(t *testing.T) {
			s := newSQ(t)
			file := filepath.Join(s.dir, "made")
			s.run(nil, "key", "generate", "--userid", "Alice Example <alice@example.org>", "--cipher-suite", suite, "--export", file)
			key, err := os.ReadFile(file) // #nosec G304 -- this test's own
			if err != nil {
				t.Fatal(err)
			}
			if _, err := pgp.Read("alice.key", key); err == nil || !strings.Contains(err.Error(), "private key") {
				t.Errorf("a private key given by mistake: %v", err)
			}
			k, err := pgp.Read("alice.asc", s.run(nil, "key", "extract-cert", file))
			if err != nil {
				t.Fatal(err)
			}
			if k.Algorithm != algorithm {
				t.Errorf("algorithm %q", k.Algorithm)
			}
			found := k.Preflight(time.Now(), time.Time{})
			if got := levels(found, pgp.LevelError) + levels(found, pgp.LevelWarning); got != "" {
				t.Errorf("preflight: %s", got)
			}
			text := share()
			defer text.Wipe()
			message, err := k.Encrypt(text)
			if err != nil {
				t.Fatal(err)
			}
			if got := s.decrypt(key, message); !bytes.Equal(got, text.Expose()) {
				t.Errorf("sq decrypted %d bytes that are not the text", len(got))
			}
		})
	}
}
