package pgp

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
	pgperrors "github.com/ProtonMail/go-crypto/openpgp/errors"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"conclave/assets/clean"
)

// Ring is public keys of people whose signatures count.
type Ring struct{ keys openpgp.EntityList }

// Signed says who made a signature. By is the fingerprint of the primary key.
type Signed struct{ By, UserID string }

// Errors of Check.
var (
	ErrUnknownSigner  = errors.New("the key that signed is not in the ring")
	ErrOtherSignature = errors.New("it is not a signature of this text")
)

const (
	armorPublic    = "PGP PUBLIC KEY BLOCK"
	armorSignature = "PGP SIGNATURE"
)

// ReadRing reads public keys, in armor or not; private ones are refused.
func ReadRing(data []byte) (Ring, error) {
	b, err := dearmored(data, armorPublic)
	if err != nil {
		return Ring{}, fmt.Errorf("reading PGP keys: %w", err)
	}
	keys, err := openpgp.ReadKeyRing(bytes.NewReader(b))
	if err != nil || len(keys) == 0 {
		return Ring{}, errors.New("reading PGP keys: there is no public key in the file")
	}
	for _, k := range keys {
		if k.PrivateKey != nil {
			return Ring{}, errors.New("reading PGP keys: the file holds a private key")
		}
	}
	return Ring{keys}, nil
}

// Owner is one key of a ring: its fingerprint, and whom it says that it is of.
type Owner struct {
	Fingerprint string
	UserIDs     []string
}

// Owners lists the keys of the ring.
func (r Ring) Owners() []Owner {
	var list []Owner
	for _, k := range r.keys {
		o := Owner{Fingerprint: hex.EncodeToString(k.PrimaryKey.Fingerprint)}
		for _, id := range k.Identities {
			o.UserIDs = append(o.UserIDs, clean.Clean(id.UserId.Id))
		}
		slices.Sort(o.UserIDs)
		list = append(list, o)
	}
	return list
}

// Check checks a detached signature, in armor or not. A key that expired after it
// signed is good.
func (r Ring) Check(signed, signature []byte, now time.Time) (Signed, error) {
	b, err := dearmored(signature, armorSignature)
	if err != nil {
		return Signed{}, fmt.Errorf("reading a PGP signature: %w", err)
	}
	cfg := &packet.Config{Time: func() time.Time { return now }}
	sig, by, err := openpgp.VerifyDetachedSignature(r.keys, bytes.NewReader(signed), bytes.NewReader(b), cfg)
	var other pgperrors.SignatureError
	switch {
	case errors.Is(err, pgperrors.ErrUnknownIssuer):
		return Signed{}, ErrUnknownSigner
	case errors.As(err, &other):
		return Signed{}, ErrOtherSignature
	case err != nil: // expired, revoked, made in the future by our clock
		return Signed{}, fmt.Errorf("checking a PGP signature: %s", clean.Clean(err.Error()))
	case sig.SigType != packet.SigTypeBinary && sig.SigType != packet.SigTypeText:
		return Signed{}, errors.New("checking a PGP signature: it is none of a document")
	}
	s := Signed{By: hex.EncodeToString(by.PrimaryKey.Fingerprint)}
	if _, id := by.PrimaryIdentity(now, cfg); id != nil {
		s.UserID = clean.Clean(id.UserId.Id)
	}
	return s, nil
}

// SignerOf is the id of the key that a signature says to be by, in hex. Nothing
// is checked.
func SignerOf(signature []byte) (string, error) {
	b, err := dearmored(signature, armorSignature)
	if err != nil {
		return "", fmt.Errorf("reading a PGP signature: %w", err)
	}
	p, err := packet.NewReader(bytes.NewReader(b)).Next()
	if err != nil {
		return "", errors.New("reading a PGP signature: there is none in the file")
	}
	sig, ok := p.(*packet.Signature)
	switch {
	case !ok:
		return "", errors.New("reading a PGP signature: it is something else")
	case len(sig.IssuerFingerprint) > 0:
		return hex.EncodeToString(sig.IssuerFingerprint), nil
	case sig.IssuerKeyId != nil:
		return fmt.Sprintf("%016x", *sig.IssuerKeyId), nil
	}
	return "", errors.New("reading a PGP signature: it names no key")
}

// dearmored takes the armor off, if there is one.
func dearmored(data []byte, kind string) ([]byte, error) {
	if len(data) > maxFile {
		return nil, errors.New("the file is too large")
	}
	if len(data) == 0 || data[0]&0x80 != 0 {
		return data, nil
	}
	block, err := armor.Decode(bytes.NewReader(data))
	if err != nil || block.Type != kind {
		return nil, fmt.Errorf("it is neither binary nor a %s in armor", kind)
	}
	b, err := io.ReadAll(io.LimitReader(block.Body, maxFile))
	if err != nil {
		return nil, errors.New("its armor is damaged")
	}
	return b, nil
}
