// Package gpg runs GnuPG on one file, for somebody who decrypts at the
// ceremony's own machine what is encrypted to them.
//
// It promises:
//   - the program is found in the system's own directories and run by its whole
//     path, with an environment made anew: HOME, GNUPGHOME, TERM, PATH and the
//     terminal for pinentry, nothing else (TestEnvironment). Path and SHA-256
//     are told, for the record;
//   - what it reads is the very file that was looked at: a regular one, not a
//     link, not large (TestFiles);
//   - what it decrypts goes through a pipe straight into locked memory, up to
//     Most bytes, and nowhere else (TestDecrypt);
//   - the passphrase or PIN is asked for by pinentry and never comes in here;
//   - it ends with its context, and after Patience.
//
// It does not promise anything about gpg itself: while it runs it holds the
// plaintext in memory that nobody locked. A device of one's own is better, and
// pages say so. A smart card goes the same way, through scdaemon; nobody has
// tried one here.
package gpg

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"conclave/assets/clean"
	"conclave/hsm/secret"
)

const (
	// Most is the longest plaintext: a challenge or a share is shorter.
	Most = 1024
	// Patience is how long somebody may look for a passphrase or a card.
	Patience = 3 * time.Minute

	largest = 64 << 10 // of a file with a challenge or a share
	mostErr = 4 << 10  // bytes of what gpg complains of
)

// places are where a system keeps its programs. The PATH of whoever started us
// is not asked.
var places = []string{"/usr/bin", "/usr/local/bin", "/bin", "/run/current-system/sw/bin"}

// Tool is the program.
type Tool struct{ Path, SHA256 string }

// Find finds gpg.
func Find() (Tool, error) {
	for _, dir := range places {
		path, err := filepath.EvalSymlinks(filepath.Join(dir, "gpg"))
		if err != nil {
			continue
		}
		sum, err := digest(path)
		if err != nil {
			continue
		}
		return Tool{path, sum}, nil
	}
	return Tool{}, &Failure{Said: "there is no gpg in " + strings.Join(places, ", ")}
}

func digest(path string) (string, error) {
	f, err := os.Open(path) // #nosec G304 -- one of places
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// Failure is that nothing was decrypted. Said is cleaned, and no part of a
// plaintext.
type Failure struct{ Said string }

func (f *Failure) Error() string { return f.Said }

// Decrypt has gpg decrypt a file. tty is the terminal on which pinentry asks; ""
// for none. The caller wipes what comes back.
func (t Tool) Decrypt(ctx context.Context, file, tty string) (secret.Bytes, error) {
	in, err := open(file)
	if err != nil {
		return secret.Bytes{}, &Failure{Said: clean.Cut(err.Error(), 300)}
	}
	defer in.Close()
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	// A pipe of the system's: exec would copy through a buffer on the heap.
	r, w, err := os.Pipe()
	if err != nil {
		return secret.Bytes{}, fmt.Errorf("making a pipe for gpg: %w", err)
	}
	defer r.Close()
	var said limited
	cmd := exec.CommandContext(ctx, t.Path, "--batch", "--quiet", "--no-tty", "--decrypt") // #nosec G204 -- found in places
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = environment(os.Getenv, tty), in, w, &said
	// ctrl+c on the terminal is for whoever lent it: the context ends gpg.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = time.Second
	if err := secret.Start(cmd); err != nil {
		w.Close()
		return secret.Bytes{}, &Failure{Said: clean.Cut("gpg was not started: "+err.Error(), 300)}
	}
	w.Close()
	text, long := readAll(r)
	if long {
		cancel()
	}
	err = cmd.Wait()
	switch {
	case long:
		err = &Failure{Said: fmt.Sprintf("the plaintext is longer than %d bytes: it is no challenge and no share", Most)}
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		err = &Failure{Said: "nobody answered pinentry within " + Patience.String()}
	case ctx.Err() != nil:
		err = &Failure{Said: "it was interrupted"}
	case err != nil:
		err = &Failure{Said: said.text(err)}
	case text.Len() == 0:
		err = &Failure{Said: "the plaintext is empty"}
	}
	if err != nil {
		text.Wipe()
		return secret.Bytes{}, err
	}
	return text, nil
}

// readAll reads to the end, or tells that there is too much.
func readAll(r io.Reader) (text secret.Bytes, long bool) {
	all := secret.New(Most)
	defer all.Wipe()
	n := 0
	for n < Most {
		k, err := r.Read(all.Expose()[n:])
		n += k
		if err != nil {
			return all.Slice(0, n), false
		}
	}
	return secret.Bytes{}, true
}

// open opens a regular file of reasonable size, through no link.
func open(name string) (*os.File, error) {
	if name == "" {
		return nil, errors.New("no file was named")
	}
	f, err := os.OpenFile(name, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0) // #nosec G304 -- its holder named it
	if errors.Is(err, unix.ELOOP) {
		return nil, fmt.Errorf("%s is a link to another file", name)
	}
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	switch {
	case err != nil:
	case !info.Mode().IsRegular():
		err = fmt.Errorf("%s is no regular file", name)
	case info.Size() > largest:
		err = fmt.Errorf("%s has %d bytes: no challenge and no share is as large", name, info.Size())
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// environment is all that gpg is told.
func environment(getenv func(string) string, tty string) []string {
	env := []string{"PATH=" + strings.Join(places, ":")}
	for _, name := range []string{"HOME", "GNUPGHOME", "TERM"} {
		if v := getenv(name); v != "" {
			env = append(env, name+"="+v)
		}
	}
	if tty != "" {
		env = append(env, "GPG_TTY="+tty)
	}
	return env
}

// limited keeps the beginning of what is written.
type limited struct{ bytes.Buffer }

func (l *limited) Write(p []byte) (int, error) {
	if room := mostErr - l.Len(); room > 0 {
		l.Buffer.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

// text is what gpg complained of, on one line.
func (l *limited) text(err error) string {
	lines := strings.FieldsFunc(strings.TrimSpace(l.String()), func(r rune) bool { return r == '\n' || r == '\r' })
	if len(lines) == 0 {
		return clean.Cut("gpg ended with: "+err.Error(), 300)
	}
	for i := range lines {
		lines[i] = clean.Cut(lines[i], 200)
	}
	// The cause stands last.
	return strings.Join(lines[max(0, len(lines)-3):], "; ")
}

// TTY is the name of the terminal that a file is open on, "" if it is none.
func TTY(f *os.File) string {
	name, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", f.Fd()))
	if err != nil {
		return ""
	}
	if _, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS); err != nil { // #nosec G115 -- a descriptor
		return ""
	}
	return name
}
