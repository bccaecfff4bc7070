package pgp_test

import (
	"bytes"
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
