// Package pgp reads the OpenPGP keys that shares are encrypted to, says whether
// they can be used and why not, and encrypts.
//
// It promises:
//   - Read takes exactly one public key, of version 4, in armor, binary or
//     base64, and never a private key;
//   - what Preflight finds no error in, Encrypt encrypts to;
//   - messages are what Vault and OpenBao make and GnuPG 2.2 reads: binary, one
//     recipient by key id, integrity-protected data of version 1 even if the key
//     asks for AEAD, no compression, no signature, no file name;
//   - the plaintext is used in secret.Do: the OpenPGP writer keeps copies of it
//     (TestWriterKeepsNothing);
//   - every text that comes out of a key is cleaned.
//
// It does not promise that a key belongs to the person it names: that is what
// the fingerprint on the holder's own card is for. Revocations count only if
// the file holds them; nothing is looked up.
//
// The plaintext of a share is its lower-case hex text, as in Vault.
package pgp

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"conclave/assets/clean"
)

// maxFile is the size up to which a file may be a key: certifications by
// others make keys long, but not that long.
const maxFile = 1 << 20

// Key is a public key as the record shows it. Binary is all that is needed to
// make it again.
type Key struct {
	Fingerprint string    // of the primary key, 40 lower-case hex digits
	Subkey      string    // fingerprint of the key that is encrypted to; "" if none can be
	Algorithm   string    // of that key: "RSA 4096", "ECDH Curve25519"
	UserIDs     []string  // those the key itself signs, in the order of the file, cleaned
	Created     time.Time // the primary key
	Expires     time.Time // the primary key or the subkey, whichever is first; zero: never
	Binary      []byte    // as in the file, without armor or base64
}

// Tags of RFC 9580 5.
const (
	tagSecretKey    = 5
	tagPublicKey    = 6
	tagSecretSubkey = 7
	tagUserID       = 13
)

// CheckName refuses the names under which Vault's command line fetches keys
// from a server.
func CheckName(name string) error {
	if rest, ok := strings.CutPrefix(name, "keybase:"); ok {
		return fmt.Errorf("%q: keys are not fetched from keybase.io, since whoever answers there would choose who can read the share: "+
			"export the key of %s to a file and compare its fingerprint", clean.Clean(name), clean.Clean(rest))
	}
	return nil
}

// Read reads the one public key of a file. name is for errors.
func Read(name string, data []byte) (Key, error) {
	k, err := read(data, time.Now())
	if err != nil {
		return Key{}, fmt.Errorf("reading the PGP key %q: %w", clean.Clean(name), err)
	}
	return k, nil
}

func read(data []byte, now time.Time) (Key, error) {
	binary, err := unwrap(data)
	if err != nil {
		return Key{}, err
	}
	ids, err := survey(binary)
	if err != nil {
		return Key{}, err
	}
	e, err := parse(binary)
	if err != nil {
		return Key{}, err
	}
	k := Key{
		Fingerprint: hex.EncodeToString(e.PrimaryKey.Fingerprint),
		Created:     e.PrimaryKey.CreationTime.UTC(),
		Binary:      binary,
	}
	for _, id := range ids {
		if i := e.Identities[id]; i != nil {
			if _, err := i.Verify(time.Time{}, config(now)); err == nil {
				k.UserIDs = append(k.UserIDs, clean.Clean(id))
			}
		}
	}
	used, err := e.EncryptionKeyWithError(now, config(now))
	if err != nil { // show which key it would be, were it not for the date
		used, err = e.EncryptionKeyWithError(time.Time{}, config(now))
	}
	if err == nil {
		k.Subkey = hex.EncodeToString(used.PublicKey.Fingerprint)
		k.Algorithm = algorithm(used.PublicKey)
		k.Expires = expires(e, used)
	}
	return k, nil
}

// unwrap undoes armor or base64.
func unwrap(data []byte) ([]byte, error) {
	switch {
	case len(data) > maxFile:
		return nil, errors.New("the file is too large for a key")
	case len(bytes.TrimSpace(data)) == 0:
		return nil, errors.New("the file is empty")
	case len(data) > 12 && string(data[8:12]) == "KBXf":
		return nil, errors.New("this is a key box of GnuPG: use gpg --export --armor and the fingerprint")
	case bytes.Contains(data, []byte("-----BEGIN ")):
		return unarmor(data)
	case data[0]&0x80 != 0: // every OpenPGP packet begins like this, no text does
		return slices.Clone(data), nil
	}
	// The decoder passes over line ends only.
	binary, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(string(data)), ""))
	if err != nil {
		return nil, errors.New("it is neither armored nor binary nor base64")
	}
	return binary, nil
}

func unarmor(data []byte) ([]byte, error) {
	if bytes.Count(data, []byte("-----BEGIN PGP ")) > 1 {
		return nil, errors.New("there is more than one armored block in the file; exactly one key is needed")
	}
	block, err := armor.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, errors.New("the armor is damaged")
	}
	switch block.Type {
	case openpgp.PublicKeyType:
	case openpgp.PrivateKeyType:
		return nil, errPrivate
	default:
		return nil, fmt.Errorf("it is a %s, not a public key", clean.Cut(block.Type, 40))
	}
	binary, err := io.ReadAll(block.Body)
	if err != nil {
		return nil, errors.New("the armor is damaged")
	}
	return binary, nil
}

