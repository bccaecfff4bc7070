package command

import (
	"context"
	"sync"
	"time"

	"conclave/ceremony"
	"conclave/hsm"
	"conclave/hsm/entropy"
	"conclave/hsm/secret"
	"conclave/vaultstate/local"
)

// lateToken opens the HSM at its first use, so that a device which is not
// plugged in yet is a page with "try again" in the ceremony, and so that nothing
// asks the HSM before the vault was looked at.
type lateToken struct {
	cfg hsm.Config
	of  *lateToken // whose connection is used: another key in the same token

	mu    sync.Mutex
	token *hsm.Token
}

var (
	_ ceremony.HSM       = (*lateToken)(nil)
	_ ceremony.Destroyer = (*lateToken)(nil)
	_ local.Seal         = (*lateToken)(nil)
)

func (l *lateToken) open(ctx context.Context) (*hsm.Token, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.token != nil {
		return l.token, nil
	}
	if l.of != nil {
		t, err := l.of.open(ctx)
		if err != nil {
			return nil, err
		}
		l.token = t.Other(l.cfg)
		return l.token, nil
	}
	t, err := hsm.Open(ctx, l.cfg)
	if err != nil {
		return nil, err
	}
	l.token = t
	return t, nil
}

// waiting is since when the HSM has not answered.
func (l *lateToken) waiting() time.Time {
	if !l.mu.TryLock() {
		return time.Time{} // it is being opened
	}
	defer l.mu.Unlock()
	if l.token == nil {
		return time.Time{}
	}
	return l.token.Waiting()
}

// Close ends the process with the library.
func (l *lateToken) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.token == nil {
		return nil
	}
	t := l.token
	l.token = nil
	if l.of != nil {
		return nil // the other closes it
	}
	return t.Close()
}

// Info reads the token's own words.
func (l *lateToken) Info(ctx context.Context) (hsm.Info, error) {
	t, err := l.open(ctx)
	if err != nil {
		return hsm.Info{}, err
	}
	return t.Info(ctx)
}

// Login tries a PIN once.
func (l *lateToken) Login(ctx context.Context, pin secret.Bytes) error {
	t, err := l.open(ctx)
	if err != nil {
		return err
	}
	return t.Login(ctx, pin)
}

// Logout ends the login, if there is one.
func (l *lateToken) Logout(ctx context.Context) error {
	l.mu.Lock()
	t := l.token
	l.mu.Unlock()
	if t == nil {
		return nil
	}
	return t.Logout(ctx)
}

// FindKey finds the configured key.
func (l *lateToken) FindKey(ctx context.Context) (hsm.Key, error) {
	t, err := l.open(ctx)
	if err != nil {
		return hsm.Key{}, err
	}
	return t.FindKey(ctx)
}

// GenerateKey makes it.
func (l *lateToken) GenerateKey(ctx context.Context) (hsm.Key, error) {
	t, err := l.open(ctx)
	if err != nil {
		return hsm.Key{}, err
	}
	return t.GenerateKey(ctx)
}

// DestroyKey destroys it.
func (l *lateToken) DestroyKey(ctx context.Context) error {
	t, err := l.open(ctx)
	if err != nil {
		return err
	}
	return t.DestroyKey(ctx)
}

// SelfTest tries what the key does.
func (l *lateToken) SelfTest(ctx context.Context) ([]hsm.TestLine, error) {
	t, err := l.open(ctx)
	if err != nil {
		return nil, err
	}
	return t.SelfTest(ctx)
}

// Seed mixes random bytes of the token into crypto/rand.Reader.
func (l *lateToken) Seed(ctx context.Context) error {
	t, err := l.open(ctx)
	if err != nil {
		return err
	}
	seed, err := t.Random(ctx, entropy.SeedSize)
	if err != nil {
		return err
	}
	defer seed.Wipe()
	return entropy.Install().Add(seed)
}

// Inventory lists what the login sees.
func (l *lateToken) Inventory(ctx context.Context) (hsm.Inventory, error) {
	t, err := l.open(ctx)
	if err != nil {
		return hsm.Inventory{}, err
	}
	return t.Inventory(ctx)
}

// Calls are the calls that used or made a key. A device that was not opened had
// none.
func (l *lateToken) Calls() []hsm.Call {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.token == nil {
		return nil
	}
	return l.token.Calls()
}

// Data reads the data objects with a label.
func (l *lateToken) Data(ctx context.Context, label string) ([][]byte, error) {
	t, err := l.open(ctx)
	if err != nil {
		return nil, err
	}
	return t.Data(ctx, label)
}

// PutData replaces them.
func (l *lateToken) PutData(ctx context.Context, label string, value []byte) error {
	t, err := l.open(ctx)
	if err != nil {
		return err
	}
	return t.PutData(ctx, label, value)
}

// FindSigningKey finds the key that signs the record.
func (l *lateToken) FindSigningKey(ctx context.Context, label string) (hsm.SigningKey, error) {
	t, err := l.open(ctx)
	if err != nil {
		return hsm.SigningKey{}, err
	}
	return t.FindSigningKey(ctx, label)
}

// GenerateSigningKey makes it.
func (l *lateToken) GenerateSigningKey(ctx context.Context, label string) (hsm.SigningKey, error) {
	t, err := l.open(ctx)
	if err != nil {
		return hsm.SigningKey{}, err
	}
	return t.GenerateSigningKey(ctx, label)
}

// Sign signs with it.
func (l *lateToken) Sign(ctx context.Context, label string, message []byte) ([]byte, error) {
	t, err := l.open(ctx)
	if err != nil {
		return nil, err
	}
	return t.Sign(ctx, label, message)
}

// Wrap encrypts with the HSM's key.
func (l *lateToken) Wrap(ctx context.Context, plaintext secret.Bytes) ([]byte, error) {
	t, err := l.open(ctx)
	if err != nil {
		return nil, err
	}
	return t.Wrap(ctx, plaintext)
}

// Unwrap decrypts with it.
func (l *lateToken) Unwrap(ctx context.Context, blob []byte) (secret.Bytes, error) {
	t, err := l.open(ctx)
	if err != nil {
		return secret.Bytes{}, err
	}
	return t.Unwrap(ctx, blob)
}

// Describe says whose key wrapped a blob. It needs no token.
func (*lateToken) Describe(blob []byte) (hsm.KeyRef, error) { return (&hsm.Token{}).Describe(blob) }
