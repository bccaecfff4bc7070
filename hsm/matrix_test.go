//go:build cgo

package hsm_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"conclave/hsm"
	"conclave/hsm/secret"
)

// providers are the tokens that the mechanisms are tried on.
var providers = []struct {
	name   string
	config func(*testing.T) hsm.Config
	oaep   []string // the hashes that it can do
}{
	{"softhsm", func(t *testing.T) hsm.Config { return newStore(t).Config("vault", "01") }, []string{"sha1"}},
	{"nss", newNSS, []string{"sha1", "sha224", "sha256", "sha384", "sha512"}},
}

// refusedOAEP is what is said of a hash that a token lists and cannot do.
const refusedOAEP = "This token cannot do CKM_RSA_PKCS_OAEP, or not with these parameters. Choose a mechanism and a hash that pass the self-test."

// TestMatrix tries every mechanism on every token: self-test, wrap and unwrap,
// changed bytes, another token's key of the same name.
func TestMatrix(t *testing.T) {
	for _, p := range providers {
		t.Run(p.name, func(t *testing.T) {
			cfg, other := p.config(t), p.config(t)
			for _, c := range []*hsm.Config{&cfg, &other} {
				makeKeys(t, c, hsm.AESCBC, hsm.RSAOAEP)
			}
			for _, m := range []string{hsm.AESGCM, hsm.AESCBCPad, hsm.AESCBC} {
				t.Run(m, func(t *testing.T) { works(t, with(cfg, m, ""), with(other, m, "")) })
			}
			hashes(t, cfg, other, p.oaep...)
		})
	}
}

// hashes tries RSA-OAEP with each hash, of which the token can do some.
func hashes(t *testing.T, cfg, other hsm.Config, can ...string) {
	t.Helper()
	for _, hash := range []string{"sha1", "sha224", "sha256", "sha384", "sha512"} {
		t.Run(hsm.RSAOAEP+"/"+hash, func(t *testing.T) {
			if !slices.Contains(can, hash) {
				refused(t, with(cfg, hsm.RSAOAEP, hash))
				return
			}
			works(t, with(cfg, hsm.RSAOAEP, hash), with(other, hsm.RSAOAEP, hash))
		})
	}
}

