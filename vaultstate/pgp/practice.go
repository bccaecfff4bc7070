package pgp

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"conclave/assets/clean"
	"conclave/hsm/secret"
)

// Private is the key pair of a practice custodian. Nothing else in the program
// holds a private key, and this one lies in ordinary memory and in the practice
// directory: it is worth nothing.
type Private struct{ entity *openpgp.Entity }

// maxPlaintext is more than any share or token needs.
const maxPlaintext = 4096

// GenerateKey makes a practice custodian's key pair: Ed25519 with a Curve25519
// subkey in version 4. The user ID is the name with "(PRACTICE)".
func GenerateKey(name string, now time.Time) (*Private, Key, error) {
	plain := strings.Map(func(r rune) rune { // what a user ID uses for its parts
		if strings.ContainsRune("()<>", r) {
			return -1
		}
		return r
	}, clean.Clean(name))
	e, err := openpgp.NewEntity(plain, "PRACTICE", "", &packet.Config{
		Algorithm: packet.PubKeyAlgoEdDSA,
		Curve:     packet.Curve25519,
		Time:      func() time.Time { return now },
	})
	if err != nil {
		return nil, Key{}, fmt.Errorf("making a practice key: %w", err)
	}
	p := &Private{e}
	k, err := p.key(now)
	if err != nil {
		return nil, Key{}, fmt.Errorf("making a practice key: %w", err)
	}
	return p, k, nil
}

func (p *Private) key(now time.Time) (Key, error) {
	var binary bytes.Buffer
	if err := p.entity.Serialize(&binary); err != nil {
		return Key{}, err
	}
	return read(binary.Bytes(), now)
}

// Key is the public key.
func (p *Private) Key() (Key, error) { return p.key(time.Now()) }

// Armor writes the key pair for the practice directory.
func (p *Private) Armor() ([]byte, error) {
	var binary bytes.Buffer
	if err := p.entity.SerializePrivateWithoutSigning(&binary, nil); err != nil {
		return nil, fmt.Errorf("writing a practice key: %w", err)
	}
	return wrap(openpgp.PrivateKeyType, binary.Bytes(), true, "")
}

// ReadPrivate reads what (*Private).Armor wrote, and no key that is not marked
// as practice.
func ReadPrivate(data []byte) (*Private, error) {
	block, err := armor.Decode(bytes.NewReader(data))
	if err != nil || block.Type != openpgp.PrivateKeyType {
		return nil, errors.New("reading a practice key: it is no armored private key")
	}
	if block.Header["Comment"] != practiceHeader {
		return nil, errors.New("reading a practice key: it is not marked as one")
	}
	list, err := openpgp.ReadKeyRing(block.Body)
	if err != nil || len(list) != 1 || list[0].PrivateKey == nil {
		return nil, errors.New("reading a practice key: it is damaged")
	}
	return &Private{list[0]}, nil
}

// Decrypt decrypts a message, armored or binary.
func (p *Private) Decrypt(message []byte) (secret.Bytes, error) {
	if block, err := armor.Decode(bytes.NewReader(message)); err == nil {
		if message, err = io.ReadAll(block.Body); err != nil {
			return secret.Bytes{}, errors.New("decrypting a message: the armor is damaged")
		}
	}
	var out secret.Bytes
	var err error
	secret.Do(func() { out, err = p.decrypt(message) })
	if err != nil {
		out.Wipe()
		return secret.Bytes{}, fmt.Errorf("decrypting a message: %w", err)
	}
	return out, nil
}

func (p *Private) decrypt(message []byte) (secret.Bytes, error) {
	md, err := openpgp.ReadMessage(bytes.NewReader(message), openpgp.EntityList{p.entity}, nil, nil)
	if err != nil {
		return secret.Bytes{}, errors.New("it is not for this key, or damaged")
	}
	if !md.IsEncrypted {
		return secret.Bytes{}, errors.New("it is not encrypted")
	}
	all := secret.New(maxPlaintext)
	defer all.Wipe()
	// The integrity of the message is checked at its end: what was read before
	// counts only if the reader says EOF, and nothing else.
	n := 0
	for err = nil; err == nil; {
		if n == all.Len() {
			return secret.Bytes{}, errors.New("it is too long for a share")
		}
		var k int
		k, err = md.UnverifiedBody.Read(all.Expose()[n:])
		n += k
	}
	if !errors.Is(err, io.EOF) || md.SignatureError != nil {
		return secret.Bytes{}, errors.New("it is damaged")
	}
	return all.Slice(0, n), nil
}
