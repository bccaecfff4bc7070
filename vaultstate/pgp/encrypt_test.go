package pgp_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"conclave/hsm/secret"
	"conclave/vaultstate/pgp"
)

func TestEncryptDecrypt(t *testing.T) {
	private, k, err := pgp.GenerateKey("Alice <(Example)>", now)
	if err != nil {
		t.Fatal(err)
	}
	text := share()
	defer text.Wipe()
	message, err := k.Encrypt(text)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(message, text.Expose()[:12]) {
		t.Fatal("the message holds the plaintext")
	}
	armored, err := pgp.Armor(message, true)
	if err != nil || !strings.Contains(string(armored), "Comment: PRACTICE") || !strings.HasPrefix(string(armored), "-----BEGIN PGP MESSAGE-----") {
		t.Fatalf("%s, %v", armored, err)
	}
	stored, err := private.Armor()
	if err != nil {
		t.Fatal(err)
	}
	again, err := pgp.ReadPrivate(stored)
	if err != nil {
		t.Fatal(err)
	}
	if back, err := again.Key(); err != nil || back.Fingerprint != k.Fingerprint {
		t.Errorf("%+v, %v", back, err)
	}
	for _, p := range []*pgp.Private{private, again} {
		for _, m := range [][]byte{message, armored} {
			got, err := p.Decrypt(m)
			if err != nil || !got.Equal(text) {
				t.Errorf("decrypted: %v, equal %v", err, got.Equal(text))
			}
			got.Wipe()
		}
	}
	other, _, err := pgp.GenerateKey("Bob", now)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Decrypt(message); err == nil {
		t.Error("Bob reads Alice's share")
	}
	if _, err := k.Encrypt(secret.Bytes{}); err == nil {
		t.Error("nothing was encrypted")
	}
}

// TestDecryptChecksIntegrity changes every byte of a message and cuts it at
// every length: nothing is returned.
func TestDecryptChecksIntegrity(t *testing.T) {
	private, k, err := pgp.GenerateKey("Alice", now)
	if err != nil {
		t.Fatal(err)
	}
	message, err := k.Encrypt(share())
	if err != nil {
		t.Fatal(err)
	}
	for i := range message {
		bad := slices.Clone(message)
		bad[i] ^= 1
		if got, err := private.Decrypt(bad); err == nil && !sameShare(got) {
			t.Errorf("byte %d changed: decrypted to something else", i)
		} else if err == nil && i > 20 {
			t.Errorf("byte %d changed: not noticed", i)
		}
		if got, err := private.Decrypt(message[:i]); err == nil || got.Len() != 0 {
			t.Errorf("cut at %d: decrypted", i)
		}
	}
	long := secret.New(5000)
	defer long.Wipe()
	if message, err = k.Encrypt(long); err != nil {
		t.Fatal(err)
	}
	if _, err := private.Decrypt(message); err == nil {
		t.Error("5000 bytes were decrypted")
	}
}

func sameShare(got secret.Bytes) bool {
	want := share()
	defer want.Wipe()
	return got.Equal(want)
}

// TestAEADKey: a key that asks for AEAD still gets data of version 1.
func TestAEADKey(t *testing.T) {
	e, public := newKey(t, "Alice", packet.Config{AEADConfig: &packet.AEADConfig{}})
	if sig, _ := e.PrimaryIdentity(now, nil); sig == nil || !sig.SEIPDv2 {
		t.Fatal("the key does not ask for AEAD: the test shows nothing")
	}
	k, err := pgp.Read("aead", public)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Encrypt(share()); err != nil { // checks the shape
		t.Error(err)
	}
}

// TestAddressed: a message is for one key, and no other.
func TestAddressed(t *testing.T) {
	var keys []pgp.Key
	var messages [][]byte
	for _, name := range []string{"Alice", "Bob"} {
		_, k, err := pgp.GenerateKey(name, now)
		if err != nil {
			t.Fatal(err)
		}
		text := share()
		message, err := k.Encrypt(text)
		text.Wipe()
		if err != nil {
			t.Fatal(err)
		}
		keys, messages = append(keys, k), append(messages, message)
	}
	a, b := messages[0], messages[1]
	first := int(a[1]) + 2 // the session key's packet, with a header of two bytes
	both := append(bytes.Clone(a[:first]), b...)
	for what, c := range map[string]struct {
		message []byte
		says    string
	}{
		"its own":        {a, ""},
		"another's":      {b, "it is for the key id"},
		"to both":        {both, "it is for the key id"},
		"nothing":        {nil, "no OpenPGP message"},
		"the key alone":  {a[:first], "no OpenPGP message"},
		"a public key":   {keys[0].Binary, "not a message to one key"},
		"something else": {[]byte("hello"), "it is no"},
	} {
		err := keys[0].Addressed(c.message)
		if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s: %v, want %q", what, err, c.says)
		}
	}
}

func FuzzAddressed(f *testing.F) {
	_, k, err := pgp.GenerateKey("Alice", now)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte{0xc1, 3, 3, 0, 0})
	f.Fuzz(func(_ *testing.T, message []byte) { _ = k.Addressed(message) })
}
