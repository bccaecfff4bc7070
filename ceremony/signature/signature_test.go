package signature_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"conclave/ceremony/signature"
	"conclave/hsm/softhsm/need"
)

var message = []byte("conclave/KC-1\n5\nroot\nhead x\n\n")

// run runs a tool in dir.
func run(t *testing.T, dir, stdin, name string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(stdin)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

func read(t *testing.T, dir, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// sshSign makes a key and a signature with ssh-keygen, and returns the public
// key's line and the signature.
func sshSign(t *testing.T, kind, namespace string) (key string, sig []byte) {
	t.Helper()
	tool := need.Tool(t, "ssh-keygen")
	dir := t.TempDir()
	run(t, dir, "", tool, "-q", "-t", kind, "-N", "", "-C", "", "-f", "id")
	if err := os.WriteFile(filepath.Join(dir, "note"), message, 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, dir, "", tool, "-q", "-Y", "sign", "-f", "id", "-n", namespace, "note")
	return strings.TrimSpace(string(read(t, dir, "id.pub"))), read(t, dir, "note.sig")
}

func trust(t *testing.T, files ...string) *signature.Trust {
	t.Helper()
	var tr signature.Trust
	for _, f := range files {
		if err := tr.Add([]byte(f)); err != nil {
			t.Fatal(err)
		}
	}
	return &tr
}

func TestSSH(t *testing.T) {
	for _, kind := range []string{"ed25519", "rsa", "ecdsa"} {
		key, sig := sshSign(t, kind, signature.Namespace(false))
		r, err := trust(t, "# people\n\nwim@example.org "+key+"\n").Check(message, sig, false, time.Now())
		if err != nil || !r.Trusted || !r.Checked || r.Who != "wim@example.org" || r.Kind != signature.SSH || !strings.HasPrefix(r.Key, "SHA256:") {
			t.Errorf("%s: %+v, %v", kind, r, err)
		}
		if r, err := trust(t).Check(message, sig, false, time.Now()); err != nil || r.Trusted || !r.Checked {
			t.Errorf("%s: by an unknown key: %+v, %v", kind, r, err)
		}
		if _, err := trust(t).Check(append(message, 'x'), sig, false, time.Now()); !errors.Is(err, signature.ErrWrong) {
			t.Errorf("%s: over another text: %v", kind, err)
		}
		if _, err := trust(t).Check(message, sig, true, time.Now()); !errors.Is(err, signature.ErrWrong) {
			t.Errorf("%s: as a rehearsal's: %v", kind, err)
		}
	}
}

func TestSSHAllowed(t *testing.T) {
	key, sig := sshSign(t, "ed25519", signature.Namespace(false))
	for options, want := range map[string]bool{
		``: true, `namespaces="conclave-ceremony" `: true, `namespaces="git,conclave-ceremony" `: true, `namespaces="git" `: false,
		`valid-before="20200101" `: false, `valid-after="20200101" `: true, `valid-after="20990101Z" `: false,
		`valid-after="20200101",valid-before="209901010000" `: true, `NAMESPACES="git" `: false,
	} {
		r, err := trust(t, "wim "+options+key).Check(message, sig, false, time.Now())
		if err != nil || r.Trusted != want {
			t.Errorf("%s: trusted %v, %v", options, r.Trusted, err)
		}
	}
	for _, bad := range []string{"", "# none\n", key, "wim", "wim cert-authority " + key, `wim verify-required ` + key, `"wim x" ` + key,
		`wim valid-before="soon" ` + key, "wim ssh-ed25519 AAAA", "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nxxxx\n", "untrusted comment: x\nAAAA\n"} {
		var tr signature.Trust
		if err := tr.Add([]byte(bad)); err == nil {
			t.Errorf("accepted: %q", bad)
		}
	}
}

// TestSSHChanged changes each byte of what the armor holds: none is good.
func TestSSHChanged(t *testing.T) {
	key, sig := sshSign(t, "ed25519", signature.Namespace(false))
	tr := trust(t, "wim "+key)
	block, _ := pem.Decode(bytes.Replace(sig, []byte("\n"), []byte("\n\n"), 1))
	if block == nil {
		t.Fatal("the signature has no armor")
	}
	for i := range block.Bytes {
		bad := bytes.Clone(block.Bytes)
		bad[i] ^= 1
		if r, err := tr.Check(message, armor(bad), false, time.Now()); err == nil && r.Trusted {
			t.Errorf("byte %d changed: %+v", i, r)
		}
	}
	if r, err := tr.Check(message, armor(block.Bytes), false, time.Now()); err != nil || !r.Trusted {
		t.Errorf("unchanged: %+v, %v", r, err)
	}
	if r, err := tr.Check(message, armor(append(bytes.Clone(block.Bytes), 0)), false, time.Now()); err == nil {
		t.Errorf("with a byte more: %+v", r)
	}
}

func armor(b []byte) []byte {
	return []byte("-----BEGIN SSH SIGNATURE-----\n" + base64.StdEncoding.EncodeToString(b) + "\n-----END SSH SIGNATURE-----\n")
}

// TestSecurityKey signs as a FIDO key does: it counts only if somebody touched
// the key.
func TestSecurityKey(t *testing.T) {
	pub, priv, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	blob := ssh.Marshal(struct {
		Name, Key, App string
	}{ssh.KeyAlgoSKED25519, string(pub), "ssh:"})
	line := "wim " + ssh.KeyAlgoSKED25519 + " " + base64.StdEncoding.EncodeToString(blob)
	digest := sha256.Sum256(message)
	signed := append([]byte("SSHSIG"), ssh.Marshal(struct{ Namespace, Reserved, Hash, Digest string }{"conclave-ceremony", "", "sha256", string(digest[:])})...)
	app, inner := sha256.Sum256([]byte("ssh:")), sha256.Sum256(signed)
	for flags, want := range map[byte]bool{0x01: true, 0x05: true, 0x00: false, 0x04: false} {
		rest := []byte{flags, 0, 0, 0, 9}
		sig := ed25519.Sign(priv, bytes.Join([][]byte{app[:], rest, inner[:]}, nil))
		all := append([]byte("SSHSIG"), ssh.Marshal(struct {
			Version                                uint32
			Key, Namespace, Reserved, Hash, Signed string
		}{1, string(blob), "conclave-ceremony", "", "sha256", string(append(ssh.Marshal(struct{ Format, Blob string }{ssh.KeyAlgoSKED25519, string(sig)}), rest...))})...)
		r, err := trust(t, line).Check(message, armor(all), false, time.Now())
		if (err == nil && r.Trusted) != want {
			t.Errorf("flags %#x: %+v, %v", flags, r, err)
		}
	}
}

func TestOpenPGP(t *testing.T) {
	tool := need.Tool(t, "gpg")
	home, err := os.MkdirTemp("", "gpg") //nolint:usetesting // its paths are too long for the agent's socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = exec.CommandContext(context.WithoutCancel(t.Context()), "gpgconf", "--homedir", home, "--kill", "gpg-agent").Run()
		_ = os.RemoveAll(home)
	})
	if err := os.WriteFile(filepath.Join(home, "note"), message, 0o600); err != nil {
		t.Fatal(err)
	}
	gpg := func(args ...string) {
		t.Helper()
		run(t, home, "", tool, append([]string{"--homedir", home, "--batch", "--quiet", "--no-tty", "--yes", "--passphrase", ""}, args...)...)
	}
	gpg("--quick-gen-key", "Vera Example <vera@example.org>", "ed25519", "sign", "never")
	gpg("--armor", "--output", "key.asc", "--export")
	gpg("--output", "key.bin", "--export")
	gpg("--armor", "--output", "private.asc", "--export-secret-keys")
	gpg("--armor", "--output", "note.asc", "--detach-sign", "note")
	gpg("--output", "note.sig", "--detach-sign", "note")
	for _, key := range []string{"key.asc", "key.bin"} {
		for _, sig := range []string{"note.asc", "note.sig"} {
			tr := trust(t, string(read(t, home, key)))
			r, err := tr.Check(message, read(t, home, sig), false, time.Now())
			if err != nil || !r.Trusted || r.Who != "Vera Example <vera@example.org>" || len(r.Key) != 40 || r.Kind != signature.OpenPGP {
				t.Errorf("%s, %s: %+v, %v", key, sig, r, err)
			}
			if _, err := tr.Check(append(message, 'x'), read(t, home, sig), false, time.Now()); !errors.Is(err, signature.ErrWrong) {
				t.Errorf("over another text: %v", err)
			}
		}
	}
	if r, err := trust(t).Check(message, read(t, home, "note.asc"), false, time.Now()); err != nil || r.Trusted || r.Checked || len(r.Key) != 40 {
		t.Errorf("by an unknown key: %+v, %v", r, err)
	}
	var tr signature.Trust
	if err := tr.Add(read(t, home, "private.asc")); err == nil {
		t.Error("a private key was accepted")
	}
	if _, err := tr.Check(message, read(t, home, "key.asc"), false, time.Now()); err == nil {
		t.Error("a key passed for a signature")
	}
}

