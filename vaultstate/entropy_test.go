package vaultstate_test

import (
	"bytes"
	"crypto/rand"
	"testing"
	"time"

	"conclave/hsm/entropy"
	"conclave/hsm/secret"
	"conclave/vaultstate/barrier"
	"conclave/vaultstate/pgp"
	"conclave/vaultstate/share"
)

// zeros is a generator that is broken.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// drawn is everything that the operations on a vault draw from a generator.
type drawn struct {
	key     []byte // a root key, recovery key or key of the keyring
	share   []byte // y-values of a share of a key of zeros: they hang on the coefficients
	nonce   []byte // of a barrier record
	message []byte // to a PGP key: session key and ephemeral key
	token   []byte
	set     string
}

func (d drawn) parts() map[string]string {
	return map[string]string{"key": string(d.key), "share": string(d.share), "nonce": string(d.nonce), "message": string(d.message),
		"token": string(d.token), "set": d.set}
}

// draw makes one of each from the operating system's generator broken, with a
// token's seed or, with none, without.
func draw(t *testing.T, holder pgp.Key, seed byte) map[string]string {
	t.Helper()
	r := entropy.New(zeros{})
	if seed != 0 {
		b := make([]byte, entropy.SeedSize)
		for i := range b {
			b[i] = byte(i*i) + seed
		}
		if err := r.Add(secret.Take(b)); err != nil {
			t.Fatal(err)
		}
	}
	system := rand.Reader
	rand.Reader = r
	defer func() { rand.Reader = system }()

	var d drawn
	d.key = secret.Random(barrier.KeySize).Expose()
	shares, err := share.Split(secret.New(barrier.KeySize), 3, 2)
	if err != nil {
		t.Fatal(err)
	}
	d.share = shares[0].Expose()[:barrier.KeySize]
	record, err := barrier.Seal(secret.New(barrier.KeySize), 1, "core/x", secret.New(8))
	if err != nil {
		t.Fatal(err)
	}
	d.nonce = record[5:17]
	if d.message, err = holder.Encrypt(secret.New(66)); err != nil {
		t.Fatal(err)
	}
	d.token = barrier.NewToken("s.", time.Unix(0, 0)).ID.Expose()
	d.set = share.NewSet().String()
	return d.parts()
}

// TestOneSourceSuffices: with a generator of the system that gives zeros for
// ever, everything that is secret or must not repeat hangs on the token. Without
// the token it would not: the same key, a share that is the key itself.
func TestOneSourceSuffices(t *testing.T) {
	_, holder, err := pgp.GenerateKey("Alice", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	none, again := draw(t, holder, 0), draw(t, holder, 0)
	one, other := draw(t, holder, 1), draw(t, holder, 2)
	for what := range none {
		if none[what] != again[what] {
			t.Errorf("%s draws from elsewhere: this test shows nothing for it", what)
		}
		if one[what] == other[what] || one[what] == none[what] {
			t.Errorf("%s does not hang on the token", what)
		}
	}
	if !bytes.Equal([]byte(none["share"]), make([]byte, barrier.KeySize)) {
		t.Error("a broken generator does no harm to a share: this test shows nothing for it")
	}
}
