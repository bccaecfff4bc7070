package pgp_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"conclave/hsm/softhsm/need"
	"conclave/vaultstate/pgp"
)

// gpg is a GnuPG with a home of its own.
type gpg struct {
	t    *testing.T
	home string
}

func newGPG(t *testing.T) gpg {
	t.Helper()
	need.Tool(t, "gpg")
	// Not t.TempDir: the agent's socket lies in the home, and its path may have
	// some hundred characters only.
	home, err := os.MkdirTemp("", "gpg") //nolint:usetesting // its paths are too long
	if err != nil {
		t.Fatal(err)
	}
	g := gpg{t, home}
	t.Cleanup(func() {
		kill := exec.CommandContext(context.WithoutCancel(t.Context()), "gpgconf", "--homedir", home, "--kill", "gpg-agent")
		if err := kill.Run(); err != nil {
			t.Logf("stopping the agent: %v", err)
		}
		if err := os.RemoveAll(home); err != nil {
			t.Errorf("removing %s: %v", home, err)
		}
	})
	return g
}

func (g gpg) run(stdin []byte, args ...string) []byte {
	g.t.Helper()
	cmd := exec.CommandContext(g.t.Context(), "gpg", append([]string{"--homedir", g.home, "--batch", "--quiet", "--no-tty", "--yes", "--trust-model=always"}, args...)...)
	cmd.Stdin = bytes.NewReader(stdin)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		g.t.Fatalf("gpg %s: %v\n%s", strings.Join(args, " "), err, errs.String())
	}
	return out.Bytes()
}

// generate makes a key; kind is "Key-Type: …" lines.
func (g gpg) generate(name, kind string, more ...string) {
	g.t.Helper()
	text := "%no-protection\n" + kind + "\nName-Real: " + name + "\nName-Email: " + name + "@example.org\n%commit\n"
	g.run([]byte(text), append(more, "--gen-key")...)
}

func rsaKey(bits int) string {
	return fmt.Sprintf("Key-Type: RSA\nKey-Length: %d\nKey-Usage: sign\nSubkey-Type: RSA\nSubkey-Length: %d\nSubkey-Usage: encrypt\nExpire-Date: 0", bits, bits)
}

func ecKey(primary, curve, subcurve string) string {
	return fmt.Sprintf("Key-Type: %s\nKey-Curve: %s\nKey-Usage: sign\nSubkey-Type: ECDH\nSubkey-Curve: %s\nSubkey-Usage: encrypt\nExpire-Date: 0", primary, curve, subcurve)
}

// TestGPGKeys reads keys that GnuPG made, says what is to be said of each, and
// has GnuPG and Sequoia decrypt what was encrypted to them.
func TestGPGKeys(t *testing.T) {
	g := newGPG(t)
	const past = "--faked-system-time=20200101T000000"
	for _, c := range []struct {
		name, kind, algorithm string
		args                  []string
		err, warned           string
	}{
		{name: "rsa2048", kind: rsaKey(2048), algorithm: "RSA 2048", warned: "RSA with 2048 bits is weak"},
		{name: "rsa4096", kind: rsaKey(4096), algorithm: "RSA 4096"},
		{name: "cv25519", kind: ecKey("EDDSA", "ed25519", "cv25519"), algorithm: "ECDH Curve25519"},
		{name: "nistp256", kind: ecKey("ECDSA", "nistp256", "nistp256"), algorithm: "ECDH P256"},
		{name: "brainpool", kind: ecKey("ECDSA", "brainpoolP256r1", "brainpoolP256r1"), algorithm: "ECDH BrainpoolP256"},
		{name: "rsa1024", kind: rsaKey(1024), err: "RSA 1024 is too weak"},
		{name: "elgamal", kind: "Key-Type: DSA\nKey-Length: 1024\nSubkey-Type: ELG\nSubkey-Length: 1024\nExpire-Date: 0", err: "DSA and ElGamal are no longer safe"},
		{name: "rsaelg", kind: "Key-Type: RSA\nKey-Length: 2048\nKey-Usage: sign\nSubkey-Type: ELG\nSubkey-Length: 1024\nExpire-Date: 0", err: "DSA and ElGamal are no longer safe"},
		{name: "expired", kind: strings.Replace(ecKey("EDDSA", "ed25519", "cv25519"), "Expire-Date: 0", "Expire-Date: 1y", 1),
			args: []string{past}, algorithm: "ECDH Curve25519", err: "it expired on 2020-12-31"},
		{name: "signonly", kind: "Key-Type: EDDSA\nKey-Curve: ed25519\nKey-Usage: sign\nExpire-Date: 0", err: "no subkey for encryption"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := gpg{t, g.home}
			g.generate(c.name, c.kind, c.args...)
			k, err := pgp.Read(c.name+".asc", g.run(nil, "--armor", "--export", c.name+"@example.org"))
			if err != nil {
				t.Fatal(err)
			}
			uid := fmt.Sprintf("%s <%s@example.org>", c.name, c.name)
			if k.Algorithm != c.algorithm || !slices.Equal(k.UserIDs, []string{uid}) {
				t.Errorf("algorithm %q, user IDs %q", k.Algorithm, k.UserIDs)
			}
			listed := string(g.run(nil, "--with-colons", "--with-subkey-fingerprint", "--list-keys", c.name+"@example.org"))
			for _, fpr := range []string{k.Fingerprint, k.Subkey} {
				if !strings.Contains(listed, "fpr:::::::::"+strings.ToUpper(fpr)+":") && fpr != "" {
					t.Errorf("gpg does not list %s:\n%s", fpr, listed)
				}
			}
			found := k.Preflight(time.Now(), time.Now().AddDate(1, 0, 0))
			if got := levels(found, pgp.LevelError); (got == "") != (c.err == "") || !strings.Contains(got, c.err) {
				t.Errorf("errors %q, want %q", got, c.err)
			}
			if got := levels(found, pgp.LevelWarning); (got == "") != (c.warned == "") || !strings.Contains(got, c.warned) {
				t.Errorf("warnings %q, want %q", got, c.warned)
			}
			text := share()
			defer text.Wipe()
			message, err := k.Encrypt(text)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("Encrypt: %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			armored, err := pgp.Armor(message, false)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range [][]byte{message, armored} {
				if got := g.run(m, "--decrypt"); !bytes.Equal(got, text.Expose()) {
					t.Errorf("gpg decrypted %d bytes that are not the text", len(got))
				}
			}
			t.Run("sq", func(t *testing.T) {
				key := g.run(nil, "--armor", "--export-secret-keys", c.name+"@example.org")
				s := newSQ(t)
				if !s.knows(c.name) {
					t.Log("this sq does not know the curve")
					return
				}
				if got := s.decrypt(key, armored); !bytes.Equal(got, text.Expose()) {
					t.Errorf("sq decrypted %d bytes that are not the text", len(got))
				}
			})
			// As gpg itself describes it: one recipient, no signature, no name.
			packets := string(g.run(message, "--list-packets"))
			for _, want := range []string{":pubkey enc packet: version 3", ":encrypted data packet:", "mdc_method: 2", `mode b (62), created 0, name=""`} {
				if !strings.Contains(packets, want) {
					t.Errorf("no %q in\n%s", want, packets)
				}
			}
			if strings.Contains(packets, "compressed") || strings.Contains(packets, "signature") {
				t.Errorf("%s", packets)
			}
		})
	}
}