func TestMinisign(t *testing.T) {
	tool := need.Tool(t, "minisign")
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "note"), message, 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, dir, "\n\n", tool, "-G", "-W", "-p", "pub", "-s", "sec")
	run(t, dir, "\n", tool, "-S", "-s", "sec", "-m", "note", "-t", "after the ceremony")
	sig := read(t, dir, "note.minisig")
	checkMinisign(t, string(read(t, dir, "pub")), message, sig)
}

// TestMinisignPublished checks the published signature of the older kind, which
// signs the text itself.
func TestMinisignPublished(t *testing.T) {
	checkMinisign(t, "untrusted comment: minisign public key\nRWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3\n", []byte("test"),
		[]byte("untrusted comment: signature from minisign secret key\n"+
			"RWQf6LRCGA9i59SLOFxz6NxvASXDJeRtuZykwQepbDEGt87ig1BNpWaVWuNrm73YiIiJbq71Wi+dP9eKL8OC351vwIasSSbXxwA=\n"+
			"trusted comment: timestamp:1555779966\tfile:test\n"+
			"QtKMXWyYcwdpZAlPF7tE2ENJkRd1ujvKjlj1m9RtHTBnZPa5WKU5uWRs5GoP5M/VqE81QFuMKI5k/SfNQUaOAA==\n"))
}