var errPrivate = errors.New("it holds a private key: give the public key alone, and keep the private one off this machine")

// survey looks at the packets without reading keys, so that a private key is
// refused unread, and returns the user IDs in order.
func survey(binary []byte) (ids []string, err error) {
	keys := 0
	packets := packet.NewOpaqueReader(bytes.NewReader(binary))
	for {
		p, err := packets.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, errors.New("it is no OpenPGP key, or damaged")
		}
		switch p.Tag {
		case tagSecretKey, tagSecretSubkey:
			return nil, errPrivate
		case tagPublicKey:
			if keys++; keys > 1 {
				return nil, errors.New("there is more than one key in the file; exactly one is needed")
			}
			if err := version(p.Contents); err != nil {
				return nil, err
			}
		case tagUserID:
			ids = append(ids, string(p.Contents))
		}
		if keys == 0 {
			return nil, errors.New("it is no OpenPGP public key")
		}
	}
	if keys == 0 {
		return nil, errors.New("it is no OpenPGP public key")
	}
	return ids, nil
}

func version(key []byte) error {
	switch {
	case len(key) > 0 && key[0] == 4:
		return nil
	case len(key) > 0 && (key[0] == 5 || key[0] == 6):
		return fmt.Errorf("it is a key of version %d, which GnuPG 2.2 does not read: give one of version 4", key[0])
	}
	return errors.New("it is a key of a version that is too old or unknown; version 4 is needed")
}

// parse makes the entity of a key that survey has passed.
func parse(binary []byte) (*openpgp.Entity, error) {
	list, err := openpgp.ReadKeyRing(bytes.NewReader(binary))
	if err != nil || len(list) != 1 {
		return nil, errors.New("it is no OpenPGP key, or damaged")
	}
	e := list[0]
	// Encrypt would answer a key's wish for AEAD with a message that GnuPG 2.2
	// cannot read.
	for _, id := range e.Identities {
		for _, s := range id.SelfCertifications {
			s.Packet.SEIPDv2 = false
		}
	}
	for _, s := range e.DirectSignatures {
		s.Packet.SEIPDv2 = false
	}
	return e, nil
}

// config is how keys are judged and used.
func config(now time.Time) *packet.Config {
	return &packet.Config{
		Time:                   func() time.Time { return now },
		DefaultCipher:          packet.CipherAES256,
		DefaultCompressionAlgo: packet.CompressionNone,
		MinRSABits:             2048,
		RejectPublicKeyAlgorithms: map[packet.PublicKeyAlgorithm]bool{
			packet.PubKeyAlgoElGamal: true,
			packet.PubKeyAlgoDSA:     true,
		},
	}
}

func algorithm(k *packet.PublicKey) string {
	bits, err := k.BitLength()
	switch k.PubKeyAlgo { //nolint:exhaustive // the others follow
	case packet.PubKeyAlgoRSA, packet.PubKeyAlgoRSAEncryptOnly, packet.PubKeyAlgoRSASignOnly:
		return fmt.Sprintf("RSA %d", bits)
	case packet.PubKeyAlgoElGamal:
		return fmt.Sprintf("ElGamal %d", bits)
	case packet.PubKeyAlgoDSA:
		return fmt.Sprintf("DSA %d", bits)
	case packet.PubKeyAlgoX25519:
		return "X25519"
	case packet.PubKeyAlgoX448:
		return "X448"
	}
	if curve, cerr := k.Curve(); cerr == nil && k.PubKeyAlgo == packet.PubKeyAlgoECDH {
		return "ECDH " + string(curve)
	}
	if err == nil {
		return fmt.Sprintf("algorithm %d, %d bits", k.PubKeyAlgo, bits)
	}
	return fmt.Sprintf("algorithm %d", k.PubKeyAlgo)
}

// expires is when the primary key or the key used expires, whichever is first.
func expires(e *openpgp.Entity, used openpgp.Key) time.Time {
	var first time.Time
	earlier := func(k *packet.PublicKey, s *packet.Signature) {
		if s == nil || s.KeyLifetimeSecs == nil || *s.KeyLifetimeSecs == 0 {
			return
		}
		end := k.CreationTime.Add(time.Duration(*s.KeyLifetimeSecs) * time.Second).UTC()
		if first.IsZero() || end.Before(first) {
			first = end
		}
	}
	earlier(e.PrimaryKey, used.PrimarySelfSignature)
	earlier(used.PublicKey, used.SelfSignature)
	return first
}

// Duplicates returns the indexes of keys that are the same key, or that share
// the subkey that is encrypted to; one list a key that occurs more than once.
func Duplicates(keys []Key) [][]int {
	var out [][]int
	done := make([]bool, len(keys))
	for i, k := range keys {
		same := []int{i}
		for j := i + 1; j < len(keys); j++ {
			if !done[j] && (keys[j].Fingerprint == k.Fingerprint || k.Subkey != "" && keys[j].Subkey == k.Subkey) {
				same = append(same, j)
				done[j] = true
			}
		}
		if len(same) > 1 && !done[i] {
			out = append(out, same)
		}
	}
	return out
}
