// Package softhsm makes a private SoftHSM token in a directory of its own, for
// rehearsals and tests: softhsm2.conf and tokens/ lie in it and nothing
// outside it is touched.
//
// A server that is started with SOFTHSM2_CONF=DIR/softhsm2.conf uses the same
// token. The keys of a SoftHSM token are files: it protects nothing.
package softhsm

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"conclave/hsm"
	"conclave/hsm/secret"
	"conclave/hsm/worker"
)

// ErrNoSoftHSM is returned by Library where SoftHSM is not installed.
var ErrNoSoftHSM = errors.New("SoftHSM is not installed: no libsofthsm2.so (package softhsm2, or softhsm)")

// EnvLibrary names the library where it is in an unusual place.
const EnvLibrary = "SOFTHSM2_LIB"

// Places are where distributions put the library.
var places = []string{
	"/usr/lib/softhsm/libsofthsm2.so",                       // Debian, Ubuntu
	"/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",      // Debian, Ubuntu
	"/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",     // Debian, Ubuntu
	"/usr/lib64/pkcs11/libsofthsm2.so",                      // Fedora, RHEL
	"/usr/lib64/libsofthsm2.so",                             // Fedora
	"/usr/lib64/softhsm/libsofthsm2.so",                     // openSUSE
	"/usr/lib/pkcs11/libsofthsm2.so",                        // Arch
	"/usr/lib/libsofthsm2.so",                               // Arch, Alpine
	"/usr/local/lib/softhsm/libsofthsm2.so",                 // from source
	"/opt/homebrew/lib/softhsm/libsofthsm2.so",              // Homebrew
	"/home/linuxbrew/.linuxbrew/lib/softhsm/libsofthsm2.so", // Homebrew
}

// Library finds the library of SoftHSM.
func Library() (string, error) {
	list := places
	if p := os.Getenv(EnvLibrary); p != "" {
		list = []string{p}
	}
	for _, p := range list {
		if info, err := os.Stat(p); err == nil && info.Mode().IsRegular() {
			return p, nil
		}
	}
	return "", ErrNoSoftHSM
}

// Store is a directory with a token in it.
type Store struct {
	Dir   string // absolute
	Lib   string
	Label string // of the token
}

const (
	confName  = "softhsm2.conf"
	tokenName = "tokens"
	limit     = 30 * time.Second
)

// Create makes a token with a label and a user PIN in dir, which may exist but
// must not hold one yet. The security officer's PIN is random and thrown away.
func Create(ctx context.Context, dir, label string, pin secret.Bytes) (*Store, error) {
	s, err := prepare(dir)
	if err != nil {
		return nil, err
	}
	s.Label = label
	if err := os.Mkdir(s.tokens(), 0o700); err != nil {
		return nil, fmt.Errorf("making the directory of a practice token: %w", err)
	}
	if err := s.configure(); err != nil {
		return nil, err
	}
	if err := s.addToken(ctx, label, pin); err != nil {
		return nil, err
	}
	return s, nil
}

// Open takes a directory that Create made, or tokens/ that SoftHSM filled: it
// writes the configuration anew, since the directory may have moved. There must
// be exactly one token, or one with the label, if that is not empty.
func Open(ctx context.Context, dir, label string) (*Store, error) {
	s, err := prepare(dir)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(s.tokens()); err != nil {
		return nil, fmt.Errorf("opening the practice token: %w", err)
	}
	if err := s.configure(); err != nil {
		return nil, err
	}
	t, err := hsm.Open(ctx, hsm.Config{Lib: s.Lib, TokenLabel: label, Env: s.Env()})
	if err != nil {
		return nil, fmt.Errorf("opening the practice token in %s: %w", s.Dir, err)
	}
	defer func() { _ = t.Close() }()
	info, err := t.Info(ctx)
	if err != nil {
		return nil, fmt.Errorf("opening the practice token in %s: %w", s.Dir, err)
	}
	s.Label = info.Label
	return s, nil
}

func prepare(dir string) (*Store, error) {
	lib, err := Library()
	if err != nil {
		return nil, err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, fmt.Errorf("finding the directory of a practice token: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the directory of a practice token: %w", err)
	}
	return &Store{Dir: dir, Lib: lib}, nil
}

func (s *Store) tokens() string { return filepath.Join(s.Dir, tokenName) }

// Conf is the path of the configuration, for SOFTHSM2_CONF.
func (s *Store) Conf() string { return filepath.Join(s.Dir, confName) }

// Env is what a process needs to see the token.
func (s *Store) Env() []string { return []string{"SOFTHSM2_CONF=" + s.Conf()} }

// Config is a configuration for this token and a key in it.
func (s *Store) Config(keyLabel, keyID string) hsm.Config {
	return hsm.Config{Lib: s.Lib, TokenLabel: s.Label, KeyLabel: keyLabel, KeyID: keyID, Env: s.Env()}
}

// MakeKey makes an AES key in the token, and returns the configuration for it.
func (s *Store) MakeKey(ctx context.Context, pin secret.Bytes, label, id string) (hsm.Config, error) {
	cfg := s.Config(label, id)
	t, err := hsm.Open(ctx, cfg)
	if err == nil {
		err = t.Login(ctx, pin)
		if err == nil {
			_, err = t.GenerateKey(ctx)
		}
		err = errors.Join(err, t.Close())
	}
	if err != nil {
		return hsm.Config{}, fmt.Errorf("making a key in the practice token in %s: %w", s.Dir, err)
	}
	return cfg, nil
}

// configure writes softhsm2.conf. Its paths are absolute: a server may be
// started in any directory.
func (s *Store) configure() error {
	text := fmt.Sprintf("directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\nslots.removable = false\n", s.tokens())
	if err := os.WriteFile(s.Conf(), []byte(text), 0o600); err != nil {
		return fmt.Errorf("writing the configuration of a practice token: %w", err)
	}
	return nil
}

// AddToken makes one more token, for tests of what happens then.
func (s *Store) AddToken(ctx context.Context, label string, pin secret.Bytes) error {
	return s.addToken(ctx, label, pin)
}

func (s *Store) addToken(ctx context.Context, label string, pin secret.Bytes) error {
	if !worker.Available {
		return hsm.ErrNoPKCS11
	}
	w, err := worker.Start(s.Env())
	if err != nil {
		return fmt.Errorf("making a practice token: %w", err)
	}
	defer func() { _ = w.Close() }()
	if err := initialise(ctx, w, s.Lib, label, pin); err != nil {
		return fmt.Errorf("making a practice token in %s: %w", s.Dir, err)
	}
	return nil
}

// initialise uses the free slot that SoftHSM always shows last.
func initialise(ctx context.Context, w *worker.Client, lib, label string, pin secret.Bytes) error {
	if _, err := w.Load(ctx, limit, lib); err != nil {
		return err
	}
	slots, err := w.Slots(ctx, limit)
	if err != nil {
		return err
	}
	for _, slot := range slices.Backward(slots) {
		t, err := w.Token(ctx, limit, slot)
		if err != nil {
			return err
		}
		if t.Flags&worker.FlagTokenReady != 0 {
			continue
		}
		officer := officerPIN()
		defer officer.Wipe()
		return w.InitToken(ctx, limit, slot, label, officer, pin)
	}
	return errors.New("the library shows no free slot")
}

func officerPIN() secret.Bytes {
	r := secret.Random(16)
	defer r.Wipe()
	pin := secret.New(32)
	hex.Encode(pin.Expose(), r.Expose())
	return pin
}
