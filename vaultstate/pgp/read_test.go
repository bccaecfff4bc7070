package pgp_test

import (
	"bytes"
	"encoding/base64"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"conclave/vaultstate/pgp"
)

func TestReadForms(t *testing.T) {
	_, k, err := pgp.GenerateKey("Alice Example", now)
	if err != nil {
		t.Fatal(err)
	}
	armored, err := k.Armor(true)
	if err != nil {
		t.Fatal(err)
	}
	std := base64.StdEncoding.EncodeToString(k.Binary)
	for name, data := range map[string][]byte{
		"armored":                 armored,
		"armored, text before":    append([]byte("this is my key\n\n"), armored...),
		"armored, CRLF":           bytes.ReplaceAll(armored, []byte("\n"), []byte("\r\n")),
		"binary":                  k.Binary,
		"base64":                  []byte(std),
		"base64 with a newline":   []byte(std + "\n"),
		"base64 in lines":         []byte(std[:64] + "\r\n" + std[64:] + "\n"),
		"base64 with blanks ends": []byte(" " + std + " \n"),
	} {
		got, err := pgp.Read(name, data)
		if err != nil || !bytes.Equal(got.Binary, k.Binary) || got.Fingerprint != k.Fingerprint || got.Subkey != k.Subkey {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	if len(k.Fingerprint) != 40 || len(k.Subkey) != 40 || k.Fingerprint == k.Subkey || k.Algorithm != "ECDH Curve25519" ||
		!slices.Equal(k.UserIDs, []string{"Alice Example (PRACTICE)"}) || !k.Created.Equal(now) || !k.Expires.IsZero() {
		t.Errorf("%+v", k)
	}
	if !strings.Contains(string(armored), "Comment: PRACTICE") {
		t.Errorf("%s", armored)
	}
}

func TestReadRefuses(t *testing.T) {
	alice, a, err := pgp.GenerateKey("Alice", now)
	if err != nil {
		t.Fatal(err)
	}
	_, b, err := pgp.GenerateKey("Bob", now)
	if err != nil {
		t.Fatal(err)
	}
	private, err := alice.Armor()
	if err != nil {
		t.Fatal(err)
	}
	entity, _ := newKey(t, "Carol", packet.Config{})
	var secretKey bytes.Buffer
	if err := entity.SerializePrivate(&secretKey, nil); err != nil {
		t.Fatal(err)
	}
	_, v6 := newKey(t, "Dave", packet.Config{V6Keys: true})
	message, err := a.Encrypt(share())
	if err != nil {
		t.Fatal(err)
	}
	armoredMessage, err := pgp.Armor(message, false)
	if err != nil {
		t.Fatal(err)
	}
	aa, err := a.Armor(false)
	if err != nil {
		t.Fatal(err)
	}
	ba, err := b.Armor(false)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		data   []byte
		reason string
	}{
		{"empty", nil, "empty"},
		{"blank", []byte(" \n"), "empty"},
		{"text", []byte("hello, world"), "neither armored nor binary nor base64"},
		{"base64 of text", []byte("aGVsbG8="), "no OpenPGP"},
		{"binary garbage", []byte{0x99, 0x01, 0x0d, 4, 1, 2, 3}, "no OpenPGP key, or damaged"},
		{"private, armored", private, "private key"},
		{"private, binary", secretKey.Bytes(), "private key"},
		{"public and private", slices.Concat(a.Binary, secretKey.Bytes()), "private key"},
		{"two, binary", slices.Concat(a.Binary, b.Binary), "more than one key"},
		{"the same twice", slices.Concat(a.Binary, a.Binary), "more than one key"},
		{"two, armored", slices.Concat(aa, ba), "more than one armored block"},
		{"version 6", v6, "version 6"},
		{"a message", message, "no OpenPGP public key"},
		{"a message, armored", armoredMessage, "PGP MESSAGE"},
		{"broken armor", aa[:len(aa)/2], "damaged"},
		{"cut", a.Binary[:len(a.Binary)-1], "damaged"},
		{"key box", []byte("\x00\x00\x00\x20\x01\x01\x00\x02KBXf\x00\x00\x00\x00"), "key box"},
		{"large", bytes.Repeat([]byte{0x99}, 2<<20), "too large"},
	} {
		_, err := pgp.Read("keys/"+c.name+".asc", c.data)
		if err == nil || !strings.Contains(err.Error(), c.reason) || !strings.Contains(err.Error(), c.name) {
			t.Errorf("%s: %v, want %q", c.name, err, c.reason)
		}
	}
}

// TestReadHostile: what a key says of itself reaches no screen as it is, and a
// user ID that the key does not sign is not shown at all.
func TestReadHostile(t *testing.T) {
	_, public := newKey(t, "Mallory\x1b]0;owned\x07\u202e", packet.Config{})
	k, err := pgp.Read("x\x1b[2J", public)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{`Mallory\x1b]0;owned\x07\u202e`}; !slices.Equal(k.UserIDs, want) {
		t.Errorf("%q", k.UserIDs)
	}
	if _, err := pgp.Read("x\x1b[2J", nil); strings.Contains(err.Error(), "\x1b") {
		t.Errorf("%q", err)
	}
	// A user ID that was changed after the key had signed it.
	if k, err = pgp.Read("forged", bytes.Replace(public, []byte("Mallory"), []byte("Alice E"), 1)); err != nil || len(k.UserIDs) != 0 {
		t.Errorf("%q, %v", k.UserIDs, err)
	}
	if got := levels(k.Preflight(now, time.Time{}), pgp.LevelError); !strings.Contains(got, "does not sign any user ID") {
		t.Errorf("errors %q", got)
	}
	// The user ID packet of another key, spliced in with its signature.
	_, alice := newKey(t, "Alice Example", packet.Config{})
	spliced := slices.Clone(public)
	packets := packet.NewOpaqueReader(bytes.NewReader(alice))
	for {
		p, err := packets.Next()
		if err != nil {
			break
		}
		if p.Tag == 13 || p.Tag == 2 {
			var b bytes.Buffer
			if err := p.Serialize(&b); err != nil {
				t.Fatal(err)
			}
			spliced = append(spliced, b.Bytes()...)
		}
	}
	if k, err = pgp.Read("spliced", spliced); err != nil || len(k.UserIDs) != 1 {
		t.Errorf("a foreign user ID is shown: %q, %v", k.UserIDs, err)
	}
}

func TestReadPrivateRefuses(t *testing.T) {
	private, k, err := pgp.GenerateKey("Alice", now)
	if err != nil {
		t.Fatal(err)
	}
	stored, err := private.Armor()
	if err != nil {
		t.Fatal(err)
	}
	public, err := k.Armor(true)
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{
		"nothing":            nil,
		"a public key":       public,
		"no practice header": bytes.Replace(stored, []byte("PRACTICE"), []byte("practise"), 1),
		"cut":                stored[:len(stored)/2],
	} {
		if _, err := pgp.ReadPrivate(data); err == nil {
			t.Errorf("%s was read", name)
		}
	}
}

func TestCheckName(t *testing.T) {
	if err := pgp.CheckName("keybase:alice\x1b"); err == nil || !strings.Contains(err.Error(), "keybase.io") || strings.Contains(err.Error(), "\x1b") {
		t.Errorf("%v", err)
	}
	if err := pgp.CheckName("keys/alice.asc"); err != nil {
		t.Error(err)
	}
}

// FuzzRead: whatever is in the file, Read refuses or returns a key that can be
// read again and preflighted.
func FuzzRead(f *testing.F) {
	_, k, err := pgp.GenerateKey("Alice", now)
	if err != nil {
		f.Fatal(err)
	}
	armored, err := k.Armor(false)
	if err != nil {
		f.Fatal(err)
	}
	_, v6 := newKey(f, "Bob", packet.Config{V6Keys: true})
	for _, b := range [][]byte{nil, armored, k.Binary, v6, []byte(base64.StdEncoding.EncodeToString(k.Binary)), k.Binary[:40]} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		k, err := pgp.Read("fuzz", data)
		if err != nil {
			return
		}
		again, err := pgp.Read("again", k.Binary)
		if err != nil || again.Fingerprint != k.Fingerprint {
			t.Fatalf("does not read again: %v", err)
		}
		usable := levels(k.Preflight(now, time.Time{}), pgp.LevelError) == ""
		if usable && (len(k.Fingerprint) != 40 || len(k.Subkey) != 40) {
			t.Fatalf("%+v", k)
		}
	})
}