func TestGPGRefused(t *testing.T) {
	g := newGPG(t)
	ec := ecKey("EDDSA", "ed25519", "cv25519")
	g.generate("alice", ec)
	g.generate("bob", ec)
	for _, c := range []struct {
		name, reason string
		data         []byte
	}{
		{"two", "more than one key", g.run(nil, "--export")},
		{"two, armored", "more than one key", g.run(nil, "--armor", "--export")},
		{"private", "private key", g.run(nil, "--export-secret-keys", "alice")},
		{"private, armored", "private key", g.run(nil, "--armor", "--export-secret-keys", "alice")},
		{"private subkeys", "private key", g.run(nil, "--export-secret-subkeys", "alice")},
		{"signature", "PGP SIGNATURE", g.run([]byte("text"), "--armor", "--detach-sign", "--local-user", "alice")},
	} {
		if _, err := pgp.Read(c.name, c.data); err == nil || !strings.Contains(err.Error(), c.reason) {
			t.Errorf("%s: %v", c.name, err)
		}
	}

	// Revoked: gpg makes the certificate with the key, and disarms it by a colon.
	alice, err := pgp.Read("alice", g.run(nil, "--export", "alice"))
	if err != nil {
		t.Fatal(err)
	}
	cert, err := os.ReadFile(filepath.Join(g.home, "openpgp-revocs.d", strings.ToUpper(alice.Fingerprint)+".rev"))
	if err != nil {
		t.Fatal(err)
	}
	g.run(bytes.Replace(cert, []byte(":-----BEGIN"), []byte("-----BEGIN"), 1), "--import")
	revoked, err := pgp.Read("alice", g.run(nil, "--export", "alice"))
	if err != nil {
		t.Fatal(err)
	}
	if got := levels(revoked.Preflight(time.Now(), time.Time{}), pgp.LevelError); !strings.Contains(got, "it is revoked") {
		t.Errorf("errors %q", got)
	}
	if got := levels(alice.Preflight(time.Now(), time.Time{}), pgp.LevelError); got != "" {
		t.Errorf("without the revocation in the file: %q", got)
	}
}

// TestGPGPractice: GnuPG takes a practice key, public and private, and reads
// what is encrypted to it.
func TestGPGPractice(t *testing.T) {
	g := newGPG(t)
	private, k, err := pgp.GenerateKey("Alice Example", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	armored, err := private.Armor()
	if err != nil {
		t.Fatal(err)
	}
	g.run(armored, "--import")
	if listed := string(g.run(nil, "--list-secret-keys")); !strings.Contains(listed, strings.ToUpper(k.Fingerprint)) || !strings.Contains(listed, "Alice Example (PRACTICE)") {
		t.Errorf("%s", listed)
	}
	text := share()
	defer text.Wipe()
	message, err := k.Encrypt(text)
	if err != nil {
		t.Fatal(err)
	}
	if got := g.run(message, "--decrypt"); !bytes.Equal(got, text.Expose()) {
		t.Error("gpg decrypted something else")
	}
	// And the other way round.
	theirs := g.run(text.Expose(), "--encrypt", "--recipient", k.Fingerprint)
	got, err := private.Decrypt(theirs)
	if err != nil || !got.Equal(text) {
		t.Errorf("what gpg encrypted: %v", err)
	}
	got.Wipe()
}
