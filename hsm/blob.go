package hsm

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	wrapping "github.com/hashicorp/go-kms-wrapping/v2"
	"google.golang.org/protobuf/proto"

	"conclave/hsm/worker"
)

// ErrBlob is returned for bytes that no pkcs11 seal stores.
var ErrBlob = errors.New("the sealed data is not what a PKCS#11 seal stores")

// blob is what this package needs of a BlobInfo.
type blob struct {
	ref        string // "label:id"
	label      string
	id         []byte
	mechanism  uint
	nonce      []byte
	ciphertext []byte
	macRef     string // "label:id" of the HMAC key; of AES-CBC, as is mac
	mac        []byte
}

// parseBlob reads a blob and refuses what none of the mechanisms makes: an
// envelope, a plaintext, a length that cannot be. A blob of OpenBao does not say
// its mechanism; it knows two, and AES-GCM alone has a nonce.
func parseBlob(b []byte) (blob, error) {
	var m wrapping.BlobInfo
	if err := proto.Unmarshal(b, &m); err != nil {
		return blob{}, fmt.Errorf("%w: %w", ErrBlob, err)
	}
	k := m.GetKeyInfo()
	switch {
	case len(m.GetCiphertext()) == 0:
		return blob{}, fmt.Errorf("%w: it has no ciphertext", ErrBlob)
	case len(k.GetWrappedKey()) != 0 || len(k.GetKey()) != 0 || len(m.GetPlaintext()) != 0:
		return blob{}, fmt.Errorf("%w: it is an envelope", ErrBlob)
	}
	r := blob{ref: k.GetKeyId(), mechanism: uint(k.GetMechanism()), nonce: m.GetIv(), ciphertext: m.GetCiphertext(),
		macRef: k.GetHmacKeyId(), mac: m.GetHmac()}
	switch {
	case r.mechanism != 0:
	case len(r.nonce) > 0:
		r.mechanism = worker.MechanismAESGCM
	default:
		r.mechanism = worker.MechanismRSAOAEP
	}
	var err error
	if r.label, r.id, err = splitRef(r.ref); err != nil {
		return blob{}, err
	}
	hasMAC := len(r.mac) != 0 || k.GetHmacMechanism() != 0 || r.macRef != ""
	switch {
	case needsMAC(r.mechanism):
		return r, r.checkCBC(uint(k.GetHmacMechanism()), k.GetFlags())
	case hasMAC:
		return blob{}, fmt.Errorf("%w: it has an HMAC beside it, which %s has not", ErrBlob, mechanismName(r.mechanism))
	}
	return r, r.check()
}

// check looks at the lengths, before a token is asked.
func (b blob) check() error {
	switch b.mechanism {
	case worker.MechanismAESGCM:
		if err := checkNonce(b.nonce); err != nil {
			return fmt.Errorf("%w: %w", ErrBlob, err)
		}
		if len(b.ciphertext) <= tagSize {
			return fmt.Errorf("%w: its ciphertext is shorter than a tag", ErrBlob)
		}
	case worker.MechanismRSAOAEP:
		if len(b.nonce) != 0 {
			return fmt.Errorf("%w: it has a nonce, which RSA-OAEP has not", ErrBlob)
		}
	case worker.MechanismRSAPKCS:
		return fmt.Errorf("%w: %s", ErrBlob, refusePKCS1)
	default:
		return fmt.Errorf("%w: it was made with the mechanism %s, which this program does not use", ErrBlob, mechanismName(b.mechanism))
	}
	return nil
}

// checkCBC: others may make such blobs, too; what their MAC is made over is not
// known here.
func (b blob) checkCBC(hmacMechanism uint, format uint64) error {
	switch {
	case format != cbcFormat:
		return fmt.Errorf("%w: it is AES-CBC with an HMAC of a format (%d) that this program does not know: of another program, or of a later version", ErrBlob, format)
	case hmacMechanism != worker.MechanismSHA256HMAC:
		return fmt.Errorf("%w: its HMAC is made with the mechanism 0x%04X instead of CKM_SHA256_HMAC", ErrBlob, hmacMechanism)
	case len(b.mac) != macSize:
		return fmt.Errorf("%w: its HMAC has %d bytes instead of %d", ErrBlob, len(b.mac), macSize)
	case len(b.nonce) != blockSize || zeros(b.nonce):
		return fmt.Errorf("%w: its IV is none", ErrBlob)
	case len(b.ciphertext)%blockSize != 0:
		return fmt.Errorf("%w: its ciphertext does not end with a block", ErrBlob)
	case b.macRef == b.ref:
		return fmt.Errorf("%w: one key is named for AES and for the HMAC", ErrBlob)
	}
	_, _, err := splitRef(b.macRef)
	return err
}

// splitRef reads "label:id".
func splitRef(ref string) (label string, id []byte, err error) {
	label, hexID := cutRef(ref)
	if label == "" {
		return "", nil, fmt.Errorf("%w: the key reference %q is not label:id", ErrBlob, ref)
	}
	if id, err = hex.DecodeString(hexID); err != nil {
		return "", nil, fmt.Errorf("%w: the id in the key reference %q is not hexadecimal", ErrBlob, ref)
	}
	return label, id, nil
}

// cutRef cuts "label:id" at its last colon: an id has none.
func cutRef(ref string) (label, id string) {
	at := strings.LastIndexByte(ref, ':')
	if at < 0 {
		return "", ref
	}
	return ref[:at], ref[at+1:]
}

// marshal writes the fields that the server writes, and the mechanism, which
// it tolerates; of AES-CBC, which no server of ours opens, all that there is.
func (b blob) marshal() ([]byte, error) {
	m := &wrapping.BlobInfo{
		Ciphertext: b.ciphertext,
		Iv:         b.nonce,
		KeyInfo:    &wrapping.KeyInfo{KeyId: b.ref, Mechanism: uint64(b.mechanism)},
	}
	if needsMAC(b.mechanism) {
		m.Hmac = b.mac
		m.KeyInfo.HmacKeyId, m.KeyInfo.HmacMechanism, m.KeyInfo.Flags = b.macRef, worker.MechanismSHA256HMAC, cbcFormat
	}
	out, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("writing the sealed data: %w", err)
	}
	return out, nil
}

// Describe says which keys a blob names, and how it was made. It needs no token.
func (t *Token) Describe(b []byte) (KeyRef, error) {
	r, err := parseBlob(b)
	if err != nil {
		return KeyRef{}, err
	}
	return KeyRef{KeyID: r.ref, Mechanism: mechanismName(r.mechanism), HMACKeyID: r.macRef}, nil
}