// makeKeys makes the keys of mechanisms: a pair for AES-CBC, whose AES key does
// for AES-GCM, or a pair of RSA keys.
func makeKeys(t *testing.T, c *hsm.Config, mechanisms ...string) {
	t.Helper()
	c.HMACKeyLabel, c.HMACKeyID = "mac", "02"
	for _, m := range mechanisms {
		token := open(t, with(*c, m, "sha1"))
		login(t, token)
		k, err := token.GenerateKey(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if k.Mechanism != m || (k.HMACRef == "mac:02") != (m == hsm.AESCBC) || k.Attributes["CKA_EXTRACTABLE"] != "false" ||
			m == hsm.AESCBC && k.HMACAttributes["CKA_EXTRACTABLE"] != "false" {
			t.Errorf("made %+v", k)
		}
		_ = token.Close()
	}
}

func with(c hsm.Config, mechanism, hash string) hsm.Config {
	c.Mechanism, c.OAEPHash = mechanism, hash
	if mechanism == hsm.RSAOAEP {
		c.KeyLabel, c.KeyID = "pair", "03"
	}
	return c
}

// works: other is another token with keys of the same names, if there can be one.
func works(t *testing.T, cfg, other hsm.Config) {
	t.Helper()
	token := open(t, cfg)
	login(t, token)
	lines, err := token.SelfTest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range lines {
		if l.Warn {
			t.Errorf("the self-test says %q", l.Text)
		}
	}
	lengths := []int{1, 15, 16, 32, 48}
	switch {
	case cfg.OAEPHash == "sha224" || cfg.OAEPHash == "sha384" || cfg.OAEPHash == "sha512":
		lengths = nil // the self-test is enough: NSS takes its time
	case cfg.Mechanism == hsm.RSAOAEP:
		lengths = []int{32}
	}
	for _, n := range lengths {
		plain := secret.Random(n)
		blob, err := token.Wrap(t.Context(), plain)
		if err != nil {
			t.Fatalf("%d bytes: %v", n, err)
		}
		if !unwraps(t, token, blob, plain) {
			t.Errorf("%d bytes were unwrapped to others", n)
		}
		if n == 32 {
			ref, err := token.Describe(blob)
			if err != nil || ref.Mechanism != cfg.Mechanism || ref.KeyID != cfg.KeyLabel+":"+cfg.KeyID ||
				ref.HMACKeyID != map[bool]string{true: cfg.HMACKeyLabel + ":" + cfg.HMACKeyID}[strings.Contains(cfg.Mechanism, "CBC")] {
				t.Errorf("described as %+v, %v", ref, err)
			}
			tampered(t, token, cfg, blob, plain)
			if other.Lib != "" {
				stranger := open(t, other)
				login(t, stranger)
				if _, err := stranger.Unwrap(t.Context(), blob); !errors.Is(err, hsm.ErrWrongKey) {
					t.Errorf("with keys of the same names in another token: %v", err)
				}
			}
		}
		plain.Wipe()
	}
}

func unwraps(t *testing.T, token *hsm.Token, blob []byte, want secret.Bytes) bool {
	t.Helper()
	got, err := token.Unwrap(t.Context(), blob)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Wipe()
	return got.Equal(want)
}

// tampered changes bytes all over a blob. With an HMAC every one is refused;
// else what is not the ciphertext or its nonce may be without effect.
func tampered(t *testing.T, token *hsm.Token, cfg hsm.Config, blob []byte, want secret.Bytes) {
	t.Helper()
	step := 7
	if cfg.Mechanism == hsm.RSAOAEP {
		step = 59
	}
	for at := 0; at < len(blob); at += step {
		changed := bytes.Clone(blob)
		changed[at] ^= 1 << (at % 8)
		got, err := token.Unwrap(t.Context(), changed)
		if err != nil {
			continue
		}
		same := got.Equal(want)
		got.Wipe()
		if !same || strings.Contains(cfg.Mechanism, "CBC") {
			t.Errorf("byte %d of %d changed: the blob opens, to the same: %t", at, len(blob), same)
		}
	}
	if !unwraps(t, token, blob, want) {
		t.Error("after all that it does not open any more")
	}
}

// refused: a token that lists what it cannot do seals nothing with it.
func refused(t *testing.T, cfg hsm.Config) {
	t.Helper()
	token := open(t, cfg)
	login(t, token)
	if lines, err := token.SelfTest(t.Context()); err == nil || !strings.Contains(err.Error(), refusedOAEP) {
		t.Errorf("the self-test gives %v, %v", lines, err)
	}
	// Encrypted here, the token would never open it: the self-test sees that, too.
	cfg.RSAEncrypt = hsm.EncryptLocally
	here := open(t, cfg)
	login(t, here)
	if lines, err := here.SelfTest(t.Context()); err == nil || !strings.Contains(err.Error(), refusedOAEP) {
		t.Errorf("encrypting here, the self-test gives %v, %v", lines, err)
	}
}

// TestRSAHere: what is encrypted here with the public key opens in the token.
func TestRSAHere(t *testing.T) {
	cfg := with(newStore(t).Config("", ""), hsm.RSAOAEP, "sha1")
	token := open(t, cfg)
	login(t, token)
	if _, err := token.GenerateKey(t.Context()); err != nil {
		t.Fatal(err)
	}
	plain := secret.Random(48)
	defer plain.Wipe()
	for _, where := range []string{"", hsm.EncryptLocally, hsm.EncryptInToken} {
		cfg.RSAEncrypt = where
		other := open(t, cfg)
		login(t, other)
		blob, err := other.Wrap(t.Context(), plain)
		if err != nil {
			t.Fatal(err)
		}
		if !unwraps(t, token, blob, plain) {
			t.Errorf("encrypted %q, it opens to other bytes", where)
		}
	}
}

// TestHMACKey: which key makes the HMAC, and which cannot.
func TestHMACKey(t *testing.T) {
	for _, p := range providers {
		t.Run(p.name, func(t *testing.T) {
			cfg := p.config(t)
			makeKeys(t, &cfg, hsm.AESCBC)
			cfg = with(cfg, hsm.AESCBC, "")
			for _, c := range []struct {
				label, id string
				want      string
			}{
				{"", "", "needs an HMAC key"},
				{"", "02", "has an id and no label"},
				{"mac", "0x02", "not hexadecimal"},
				{"vault", "01", "give it another"},
				{"vault", "", "give it another"},
				{"mac", "77", "no such key"},
				{"mac", "", ""},
				{"mac", "02", ""},
			} {
				cfg.HMACKeyLabel, cfg.HMACKeyID = c.label, c.id
				token := open(t, cfg)
				login(t, token)
				_, err := token.SelfTest(t.Context())
				if (err != nil) != (c.want != "") || err != nil && !strings.Contains(err.Error(), c.want) {
					t.Errorf("HMAC key %s:%s: %v", c.label, c.id, err)
				}
			}
		})
	}
}

// TestAESKeyForHMAC: NSS would make the HMAC with an AES key.
func TestAESKeyForHMAC(t *testing.T) {
	for _, p := range providers {
		t.Run(p.name, func(t *testing.T) {
			cfg := p.config(t)
			for i, label := range []string{"vault", "second"} {
				cfg.KeyLabel, cfg.KeyID = label, fmt.Sprintf("0%d", i+1)
				token := open(t, cfg)
				login(t, token)
				if _, err := token.GenerateKey(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			cfg.Mechanism, cfg.HMACKeyLabel = hsm.AESCBC, "vault"
			token := open(t, cfg)
			login(t, token)
			_, err := token.SelfTest(t.Context())
			fails(t, err, hsm.ErrKeyAmbiguous, "is no generic secret")
		})
	}
}
