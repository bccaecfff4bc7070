package hsm

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"encoding/binary"
	"fmt"

	"conclave/hsm/secret"
	"conclave/hsm/worker"
)

// AES-CBC, then HMAC-SHA256: see "AES-CBC with HMAC" in the package comment.

const (
	blockSize = 16
	macSize   = 32
	cbcFormat = 1 // KeyInfo.flags of a blob
)

// cbcHeader begins what the MAC is made over: it is of this format and no other.
const cbcHeader = "conclave/aes-cbc-hmac-sha256/v1\x00"

func (t *Token) wrapCBC(ctx context.Context, w *worker.Client, k key, m uint, plaintext secret.Bytes) (blob, error) {
	mac, err := t.macKey(ctx, w, t.cfg.HMACKeyLabel, t.cfg.HMACKeyID)
	if err != nil {
		return blob{}, err
	}
	b := blob{ref: t.ref(), macRef: t.macRef(), mechanism: m, nonce: make([]byte, blockSize)}
	_, _ = rand.Read(b.nonce) // never fails
	in := plaintext
	if m == worker.MechanismAESCBC {
		in = pad(plaintext)
		defer in.Wipe()
	}
	out, used, err := w.Encrypt(ctx, t.cfg.Timeout, k.use, worker.Mechanism{Type: m, IV: bytes.Clone(b.nonce)}, in)
	t.count("C_Encrypt", k.name, err)
	switch {
	case err != nil:
		return blob{}, err
	case !bytes.Equal(used, b.nonce):
		return blob{}, &unfitError{"the token changed the IV of AES-CBC: its library cannot be used"}
	case len(out) != padded(plaintext.Len()):
		return blob{}, &unfitError{fmt.Sprintf("the token returned %d bytes for an AES-CBC of %d", len(out), plaintext.Len())}
	}
	b.ciphertext = out
	b.mac, err = t.authenticate(ctx, w, mac, b)
	return b, err
}

// unwrapCBC looks at the MAC before the token decrypts anything.
func (t *Token) unwrapCBC(ctx context.Context, w *worker.Client, k key, b blob) (secret.Bytes, error) {
	label, id := cutRef(b.macRef)
	mac, err := t.macKey(ctx, w, label, id)
	if err != nil {
		return secret.Bytes{}, err
	}
	is, err := t.authenticate(ctx, w, mac, b)
	if err != nil {
		return secret.Bytes{}, err
	}
	if !hmac.Equal(is, b.mac) { // never C_Verify: two tokens of five accept one byte of it
		return secret.Bytes{}, fmt.Errorf("%w: its HMAC is another. It was changed, or was made with another HMAC key than %q. Do not use it", ErrWrongKey, b.macRef)
	}
	plain, err := w.Decrypt(ctx, t.cfg.Timeout, k.use, worker.Mechanism{Type: b.mechanism, IV: bytes.Clone(b.nonce)}, b.ciphertext)
	t.count("C_Decrypt", k.name, err)
	if err != nil {
		return secret.Bytes{}, err
	}
	defer plain.Wipe()
	n := len(b.ciphertext)
	if b.mechanism == worker.MechanismAESCBC {
		if plain.Len() != n {
			return secret.Bytes{}, errWrongSize
		}
		return unpad(plain)
	}
	if plain.Len() >= n || plain.Len() < n-blockSize {
		return secret.Bytes{}, errWrongSize
	}
	return plain.Clone(), nil
}

// authenticate makes the MAC of a blob, in the token.
func (t *Token) authenticate(ctx context.Context, w *worker.Client, k key, b blob) ([]byte, error) {
	mac, err := w.MAC(ctx, t.cfg.Timeout, k.use, b.authenticated())
	t.count("C_Sign", k.name, err)
	if err == nil && (len(mac) != macSize || zeros(mac)) {
		err = &unfitError{fmt.Sprintf("the token returned an HMAC-SHA256 that cannot be one, of %d bytes", len(mac))}
	}
	return mac, err
}

// authenticated is what the MAC is made over: everything in the blob but the MAC.
func (b blob) authenticated() []byte {
	d := []byte(cbcHeader)
	d = binary.BigEndian.AppendUint64(d, uint64(b.mechanism))
	d = binary.BigEndian.AppendUint64(d, worker.MechanismSHA256HMAC)
	for _, part := range [][]byte{[]byte(b.ref), []byte(b.macRef), b.nonce, b.ciphertext} {
		d = binary.BigEndian.AppendUint32(d, uint32(len(part))) //nolint:gosec // a blob of gigabytes is not read
		d = append(d, part...)
	}
	return d
}

// padded is how long n bytes are with the padding of PKCS#7.
func padded(n int) int { return (n/blockSize + 1) * blockSize }

// pad adds the padding of PKCS#7. The caller wipes the result.
func pad(plain secret.Bytes) secret.Bytes {
	p := secret.New(padded(plain.Len()))
	n := secret.Copy(p.Expose(), plain.Expose())
	fill := p.Expose()[n:]
	for i := range fill {
		fill[i] = byte(len(fill)) //nolint:gosec // 16 at most
	}
	return p
}

// unpad takes it off again. What it looks at has passed its MAC, so what it
// refuses was opened with another key.
func unpad(plain secret.Bytes) (secret.Bytes, error) {
	b := plain.Expose()
	n := 0
	if len(b) > 0 {
		n = int(b[len(b)-1])
	}
	wrong := n < 1 || n > blockSize || n > len(b)
	for i := len(b) - n; !wrong && i < len(b); i++ {
		wrong = int(b[i]) != n
	}
	if wrong {
		return secret.Bytes{}, fmt.Errorf("%w: its padding is none", ErrWrongKey)
	}
	out := secret.New(len(b) - n)
	secret.Copy(out.Expose(), b[:len(b)-n])
	return out, nil
}
