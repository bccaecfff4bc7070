package transcript_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"conclave/ceremony/transcript"
)

// keyPair is a key of each kind with what signs for it.
func keyPair(t *testing.T, kind string) (spki []byte, sign func([]byte) ([]byte, error)) {
	t.Helper()
	var key crypto.Signer
	var err error
	if kind == "Ed25519" {
		_, key, err = ed25519.GenerateKey(rand.Reader)
	} else {
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err != nil {
		t.Fatal(err)
	}
	if spki, err = x509.MarshalPKIXPublicKey(key.Public()); err != nil {
		t.Fatal(err)
	}
	return spki, func(text []byte) ([]byte, error) {
		if kind == "Ed25519" {
			return key.Sign(rand.Reader, text, crypto.Hash(0))
		}
		sum := sha256.Sum256(text)
		return key.Sign(rand.Reader, sum[:], crypto.SHA256)
	}
}

func TestNoteKey(t *testing.T) {
	c := transcript.Checkpoint{ID: "KC-1", Head: transcript.Head{Count: 3}}
	for _, kind := range []string{"Ed25519", "ECDSA P-256"} {
		t.Run(kind, func(t *testing.T) {
			spki, sign := keyPair(t, kind)
			k, err := transcript.NewNoteKey(transcript.HSMKeyName("record key", false), spki)
			if err != nil {
				t.Fatal(err)
			}
			b, err := c.Note(k.Signer(sign))
			if err != nil {
				t.Fatal(err)
			}
			if got, names, err := transcript.ParseCheckpoint(b); err != nil || got != c || !slices.Equal(names, []string{"conclave/hsm/record_key"}) {
				t.Fatalf("read back %+v %q, %v", got, names, err)
			}
			text, signatures, err := transcript.NoteSignatures(b)
			if err != nil || len(signatures) != 1 || string(text) != c.Text() {
				t.Fatalf("%q %+v, %v", text, signatures, err)
			}
			s := signatures[0]
			if !k.Made(s) || !k.Verify(text, s.Signature) {
				t.Error("the key does not know its signature")
			}
			if k.Verify(append(text, 'x'), s.Signature) {
				t.Error("the signature checks over another text")
			}
			again, err := transcript.ParseNoteKey(k.Line() + "\n")
			if err != nil || !again.Same(k) || again.Type() != kind || again.Line() != k.Line() {
				t.Errorf("its line is read as %+v, %v", again, err)
			}
			bare, err := transcript.ParseNoteKey(string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki})))
			if err != nil || !bare.Same(k) || !bare.Made(s) {
				t.Errorf("in PEM it is read as %+v, %v", bare, err)
			}
			practice, err := transcript.NewNoteKey(transcript.HSMKeyName("record key", true), spki)
			if err != nil || practice.Made(s) || !strings.HasPrefix(practice.Name, "PRACTICE-") {
				t.Errorf("in practice the key is %s, %v", practice.Name, err)
			}
			other, _ := keyPair(t, kind)
			if o, err := transcript.NewNoteKey(k.Name, other); err != nil || o.Made(s) || o.Same(k) {
				t.Errorf("another key made it, %v", err)
			}
			if kind == "Ed25519" {
				v, err := note.NewVerifier(k.Line())
				if err != nil {
					t.Fatal(err)
				}
				if _, err := note.Open(b, note.VerifierList(v)); err != nil {
					t.Errorf("the usual verifier of notes: %v", err)
				}
			}
		})
	}
}

// TestNoteKeyRefused: one key has one line.
func TestNoteKeyRefused(t *testing.T) {
	spki, _ := keyPair(t, "Ed25519")
	k, err := transcript.NewNoteKey("conclave/hsm/x", spki)
	if err != nil {
		t.Fatal(err)
	}
	line := k.Line()
	for i := range line {
		if line[i] == '+' {
			continue
		}
		changed := line[:i] + "!" + line[i+1:]
		if got, err := transcript.ParseNoteKey(changed); err == nil {
			t.Fatalf("%q is read as %+v", changed, got)
		}
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	long, err := x509.MarshalPKIXPublicKey(p384.Public())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := transcript.NewNoteKey("x", long); err == nil {
		t.Error("P-384 is taken")
	}
	for _, name := range []string{"a b", "a+b", "a\nb"} {
		if _, err := transcript.NewNoteKey(name, spki); err == nil {
			t.Errorf("the name %q is taken", name)
		}
	}
}
