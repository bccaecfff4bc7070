// Package entropy is a random generator with two sources: the operating
// system's and a token's.
//
// Install puts it in place of crypto/rand.Reader. From then on whatever draws
// from there (keys, the coefficients of Shamir's scheme, nonces, the session
// keys of OpenPGP messages, challenges) has the operating system's bytes; from
// the first Add on, these XOR a key stream that hangs on what the token gave.
// So bytes are as good as the better of the two sources: a bad generator in the
// system is no harm while the token's is good, and the other way round.
//
// The key stream is ChaCha20 under a key that Add makes from the old key and
// the token's bytes (HMAC-SHA256), replaced with each block of stream: what was
// drawn is not found again from what the program holds later.
//
// It promises this for what reads crypto/rand.Reader. Go's own key generation
// and signatures for RSA, ECDSA and ECDH, and the padding of RSA PKCS#1 v1.5
// encryption (OpenPGP's), take the system's generator whatever stands there
// (Go 1.26): this program makes no keys so. vaultstate's TestOneSourceSuffices
// says what was shown.
package entropy

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"io"
	"sync"

	"golang.org/x/crypto/chacha20"

	"conclave/hsm/secret"
)

// SeedSize is how many bytes of a token Add wants at least: two halves of 256
// bits, which are compared.
const SeedSize = 64

// ErrPoor says that a token's bytes are not random to the naked eye.
var ErrPoor = errors.New("the token's random bytes repeat")

// blockSize is the key stream of one key, the next key included.
const blockSize = 4096

// Reader is the generator. It may be used from several goroutines.
type Reader struct {
	system io.Reader

	mu     sync.Mutex
	key    secret.Bytes // empty until the first Add
	stream secret.Bytes // what nobody has had of it begins at used
	used   int
}

// New mixes over system, which is the operating system's generator.
func New(system io.Reader) *Reader { return &Reader{system: system} }

var install = sync.OnceValue(func() *Reader {
	r := New(rand.Reader)
	rand.Reader = r
	return r
})

// Install replaces crypto/rand.Reader, once for the process, and returns what
// stands there.
func Install() *Reader { return install() }

// Add mixes bytes of a token in, on top of what was added before. The caller
// keeps seed.
func (r *Reader) Add(seed secret.Bytes) error {
	if poor(seed.Expose()) {
		return ErrPoor
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	key := secret.New(sha256.Size)
	secret.Do(func() {
		h := hmac.New(sha256.New, r.key.Expose())
		h.Write([]byte("conclave/entropy/v1\x00"))
		h.Write(seed.Expose())
		h.Sum(key.Expose()[:0])
	})
	r.key.Wipe()
	r.stream.Wipe()
	r.key, r.stream, r.used = key, secret.Bytes{}, 0
	return nil
}

// poor finds the generators that are broken in plain sight: one byte for ever,
// or the same bytes twice.
func poor(b []byte) bool {
	if len(b) < SeedSize {
		return true
	}
	same, twice := true, true
	for i := range b {
		same = same && b[i] == b[0]
		twice = twice && b[i] == b[i%(SeedSize/2)]
	}
	return same || twice
}

// Read fills p. It fails only where the operating system's generator does.
func (r *Reader) Read(p []byte) (int, error) {
	n, err := io.ReadFull(r.system, p)
	if err != nil {
		return n, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.key.Len() == 0 {
		return n, nil
	}
	for i := range p {
		if r.used == r.stream.Len() {
			if err := r.refill(); err != nil {
				return i, err
			}
		}
		s := r.stream.Expose()
		p[i] ^= s[r.used]
		s[r.used] = 0
		r.used++
	}
	return n, nil
}

// refill makes the next stretch of stream, and the key after it.
func (r *Reader) refill() error {
	block := secret.New(blockSize)
	var err error
	secret.Do(func() {
		var c *chacha20.Cipher
		// A key is used for one block: the nonce may be zero.
		if c, err = chacha20.NewUnauthenticatedCipher(r.key.Expose(), make([]byte, chacha20.NonceSize)); err == nil {
			c.XORKeyStream(block.Expose(), block.Expose())
		}
	})
	if err != nil {
		block.Wipe()
		return err
	}
	secret.Copy(r.key.Expose(), block.Expose()[:chacha20.KeySize])
	clear(block.Expose()[:chacha20.KeySize])
	r.stream.Wipe()
	r.stream, r.used = block, chacha20.KeySize
	return nil
}
