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

const (
	nonceSize = 12
	tagSize   = 16
)

// blob is what this package needs of a BlobInfo.
type blob struct {
	ref        string // "label:id"
	label      string
	id         []byte
	mechanism  uint // 0: it does not say
	nonce      []byte
	ciphertext []byte
}

// parseBlob reads a blob and refuses what could not have been made by
// encrypting directly in the token: an envelope, a MAC, a plaintext.
func parseBlob(b []byte) (blob, error) {
	var m wrapping.BlobInfo
	if err := proto.Unmarshal(b, &m); err != nil {
		return blob{}, fmt.Errorf("%w: %w", ErrBlob, err)
	}
	k := m.GetKeyInfo()
	switch {
	case len(m.GetCiphertext()) == 0:
		return blob{}, fmt.Errorf("%w: it has no ciphertext", ErrBlob)
	case len(m.GetHmac()) != 0 || k.GetHmacMechanism() != 0 || k.GetHmacKeyId() != "":
		return blob{}, fmt.Errorf("%w: it has a MAC beside it, which this program does not check yet", ErrBlob)
	case len(k.GetWrappedKey()) != 0 || len(k.GetKey()) != 0 || len(m.GetPlaintext()) != 0:
		return blob{}, fmt.Errorf("%w: it is an envelope", ErrBlob)
	}
	r := blob{ref: k.GetKeyId(), mechanism: uint(k.GetMechanism()), nonce: m.GetIv(), ciphertext: m.GetCiphertext()}
	var err error
	if r.label, r.id, err = splitRef(r.ref); err != nil {
		return blob{}, err
	}
	return r, nil
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
// it tolerates.
func (b blob) marshal() ([]byte, error) {
	m := &wrapping.BlobInfo{
		Ciphertext: b.ciphertext,
		Iv:         b.nonce,
		KeyInfo:    &wrapping.KeyInfo{KeyId: b.ref, Mechanism: uint64(b.mechanism)},
	}
	out, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("writing the sealed data: %w", err)
	}
	return out, nil
}

// Describe says what a blob names as its key. It needs no token.
func (t *Token) Describe(b []byte) (KeyRef, error) {
	r, err := parseBlob(b)
	if err != nil {
		return KeyRef{}, err
	}
	return KeyRef{KeyID: r.ref, Mechanism: mechanismName(r.mechanism)}, nil
}

// gcmParts checks what AES-GCM returned for n bytes of plaintext: some tokens
// append the nonce that they chose (CloudHSM), some write it into the
// parameters, the rest use ours.
func gcmParts(out, nonce []byte, n int) (ciphertext, used []byte, err error) {
	switch len(out) {
	case n + tagSize:
	case n + tagSize + nonceSize:
		out, nonce = out[:n+tagSize], out[n+tagSize:]
	default:
		return nil, nil, fmt.Errorf("the token returned %d bytes for an AES-GCM of %d: not a ciphertext with a tag of 16", len(out), n)
	}
	if err := checkNonce(nonce); err != nil {
		return nil, nil, err
	}
	return out, nonce, nil
}

func checkNonce(nonce []byte) error {
	if len(nonce) != nonceSize {
		return fmt.Errorf("an AES-GCM nonce of %d bytes instead of %d", len(nonce), nonceSize)
	}
	for _, b := range nonce {
		if b != 0 {
			return nil
		}
	}
	return errors.New("an AES-GCM nonce of zeros: the token did not set one")
}

// gcm and mechanism are the parameters of a mechanism.
func gcm(nonce []byte) worker.Mechanism {
	return worker.Mechanism{Type: worker.MechanismAESGCM, IV: nonce}
}

func (h oaepHash) mechanism() worker.Mechanism {
	return worker.Mechanism{Type: worker.MechanismRSAOAEP, Hash: h.number, MGF: h.mgf}
}
