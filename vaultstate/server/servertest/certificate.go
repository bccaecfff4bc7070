package servertest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"
)

// Certificate is one for this machine, of nobody's: a new key, signed by itself.
func Certificate(t testing.TB) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "other"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"vault.example"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	raw, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key, Leaf: leaf}
}

// PEM are the certificates, as a CA file has them.
func PEM(list ...*tls.Certificate) []byte {
	var all []byte
	for _, c := range list {
		all = append(all, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]})...)
	}
	return all
}

// Pin is the SHA-256 of a certificate's public key.
func Pin(c *tls.Certificate) [sha256.Size]byte { return sha256.Sum256(c.Leaf.RawSubjectPublicKeyInfo) }

// Shows has a server with TLS show what is stored; with nil no handshake
// succeeds, as if nobody were there. It is called before the first request.
func Shows(s *httptest.Server, now *atomic.Pointer[tls.Certificate]) {
	s.TLS.Certificates = nil
	s.TLS.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		if c := now.Load(); c != nil {
			return c, nil
		}
		return nil, errors.New("nobody is here")
	}
}
