//go:build cgo

package reader

import (
	"bytes"
	"encoding/binary"
	"errors"

	"github.com/miekg/pkcs11"
)

// unwrapCBC opens AES-CBC with HMAC-SHA256, version 1, after what the comment of
// the package hsm says of it.
func (k Key) unwrapCBC(p *pkcs11.Ctx, s pkcs11.SessionHandle, fields map[uint64][]byte) ([]byte, error) {
	info, err := protobuf(fields[5])
	if err != nil {
		return nil, err
	}
	text := []byte("conclave/aes-cbc-hmac-sha256/v1\x00")
	text = binary.BigEndian.AppendUint64(text, uint64(k.CBC))
	text = binary.BigEndian.AppendUint64(text, pkcs11.CKM_SHA256_HMAC)
	for _, part := range [][]byte{info[3], info[4], fields[2], fields[1]} {
		text = binary.BigEndian.AppendUint32(text, uint32(len(part))) //nolint:gosec // parts of a blob
		text = append(text, part...)
	}
	key, err := find(p, s, pkcs11.CKO_SECRET_KEY, k.MACLabel)
	if err != nil {
		return nil, err
	}
	if err := p.SignInit(s, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_SHA256_HMAC, nil)}, key); err != nil {
		return nil, err
	}
	mac, err := p.Sign(s, text)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(mac, fields[3]) {
		return nil, errors.New("the HMAC is another")
	}
	if key, err = find(p, s, pkcs11.CKO_SECRET_KEY, k.Label); err != nil {
		return nil, err
	}
	// The padding is PKCS#7, whoever made it.
	if err := p.DecryptInit(s, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_AES_CBC_PAD, fields[2])}, key); err != nil {
		return nil, err
	}
	return p.Decrypt(s, fields[1])
}
