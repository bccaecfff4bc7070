package courier

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"conclave/hsm/secret"
	"conclave/vaultstate/server/servertest"
)

// keyPEM is the private key of a certificate, as its file has it.
func keyPEM(t *testing.T, c *tls.Certificate) secret.Bytes {
	t.Helper()
	raw, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return secret.Take(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}))
}

// TestClientCertificate: the child shows the client's certificate to a server that
// wants one. What cannot be used is an error that quotes nothing of it.
func TestClientCertificate(t *testing.T) {
	f := servertest.NewTLS(t, servertest.Dialects[0])
	theirs, mine := servertest.Certificate(t), servertest.Certificate(t)
	var now atomic.Pointer[tls.Certificate]
	now.Store(theirs)
	servertest.Shows(f.Server, &now)
	f.TLS.ClientAuth, f.TLS.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
	f.TLS.ClientCAs.AddCert(mine.Leaf)
	q := get(f.URL)
	q.Target.CA = servertest.PEM(theirs)
	if _, err := Send(t.Context(), q); err == nil {
		t.Fatal("the server wants no certificate: this test shows nothing")
	}
	q.Target.ClientCert, q.Target.ClientKey = servertest.PEM(mine), keyPEM(t, mine)
	if a, err := Send(t.Context(), q); err != nil || a.Status != 200 {
		t.Errorf("%d, %v", a.Status, err)
	}
	for name, key := range map[string]secret.Bytes{"another's key": keyPEM(t, theirs), "no key": take("canary of a key"),
		"another type": take("-----BEGIN CANARY-----\n-----END CANARY-----\n")} {
		q.Target.ClientKey = key
		if _, err := Send(t.Context(), q); err == nil || strings.Contains(strings.ToLower(err.Error()), "canary") || !strings.Contains(err.Error(), "do not go together") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestOnlyTheNamedCA: where a CA is named, nobody whom the system trusts counts
// besides it.
func TestOnlyTheNamedCA(t *testing.T) {
	f := servertest.NewTLS(t, servertest.Dialects[0])
	theirs := servertest.Certificate(t)
	var now atomic.Pointer[tls.Certificate]
	now.Store(theirs)
	servertest.Shows(f.Server, &now)
	system := filepath.Join(t.TempDir(), "system.pem")
	if err := os.WriteFile(system, servertest.PEM(theirs), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SSL_CERT_FILE", system) // the child reads it
	q := get(f.URL)
	if _, err := Send(t.Context(), q); err != nil {
		t.Fatalf("whom the system trusts: %v", err)
	}
	q.Target.CA = servertest.PEM(servertest.Certificate(t))
	if _, err := Send(t.Context(), q); err == nil {
		t.Error("the CA of the system counts although another was named")
	}
	q.Target.CA = []byte("no PEM")
	if _, err := Send(t.Context(), q); err == nil || !strings.Contains(err.Error(), "there is none") {
		t.Errorf("a CA that is none: %v", err)
	}
}

// TestServerName: the certificate is of another name than the address, and that
// name is the one that is looked for.
func TestServerName(t *testing.T) {
	f := servertest.NewTLS(t, servertest.Dialects[0])
	theirs := servertest.Certificate(t)
	var now atomic.Pointer[tls.Certificate]
	now.Store(theirs)
	servertest.Shows(f.Server, &now)
	q := get(f.URL)
	q.Target.CA = servertest.PEM(theirs)
	for name, fits := range map[string]bool{"": true, "vault.example": true, "other.example": false} {
		q.Target.ServerName = name
		if _, err := Send(t.Context(), q); (err == nil) != fits {
			t.Errorf("the name %q: %v", name, err)
		}
	}
}
