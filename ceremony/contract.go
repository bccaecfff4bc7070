package ceremony

import (
	"context"
	"crypto/sha256"

	"conclave/ceremony/transcript"
	"conclave/hsm"
	"conclave/hsm/secret"
)

// Journal appends one event to the transcript. On return the line is on disk
// (fsync); an error stops the ceremony.
type Journal interface {
	Append(transcript.Entry) (transcript.Event, error)
	// Head is the number of events so far and the SHA-256 of the last line.
	Head() (uint64, [sha256.Size]byte)
}

// Shelf keeps the artefacts of a ceremony (encrypted shares, head.txt). On
// return of Put the file is on disk (fsync) and was read back. Put never
// overwrites. Names are relative, with forward slashes.
type Shelf interface {
	Put(name string, data []byte) (sha256 string, err error)
	Get(name string) ([]byte, error)
	Path(name string) string // for people: where the file lies
}

// HSM is what a ceremony asks of the token besides the Seal that the vault
// uses. *hsm.Token satisfies it.
type HSM interface {
	// Info reads the token's own words again, without a login.
	Info(ctx context.Context) (hsm.Info, error)
	// Login tries the PIN once. An empty PIN asks at the token's own pad, where
	// it has a protected authentication path.
	Login(ctx context.Context, pin secret.Bytes) error
	Logout(ctx context.Context) error
	// FindKey finds exactly one key under the configured label and id.
	FindKey(ctx context.Context) (hsm.Key, error)
	// GenerateKey makes it: only after FindKey said hsm.ErrKeyNotFound and the
	// plan allows it.
	GenerateKey(ctx context.Context) (hsm.Key, error)
	SelfTest(ctx context.Context) ([]hsm.TestLine, error)
	// Seed mixes random bytes of the token into the generator that all secrets
	// of the program come from. An error says why only the operating system's
	// are in it.
	Seed(ctx context.Context) error
	// Inventory lists what the login sees.
	Inventory(ctx context.Context) (hsm.Inventory, error)
	// Calls are the calls that used or made a key since it was asked last, those
	// of the Seal included.
	Calls() []hsm.Call
	// Data and PutData read and replace a data object of the token by its label.
	// hsm.ErrNoData: this token keeps none.
	Data(ctx context.Context, label string) ([][]byte, error)
	PutData(ctx context.Context, label string, value []byte) error
	// FindSigningKey finds exactly one pair that signs, by its label.
	FindSigningKey(ctx context.Context, label string) (hsm.SigningKey, error)
	// GenerateSigningKey makes it: only after FindSigningKey said
	// hsm.ErrKeyNotFound and the plan allows it.
	GenerateSigningKey(ctx context.Context, label string) (hsm.SigningKey, error)
	// Sign signs as the key's Verify checks.
	Sign(ctx context.Context, label string, message []byte) ([]byte, error)
}