func checkMinisign(t *testing.T, key string, text, sig []byte) {
	t.Helper()
	tr := trust(t, key)
	r, err := tr.Check(text, sig, false, time.Now())
	if err != nil || !r.Trusted || r.Kind != signature.Minisign || len(r.Key) != 16 {
		t.Fatalf("%+v, %v", r, err)
	}
	if _, err := tr.Check(append(bytes.Clone(text), 'x'), sig, false, time.Now()); !errors.Is(err, signature.ErrWrong) {
		t.Errorf("over another text: %v", err)
	}
	if r, err := trust(t).Check(text, sig, false, time.Now()); err != nil || r.Trusted || r.Checked {
		t.Errorf("by an unknown key: %+v, %v", r, err)
	}
	lines := bytes.SplitAfter(sig, []byte("\n"))
	from := len(lines[0])
	for i := from; i < len(sig); i++ {
		bad := bytes.Clone(sig)
		bad[i] ^= 2
		if r, err := tr.Check(text, bad, false, time.Now()); err == nil && r.Trusted {
			t.Errorf("byte %d changed: %+v", i, r)
		}
	}
}

// FuzzSignature: nothing is trusted that no trusted key made.
func FuzzSignature(f *testing.F) {
	f.Add([]byte("-----BEGIN SSH SIGNATURE-----\nU1NIU0lH\n-----END SSH SIGNATURE-----\n"))
	f.Add([]byte("untrusted comment: x\nRWQf6LRCGA9i59SLOFxz6NxvASXDJeRtuZykwQepbDEGt87ig1BNpWaVWuNrm73YiIiJbq71Wi+dP9eKL8OC351vwIasSSbXxwA=\ntrusted comment: t\nQtKMXWyYcwdpZAlPF7tE2ENJkRd1ujvKjlj1m9RtHTBnZPa5WKU5uWRs5GoP5M/VqE81QFuMKI5k/SfNQUaOAA==\n"))
	f.Add([]byte("\x88\x5e\x04\x00"))
	f.Add([]byte("wim ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIGZ"))
	f.Add([]byte("untrusted comment: x\nRWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var tr signature.Trust
		_ = tr.Add([]byte("untrusted comment: x\nRWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3"))
		if r, err := tr.Check(message, b, false, time.Now()); err == nil && r.Trusted {
			t.Fatalf("trusted: %+v", r)
		}
		_ = tr.Add(b)
	})
}
