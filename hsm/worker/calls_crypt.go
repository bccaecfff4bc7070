package worker

import (
	"context"
	"time"

	"conclave/hsm/secret"
)

// Mechanism is a mechanism with its parameters: the IV for AES-GCM (tag of 128
// bits, no additional data) and AES-CBC, hash and mask function for RSA-OAEP (no
// label).
type Mechanism struct {
	Type      uint
	IV        []byte
	Hash, MGF uint
	Size      int // of the room for the result; 0: plenty. A TPM's library states the room as the size of what RSA encrypts to
}

func (m Mechanism) pack(p *packer) {
	p.num(uint64(m.Type))
	p.bytes(m.IV)
	p.num(uint64(m.Hash))
	p.num(uint64(m.MGF))
	p.num(uint64(m.Size)) //nolint:gosec // the size of a key
}

// Encrypt returns the ciphertext, and the IV as it stands in the parameters after
// the call: a token may have put its own there.
func (c *Client) Encrypt(ctx context.Context, limit time.Duration, h Handle, m Mechanism, plain secret.Bytes) (out, iv []byte, err error) {
	err = c.do(ctx, limit, opEncrypt, func(p *packer) {
		p.num(h.gen)
		p.num(h.object)
		m.pack(p)
		p.bytes(plain.Expose())
	}, func(u *unpacker) {
		out = append([]byte(nil), u.bytes()...)
		iv = append([]byte(nil), u.bytes()...)
	})
	return out, iv, err
}

// Decrypt returns the plaintext; the caller owns it.
func (c *Client) Decrypt(ctx context.Context, limit time.Duration, h Handle, m Mechanism, data []byte) (secret.Bytes, error) {
	var plain secret.Bytes
	err := c.do(ctx, limit, opDecrypt, func(p *packer) {
		p.num(h.gen)
		p.num(h.object)
		m.pack(p)
		p.bytes(data)
	}, func(u *unpacker) {
		b := u.bytes()
		plain = secret.New(len(b))
		secret.Copy(plain.Expose(), b)
	})
	if err != nil {
		plain.Wipe()
		return secret.Bytes{}, err
	}
	return plain, nil
}

// MAC returns the HMAC-SHA256 of data.
func (c *Client) MAC(ctx context.Context, limit time.Duration, h Handle, data []byte) ([]byte, error) {
	var out []byte
	err := c.do(ctx, limit, opMAC, func(p *packer) {
		p.num(h.gen)
		p.num(h.object)
		p.bytes(data)
	}, func(u *unpacker) { out = append([]byte(nil), u.bytes()...) })
	return out, err
}

// Sign signs data, which is public, with a private key and a mechanism that has
// no parameters.
func (c *Client) Sign(ctx context.Context, limit time.Duration, h Handle, mechanism uint, data []byte) ([]byte, error) {
	var out []byte
	err := c.do(ctx, limit, opSign, func(p *packer) {
		p.num(h.gen)
		p.num(h.object)
		p.num(uint64(mechanism))
		p.bytes(data)
	}, func(u *unpacker) { out = append([]byte(nil), u.bytes()...) })
	return out, err
}
