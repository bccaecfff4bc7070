package server_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"log"
	"math/big"
	"net"
	"os"
	"testing"
	"time"

	"conclave/hsm/secret"
	"conclave/hsm/worker"
	"conclave/vaultstate"
	"conclave/vaultstate/server"
	"conclave/vaultstate/server/servertest"
)

func TestMain(m *testing.M) {
	worker.Child() // for tests with a real token
	os.Exit(m.Run())
}

var discard = log.New(io.Discard, "", 0)

// otherCertificate is one for this machine, of nobody's.
func otherCertificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "other"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	raw, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key}
}

// open is the driver of a server in memory.
func open(t *testing.T, f *servertest.Server, token string) *server.Vault {
	t.Helper()
	v, err := server.Open(t.Context(), server.Config{Address: f.URL, Token: secret.Take([]byte(token)), Timeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

var kinds = map[vaultstate.Kind]string{vaultstate.Rekey: "rekey", vaultstate.RecoveryRekey: "recovery", vaultstate.GenerateRoot: "root"}

type m = map[string]any
