package gpg

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"conclave/hsm/softhsm/need"
)

// TestEnvironment: gpg is told nothing but what it needs.
func TestEnvironment(t *testing.T) {
	vars := map[string]string{"HOME": "/home/a", "GNUPGHOME": "/k", "TERM": "xterm", "PATH": "/tmp/evil", "LD_PRELOAD": "evil.so", "BAO_HSM_PIN": "1234", "GPG_TTY": "/dev/pts/9"}
	got := environment(func(n string) string { return vars[n] }, "/dev/pts/1")
	want := []string{"PATH=/usr/bin:/usr/local/bin:/bin:/run/current-system/sw/bin", "HOME=/home/a", "GNUPGHOME=/k", "TERM=xterm", "GPG_TTY=/dev/pts/1"}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if got := environment(func(string) string { return "" }, ""); len(got) != 1 {
		t.Errorf("%q", got)
	}
}

// TestFiles: only a regular file of reasonable size is given to gpg.
func TestFiles(t *testing.T) {
	dir := t.TempDir()
	name := func(s string) string { return filepath.Join(dir, s) }
	for file, size := range map[string]int{"good": 300, "large": largest + 1} {
		if err := os.WriteFile(name(file), make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Symlink(name("good"), name("link")), unix.Mkfifo(name("pipe"), 0o600)); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{"good": "", "large": "no challenge and no share is as large", "link": "is a link to another file", "pipe": "no regular file",
		".": "no regular file", "none": "no such file"} {
		f, err := open(name(file))
		switch {
		case want == "" && err != nil, want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v", file, err)
		}
		f.Close() // of nil too
	}
	if _, err := open(""); err == nil {
		t.Error("no name is a file")
	}
}

// keyring makes a home for gpg with a key of its own.
func keyring(t *testing.T) Tool {
	t.Helper()
	need.Tool(t, "gpg")
	home, err := os.MkdirTemp("", "gnupg") //nolint:usetesting // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("GNUPGHOME", home)
	t.Cleanup(func() {
		_ = exec.CommandContext(context.Background(), "gpgconf", "--kill", "all").Run()
		_ = os.RemoveAll(home)
	})
	run(t, "", "--passphrase", "", "--quick-generate-key", "Alice Adams <alice@example.org>", "future-default", "default", "never")
	tool, err := Find()
	if err != nil {
		t.Fatal(err)
	}
	return tool
}

func run(t *testing.T, in string, args ...string) string {
	t.Helper()
	c := exec.CommandContext(t.Context(), "gpg", append([]string{"--batch", "--quiet", "--trust-model", "always"}, args...)...)
	c.Stdin = strings.NewReader(in)
	out, err := c.Output()
	if err != nil {
		t.Fatalf("gpg %v: %v", args, err)
	}
	return string(out)
}

func encrypted(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "message.asc")
	if err := os.WriteFile(file, []byte(run(t, text, "--armor", "--encrypt", "--recipient", "alice@example.org")), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestDecrypt has a real gpg decrypt, and fail in each way that people meet.
func TestDecrypt(t *testing.T) {
	tool := keyring(t)
	if !filepath.IsAbs(tool.Path) || len(tool.SHA256) != 64 {
		t.Errorf("%+v", tool)
	}
	const plain = "CONCLAVE CHALLENGE — not a share"
	text, err := tool.Decrypt(t.Context(), encrypted(t, plain), "")
	if err != nil || string(text.Expose()) != plain {
		t.Fatalf("%q, %v", text.Expose(), err)
	}
	text.Wipe()
	failed := func(what, file, want string, ctx context.Context) {
		t.Helper()
		text, err := tool.Decrypt(ctx, file, "")
		var f *Failure
		if !errors.As(err, &f) || !strings.Contains(f.Said, want) || text.Len() > 0 {
			t.Errorf("%s: %d bytes, %v", what, text.Len(), err)
		}
		p := Problem(err)
		if strings.Contains(p.State, "\n") || strings.Contains(p.State, plain) || p.Happened == "" || p.Do == "" {
			t.Errorf("%s: %+v", what, p)
		}
	}
	failed("too long", encrypted(t, strings.Repeat("x", Most+1)), "longer than 1024 bytes", t.Context())
	failed("empty", encrypted(t, ""), "the plaintext is empty", t.Context())
	garbage := filepath.Join(t.TempDir(), "garbage")
	if err := os.WriteFile(garbage, []byte("hello \x1b[2J"), 0o600); err != nil {
		t.Fatal(err)
	}
	failed("no message", garbage, "no valid OpenPGP data found", t.Context())
	damaged := encrypted(t, plain)
	b, err := os.ReadFile(damaged)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)*2/3] ^= 1
	if err := os.WriteFile(damaged, b, 0o600); err != nil {
		t.Fatal(err)
	}
	failed("damaged", damaged, "", t.Context())
	file := encrypted(t, plain)
	t.Setenv("GNUPGHOME", t.TempDir())
	failed("no key", file, "No secret key", t.Context())

	// A program that never ends, in place of a pinentry that nobody answers.
	slow := filepath.Join(t.TempDir(), "gpg")
	if err := os.WriteFile(slow, []byte("#!/bin/sh\nexec sleep 60\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	begun := time.Now()
	if _, err := (Tool{Path: slow}).Decrypt(ctx, file, ""); err == nil || time.Since(begun) > 10*time.Second {
		t.Errorf("after %s: %v", time.Since(begun), err)
	}
}
