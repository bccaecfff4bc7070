package signature_test

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"conclave/ceremony/signature"
	"conclave/hsm/softhsm/need"
)

var update = flag.Bool("update", false, "write testdata/stamp anew, with openssl")

// authority is a time-stamping authority by openssl, with a CA above it.
type authority struct {
	*testing.T
	dir, tool string
}

// newAuthority makes one whose certificate is for usage.
func newAuthority(t *testing.T, key []string, usage, digest string) *authority {
	t.Helper()
	a := &authority{t, t.TempDir(), need.Tool(t, "openssl")}
	conf := `[req]
distinguished_name=dn
prompt=no
[dn]
CN=x
[ca]
basicConstraints=critical,CA:TRUE
subjectKeyIdentifier=hash
[tsa]
extendedKeyUsage=` + usage + `
subjectKeyIdentifier=hash
[tsa_config]
serial=serial
crypto_device=builtin
signer_cert=tsa.pem
certs=ca.pem
signer_key=tsa.key
signer_digest=` + digest + `
default_policy=1.2.3.4.1
digests=sha256,sha384,sha512,sha1
tsa_name=yes
ess_cert_id_alg=` + digest + `
accuracy=secs:1
`
	a.write("conf", []byte(conf))
	a.write("serial", []byte("0A"))
	a.ssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "ca.key")
	a.ssl(append(append([]string{"genpkey"}, key...), "-out", "tsa.key")...)
	a.ssl("req", "-x509", "-new", "-key", "ca.key", "-config", "conf", "-extensions", "ca", "-subj", "/CN=Test CA", "-days", "30000", "-out", "ca.pem")
	a.ssl("req", "-new", "-key", "tsa.key", "-config", "conf", "-subj", "/O=Stamps Ltd/CN=Test authority", "-out", "tsa.csr")
	a.ssl("x509", "-req", "-in", "tsa.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-extfile", "conf", "-extensions", "tsa", "-days", "30000", "-out", "tsa.pem")
	return a
}

func (a *authority) write(name string, b []byte) {
	a.Helper()
	if err := os.WriteFile(filepath.Join(a.dir, name), b, 0o600); err != nil {
		a.Fatal(err)
	}
}

func (a *authority) ssl(args ...string) {
	a.Helper()
	run(a.T, a.dir, "", a.tool, args...)
}

// answer is what the authority answers to our query over message.
func (a *authority) answer(message []byte) []byte {
	a.Helper()
	q, err := signature.StampQuery(message)
	if err != nil {
		a.Fatal(err)
	}
	a.write("query", q)
	a.ssl("ts", "-reply", "-config", "conf", "-section", "tsa_config", "-queryfile", "query", "-out", "answer")
	return read(a.T, a.dir, "answer")
}

var stampQueried = []byte("conclave/KC-1\n5\nroot\nhead x\n\n")

// TestStamp: answers that openssl makes count where the certificate is brought.
func TestStamp(t *testing.T) {
	rsa, ec := []string{"-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"}, []string{"-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"}
	for _, test := range []struct {
		name, usage, digest string
		key                 []string
		trusted             bool
	}{
		{"rsa", "critical,timeStamping", "sha256", rsa, true},
		{"ecdsa", "critical,timeStamping", "sha512", ec, true},
		{"old name of the certificate", "critical,timeStamping", "sha1", ec, false}, // it signs by SHA-1
	} {
		t.Run(test.name, func(t *testing.T) {
			a := newAuthority(t, test.key, test.usage, test.digest)
			b := a.answer(stampQueried)
			ca := trust(t, string(read(t, a.dir, "ca.pem")))
			s, err := ca.CheckStamp(stampQueried, b)
			if !test.trusted {
				if err == nil || s.Trusted {
					t.Errorf("%+v, %v", s, err)
				}
				return
			}
			if err != nil || !s.Trusted || s.Authority != "Test authority, Stamps Ltd" || time.Since(s.Time).Abs() > time.Minute {
				t.Fatalf("%+v, %v", s, err)
			}
			if s, err := trust(t, string(read(t, a.dir, "tsa.pem"))).CheckStamp(stampQueried, b); err != nil || !s.Trusted {
				t.Errorf("by its own certificate: %+v, %v", s, err)
			}
			if *update && test.name == "ecdsa" {
				for name, b := range map[string][]byte{"answer.tsr": b, "ca.pem": read(t, a.dir, "ca.pem")} {
					if err := os.WriteFile(filepath.Join("testdata/stamp", name), b, 0o600); err != nil {
						t.Fatal(err)
					}
				}
			}
		})
	}
}

