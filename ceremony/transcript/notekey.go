package transcript

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// Signer signs checkpoints.
type Signer = note.Signer

// ErrUnsigned says that a record was sealed whole, but without the signature
// that it should have had.
var ErrUnsigned = errors.New("the checkpoint is not signed")

// NoteKey is a public key that signs checkpoints as C2SP signed notes have it:
// Ed25519 (type 1), or ECDSA on P-256 over SHA-256, in DER (type 2).
type NoteKey struct {
	Name string // of the key, as it stands in signatures; "" fits any name
	SPKI []byte // SubjectPublicKeyInfo, DER
	kind byte
	raw  []byte // as its line has it, behind the kind
	pub  any
}

const typeEd25519, typeECDSA = 1, 2

// ErrNoteKey says that something is no such key.
var ErrNoteKey = errors.New("it is no key of a signed note: an Ed25519 or ECDSA P-256 key is needed")

// NewNoteKey makes one of a public key in DER.
func NewNoteKey(name string, spki []byte) (NoteKey, error) {
	pub, err := x509.ParsePKIXPublicKey(spki)
	if err != nil || name != "" && !goodName(name) {
		return NoteKey{}, ErrNoteKey
	}
	k := NoteKey{Name: name, SPKI: spki, pub: pub}
	switch p := pub.(type) {
	case ed25519.PublicKey:
		k.kind, k.raw = typeEd25519, p
	case *ecdsa.PublicKey:
		if p.Curve != elliptic.P256() {
			return NoteKey{}, ErrNoteKey
		}
		k.kind, k.raw = typeECDSA, spki
	default:
		return NoteKey{}, ErrNoteKey
	}
	// One key has one form: what is compared and hashed is the bytes.
	if again, err := x509.MarshalPKIXPublicKey(pub); err != nil || !bytes.Equal(again, spki) {
		return NoteKey{}, ErrNoteKey
	}
	return k, nil
}

// ParseNoteKey reads a key's line (NAME+HASH+BASE64), or a public key in PEM,
// which has no name.
func ParseNoteKey(text string) (NoteKey, error) {
	if b, rest := pem.Decode([]byte(text)); b != nil && b.Type == "PUBLIC KEY" && len(bytes.TrimSpace(rest)) == 0 {
		return NewNoteKey("", b.Bytes)
	}
	name, rest, _ := strings.Cut(strings.TrimSpace(text), "+")
	_, coded, ok := strings.Cut(rest, "+")
	b, err := base64.StdEncoding.Strict().DecodeString(coded)
	if !ok || err != nil || len(b) < 2 || name == "" {
		return NoteKey{}, ErrNoteKey
	}
	spki := b[1:]
	if b[0] == typeEd25519 {
		if len(spki) != ed25519.PublicKeySize {
			return NoteKey{}, ErrNoteKey
		}
		if spki, err = x509.MarshalPKIXPublicKey(ed25519.PublicKey(spki)); err != nil {
			return NoteKey{}, ErrNoteKey
		}
	}
	k, err := NewNoteKey(name, spki)
	if err != nil || k.Line() != strings.TrimSpace(text) {
		return NoteKey{}, ErrNoteKey
	}
	return k, nil
}

// goodName tells whether a name can stand in a signature.
func goodName(s string) bool {
	return s != "" && plain(s) && !strings.ContainsAny(s, "+ \t\u00a0\u2003")
}

// Line is the key as verifiers of notes read it.
func (k NoteKey) Line() string {
	return fmt.Sprintf("%s+%08x+%s", k.Name, k.id(k.Name), base64.StdEncoding.EncodeToString(append([]byte{k.kind}, k.raw...)))
}

// SHA256 is the digest of the key in DER, as it is read aloud.
func (k NoteKey) SHA256() [sha256.Size]byte { return sha256.Sum256(k.SPKI) }

// Type is the key's kind in words.
func (k NoteKey) Type() string {
	if k.kind == typeEd25519 {
		return "Ed25519"
	}
	return "ECDSA P-256"
}

// Same tells whether two are the same key, whatever they are called.
func (k NoteKey) Same(other NoteKey) bool { return bytes.Equal(k.SPKI, other.SPKI) }

// id is the key's id in signatures of that name.
func (k NoteKey) id(name string) uint32 {
	sum := sha256.Sum256(k.SPKI) // type 2, by the specification
	if k.kind == typeEd25519 {
		sum = sha256.Sum256(append([]byte(name+"\n\x01"), k.raw...))
	}
	return binary.BigEndian.Uint32(sum[:])
}

// Made tells whether a signature names this key.
func (k NoteKey) Made(s NoteSignature) bool {
	return (k.Name == "" || k.Name == s.Name) && k.id(s.Name) == s.id
}

// Verify checks a signature over a text.
func (k NoteKey) Verify(text, signature []byte) bool {
	switch p := k.pub.(type) {
	case ed25519.PublicKey:
		return ed25519.Verify(p, text, signature)
	case *ecdsa.PublicKey:
		sum := sha256.Sum256(text)
		return ecdsa.VerifyASN1(p, sum[:], signature)
	}
	return false
}

// Signer makes a signer of the key: sign signs as Verify checks.
func (k NoteKey) Signer(sign func(text []byte) ([]byte, error)) Signer { return noteSigner{k, sign} }

type noteSigner struct {
	key  NoteKey
	sign func([]byte) ([]byte, error)
}

func (s noteSigner) Name() string                     { return s.key.Name }
func (s noteSigner) KeyHash() uint32                  { return s.key.id(s.key.Name) }
func (s noteSigner) Sign(text []byte) ([]byte, error) { return s.sign(text) }

// NoteSignature is one line of signature of a checkpoint.
type NoteSignature struct {
	Name      string
	Signature []byte
	id        uint32
}

// ID is the id that the line gives of its key, in hex.
func (s NoteSignature) ID() string {
	return hex.EncodeToString(binary.BigEndian.AppendUint32(nil, s.id))
}

// NoteSignatures are the signatures in a checkpoint that ParseCheckpoint read.
func NoteSignatures(b []byte) (text []byte, list []NoteSignature, err error) {
	head, rest, ok := strings.Cut(string(b), "\n\n")
	if !ok {
		return nil, nil, errors.New("reading a checkpoint: it is no note")
	}
	for line := range strings.Lines(rest) {
		name, coded, found := strings.Cut(strings.TrimPrefix(strings.TrimSuffix(line, "\n"), "— "), " ")
		raw, err := base64.StdEncoding.Strict().DecodeString(coded)
		if !found || err != nil || len(raw) < 5 || !goodName(name) {
			return nil, nil, errors.New("reading a checkpoint: a line of a signature is none")
		}
		list = append(list, NoteSignature{Name: name, Signature: raw[4:], id: binary.BigEndian.Uint32(raw)})
	}
	return []byte(head + "\n"), list, nil
}

// HSMKeyName is what a key in the HSM is called in signatures. In practice it has
// another name, and so another id.
func HSMKeyName(label string, practice bool) string {
	safe := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '-', r == '_':
			return r
		}
		return '_'
	}, label)
	if practice {
		return practiceMark + "-" + origin + "hsm/" + safe
	}
	return origin + "hsm/" + safe
}
