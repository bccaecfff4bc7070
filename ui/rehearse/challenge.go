package rehearse

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"conclave/ceremony/folder"
	"conclave/hsm/secret"
)

// decrypt is somebody's own device: it decrypts a file with their practice key.
func (w *World) decrypt(name, file string) (secret.Bytes, error) {
	b, err := os.ReadFile(file) // #nosec G304 -- of the ceremony's directory
	if err != nil {
		return secret.Bytes{}, fmt.Errorf("reading the challenge to %s: %w", name, err)
	}
	key, err := w.private(name)
	if err != nil {
		return secret.Bytes{}, err
	}
	text, err := key.Decrypt(b)
	if err != nil {
		return secret.Bytes{}, fmt.Errorf("decrypting the challenge to %s: %w", name, err)
	}
	return text, nil
}

// ChallengeTo prints the plaintext of the newest challenge to somebody, as their
// own device would. name is any part of theirs.
func ChallengeTo(dir, name string, out io.Writer) error {
	w, err := Open(dir)
	if err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(w.Dir, "PRACTICE-*", "challenges", "*.asc"))
	if err != nil {
		return fmt.Errorf("looking for challenges: %w", err)
	}
	var newest time.Time
	var who, file string
	for _, f := range files {
		info, err := os.Stat(f)
		if err != nil {
			return fmt.Errorf("looking for challenges: %w", err)
		}
		for _, n := range append(custodianNames(max(w.Shares, len(names))), witnessName, operatorName) {
			mine := strings.HasSuffix(f, "-"+folder.FileName(n)+".asc") && strings.Contains(strings.ToLower(n), strings.ToLower(strings.TrimSpace(name)))
			if mine && !info.ModTime().Before(newest) {
				newest, who, file = info.ModTime(), n, f
			}
		}
	}
	if file == "" {
		return errors.New("there is no challenge to somebody of this name here")
	}
	text, err := w.decrypt(who, file)
	if err != nil {
		return err
	}
	defer text.Wipe()
	if _, err := out.Write(text.Expose()); err != nil {
		return fmt.Errorf("printing the challenge to %s: %w", who, err)
	}
	return nil
}