// TestStampStored is on an answer that openssl made once: what it shows to
// whom, and that no changed byte gives another time.
func TestStampStored(t *testing.T) {
	b, ca := read(t, "testdata/stamp", "answer.tsr"), string(read(t, "testdata/stamp", "ca.pem"))
	good, err := trust(t, ca).CheckStamp(stampQueried, b)
	if err != nil || !good.Trusted || good.Time.Year() != 2026 {
		t.Fatalf("%+v, %v", good, err)
	}
	var nobody signature.Trust
	if s, err := nobody.CheckStamp(stampQueried, b); err != nil || s.Trusted || s.Time != good.Time || s.Authority != good.Authority {
		t.Errorf("without trust: %+v, %v", s, err)
	}
	if s, err := trust(t, ca).CheckStamp(append(bytes.Clone(stampQueried), '\n'), b); !errors.Is(err, signature.ErrWrong) || s.Trusted {
		t.Errorf("over another text: %+v, %v", s, err)
	}
	t.Run("changed", func(t *testing.T) {
		known := trust(t, ca)
		for i := range b {
			changed := bytes.Clone(b)
			changed[i] ^= 1
			s, err := known.CheckStamp(stampQueried, changed)
			if err == nil && s.Trusted && (s.Time != good.Time || s.Authority != good.Authority) {
				t.Errorf("byte %d: %+v", i, s)
			}
		}
		changed := bytes.Clone(b)
		changed[len(b)-1] ^= 1 // of the signature
		if s, err := known.CheckStamp(stampQueried, changed); err == nil {
			t.Errorf("with another signature: %+v", s)
		}
		for n := range len(b) {
			if s, err := known.CheckStamp(stampQueried, b[:n]); err == nil {
				t.Fatalf("cut after %d: %+v", n, s)
			}
		}
		if s, err := known.CheckStamp(stampQueried, append(bytes.Clone(b), 0)); err == nil {
			t.Errorf("with a byte more: %+v", s)
		}
	})
}

// TestStampRefused: what an authority must not do.
func TestStampRefused(t *testing.T) {
	ec := []string{"-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"}
	a := newAuthority(t, ec, "critical,timeStamping", "sha256")
	good := a.answer(stampQueried)
	t.Run("another authority", func(t *testing.T) {
		b := newAuthority(t, ec, "critical,timeStamping", "sha256")
		if s, err := trust(t, string(read(t, b.dir, "ca.pem"))).CheckStamp(stampQueried, good); err != nil || s.Trusted {
			t.Errorf("%+v, %v", s, err)
		}
	})
	t.Run("a certificate that did not come along", func(t *testing.T) {
		a.write("text", stampQueried)
		a.ssl("ts", "-query", "-data", "text", "-sha256", "-no_nonce", "-out", "query")
		a.ssl("ts", "-reply", "-config", "conf", "-section", "tsa_config", "-queryfile", "query", "-out", "answer")
		bare := read(t, a.dir, "answer")
		if s, err := trust(t, string(read(t, a.dir, "ca.pem"))).CheckStamp(stampQueried, bare); err != nil || s.Trusted || s.Authority != "Test authority, Stamps Ltd" {
			t.Errorf("without it: %+v, %v", s, err)
		}
		if s, err := trust(t, string(read(t, a.dir, "tsa.pem"))).CheckStamp(stampQueried, bare); err != nil || !s.Trusted {
			t.Errorf("with it: %+v, %v", s, err)
		}
		// Another one of the same key, issuer and number.
		a.ssl("x509", "-in", "tsa.pem", "-noout", "-serial", "-out", "number")
		number := strings.TrimPrefix(strings.TrimSpace(string(read(t, a.dir, "number"))), "serial=")
		a.ssl("x509", "-req", "-in", "tsa.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-set_serial", "0x"+number, "-extfile", "conf", "-extensions", "tsa", "-days", "29999", "-out", "other.pem")
		if s, err := trust(t, string(read(t, a.dir, "other.pem"))).CheckStamp(stampQueried, bare); err == nil || s.Trusted {
			t.Errorf("with another: %+v, %v", s, err)
		}
	})
	t.Run("a refusal", func(t *testing.T) {
		q, err := signature.StampQuery(stampQueried)
		if err != nil {
			t.Fatal(err)
		}
		// A policy that the authority does not have.
		a.write("query", bytes.Replace(q, []byte{0x01, 0x01, 0xff}, []byte{0x06, 0x01, 0x2a}, 1))
		a.ssl("ts", "-reply", "-config", "conf", "-section", "tsa_config", "-queryfile", "query", "-out", "answer")
		if _, err := trust(t, string(read(t, a.dir, "ca.pem"))).CheckStamp(stampQueried, read(t, a.dir, "answer")); err == nil || !strings.Contains(err.Error(), "refused") {
			t.Errorf("a refusal is taken: %v", err)
		}
	})
	for _, junk := range []string{"", "\x30", "0\x82\xff\xff", strings.Repeat("0", 100)} {
		if s, err := (&signature.Trust{}).CheckStamp(stampQueried, []byte(junk)); err == nil {
			t.Errorf("%q: %+v", junk, s)
		}
	}
}
