package pgp_test

import (
	"bytes"
	"encoding/base64"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"conclave/hsm/secret"
	"conclave/vaultstate/pgp"
)

var now = time.Now().Truncate(time.Second)

// newKey makes a public key with the library.
func newKey(t testing.TB, uid string, c packet.Config) (entity *openpgp.Entity, public []byte) {
	t.Helper()
	if c.Algorithm == 0 {
		c.Algorithm, c.Curve = packet.PubKeyAlgoEdDSA, packet.Curve25519
	}
	if c.V6Keys {
		c.Algorithm = packet.PubKeyAlgoEd25519
	}
	if c.Time == nil {
		c.Time = func() time.Time { return now }
	}
	e, err := openpgp.NewEntity(uid, "", "", &c)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := e.Serialize(&b); err != nil {
		t.Fatal(err)
	}
	return e, b.Bytes()
}

func share() secret.Bytes { return secret.Take([]byte(strings.Repeat("0123456789a", 6))) }

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

func levels(found []pgp.Finding, level pgp.Level) string {
	var out []string
	for _, f := range found {
		if f.Level == level {
			out = append(out, f.Text)
		}
	}
	return strings.Join(out, "\n")
}

func TestPreflight(t *testing.T) {
	year := uint32(365 * 24 * 3600)
	rsa := func(bits int) packet.Config { return packet.Config{Algorithm: packet.PubKeyAlgoRSA, RSABits: bits} }
	for _, c := range []struct {
		name        string
		config      packet.Config
		at, until   time.Time
		err, warned string
	}{
		{name: "good", config: packet.Config{}},
		{name: "rsa 3072", config: rsa(3072)},
		{name: "rsa 2048", config: rsa(2048), warned: "RSA with 2048 bits is weak"},
		{name: "lives long enough", config: packet.Config{KeyLifetimeSecs: 2 * year}, until: now.AddDate(1, 0, 0)},
		{name: "ends before", config: packet.Config{KeyLifetimeSecs: year / 2}, until: now.AddDate(1, 0, 0), warned: "expires on"},
		{name: "expired", config: packet.Config{KeyLifetimeSecs: 3600}, at: now.Add(2 * time.Hour), err: "it expired on"},
		{name: "from the future", config: packet.Config{}, at: now.Add(-time.Hour), err: "in the future"},
		{name: "P-256", config: packet.Config{Algorithm: packet.PubKeyAlgoECDSA, Curve: packet.CurveNistP256}},
		{name: "brainpool", config: packet.Config{Algorithm: packet.PubKeyAlgoECDSA, Curve: packet.CurveBrainpoolP256}},
	} {
		_, public := newKey(t, c.name, c.config)
		k, err := pgp.Read(c.name, public)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		at := c.at
		if at.IsZero() {
			at = now
		}
		found := k.Preflight(at, c.until)
		if got := levels(found, pgp.LevelError); (got == "") != (c.err == "") || !strings.Contains(got, c.err) {
			t.Errorf("%s: errors %q, want %q", c.name, got, c.err)
		}
		if got := levels(found, pgp.LevelWarning); (got == "") != (c.warned == "") || !strings.Contains(got, c.warned) {
			t.Errorf("%s: warnings %q, want %q", c.name, got, c.warned)
		}
		if c.err == "" && levels(found, pgp.LevelInfo) == "" {
			t.Errorf("%s: revocations are not mentioned", c.name)
		}
	}
}

// TestSubkeyUsed: of several subkeys the newest is used and described, and its
// end counts although the primary key has none.
func TestSubkeyUsed(t *testing.T) {
	e, _ := newKey(t, "Alice", packet.Config{Time: func() time.Time { return now.Add(-time.Hour) }})
	c := packet.Config{Algorithm: packet.PubKeyAlgoRSA, RSABits: 3072, KeyLifetimeSecs: 24 * 3600, Time: func() time.Time { return now }}
	if err := e.AddEncryptionSubkey(&c); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := e.Serialize(&b); err != nil {
		t.Fatal(err)
	}
	k, err := pgp.Read("alice", b.Bytes())
	if err != nil || k.Algorithm != "RSA 3072" || !k.Expires.Equal(now.Add(24*time.Hour)) {
		t.Errorf("%s, expires %s, %v", k.Algorithm, k.Expires, err)
	}
	if got := levels(k.Preflight(now, now.AddDate(0, 0, 2)), pgp.LevelWarning); !strings.Contains(got, "expires on") {
		t.Errorf("warnings %q", got)
	}
	// Once it has ended, the older one is used again.
	if got := levels(k.Preflight(now.AddDate(0, 0, 2), time.Time{}), pgp.LevelError); got != "" {
		t.Errorf("errors %q", got)
	}
}

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

func TestDuplicates(t *testing.T) {
	a, b, c := pgp.Key{Fingerprint: "a", Subkey: "1"}, pgp.Key{Fingerprint: "b", Subkey: "2"}, pgp.Key{Fingerprint: "c", Subkey: "1"}
	none := pgp.Key{Fingerprint: "d"}
	for _, tc := range []struct {
		keys []pgp.Key
		want [][]int
	}{
		{nil, nil},
		{[]pgp.Key{a, b}, nil},
		{[]pgp.Key{a, b, a}, [][]int{{0, 2}}},
		{[]pgp.Key{a, b, c}, [][]int{{0, 2}}},
		{[]pgp.Key{a, b, a, b, a}, [][]int{{0, 2, 4}, {1, 3}}},
		{[]pgp.Key{none, {Fingerprint: "e"}}, nil},
	} {
		got := pgp.Duplicates(tc.keys)
		if !slices.EqualFunc(got, tc.want, slices.Equal) {
			t.Errorf("%v: %v", tc.keys, got)
		}
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
