package command

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"conclave/ceremony/plan"
	"conclave/vaultstate"
	"conclave/vaultstate/server/servertest"
)

// TestServerEnvironment: what the environment says of the connection is among the
// values of the agreed plan, with its source; where a plan's file does not say it,
// it is refused. None of it is dropped without a word.
func TestServerEnvironment(t *testing.T) {
	for _, name := range []string{"SKIP_VERIFY", "CACERT", "CACERT_BYTES", "CAPATH", "CLIENT_CERT", "CLIENT_KEY", "TLS_SERVER_NAME", "NAMESPACE"} {
		for _, prefix := range []string{"BAO_", "VAULT_"} {
			t.Setenv(prefix+name, "")
		}
	}
	dir, c := t.TempDir(), servertest.Certificate(t)
	file := func(name string, text []byte) string {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	cert, key := file("cert.pem", servertest.PEM(c)), file("key.pem", []byte("a key"))
	ca := file("ca/ca.pem", servertest.PEM(c))
	p := &Process{Now: time.Now}
	target := func(doc bool) (*serverTarget, error) {
		f := p.flagsOf(vaultstate.Rotate)
		if err := f.set.Set("address", "https://vault.example:8200"); err != nil {
			t.Fatal(err)
		}
		if doc {
			f.doc = &plan.Document{}
		}
		return f.serverTarget()
	}
	for _, set := range []struct {
		env   map[string]string
		value string // in the agreed plan
		has   func(*serverTarget) bool
	}{
		{map[string]string{"VAULT_SKIP_VERIFY": "1"}, "skip-verify = true (environment *_SKIP_VERIFY)", func(t *serverTarget) bool { return t.config.SkipVerify && t.plan.SkipVerify }},
		{map[string]string{"BAO_CACERT": ca}, "ca-cert = " + ca + " (environment *_CACERT)", func(t *serverTarget) bool { return string(t.config.CA) == string(servertest.PEM(c)) }},
		{map[string]string{"BAO_CACERT_BYTES": string(servertest.PEM(c))}, "ca-cert = SHA-256 " + sha256Hex(servertest.PEM(c)) + " (environment *_CACERT_BYTES)", func(t *serverTarget) bool { return len(t.config.CA) > 0 }},
		{map[string]string{"VAULT_CAPATH": filepath.Dir(ca)}, "ca-path = SHA-256 " + sha256Hex(append(servertest.PEM(c), '\n')) + " (of its files)", func(t *serverTarget) bool { return len(t.config.CA) > 0 }},
		{map[string]string{"VAULT_TLS_SERVER_NAME": "inside"}, "tls-server-name = inside (environment *_TLS_SERVER_NAME)", func(t *serverTarget) bool { return t.config.ServerName == "inside" }},
		{map[string]string{"BAO_CLIENT_CERT": cert, "VAULT_CLIENT_KEY": key}, "client-cert = SHA-256 " + sha256Hex(c.Certificate[0]) + " (of the certificate)",
			func(t *serverTarget) bool {
				return string(t.config.ClientCert) == string(servertest.PEM(c)) && string(t.config.ClientKey.Expose()) == "a key"
			}},
		{map[string]string{"BAO_CLIENT_CERT": cert, "VAULT_CLIENT_KEY": key}, "client-key = " + key + " (environment *_CLIENT_KEY)", func(*serverTarget) bool { return true }},
	} {
		for name, value := range set.env {
			t.Setenv(name, value)
		}
		to, err := target(false)
		if err != nil {
			t.Fatalf("%v: %v", set.env, err)
		}
		var values []string
		for _, v := range to.values {
			values = append(values, v.Name+" = "+v.Text+" ("+v.Source+")")
		}
		if !slices.Contains(values, set.value) || !set.has(to) {
			t.Errorf("%v: the values are %q", set.env, values)
		}
		to.Wipe()
		if _, err := target(true); err == nil || !strings.Contains(err.Error(), "the plan does not say it") {
			t.Errorf("%v, with a plan's file: %v", set.env, err)
		}
		for name := range set.env {
			t.Setenv(name, "")
		}
	}
}

// TestClientCertificateRefused: what cannot be used is refused, and nothing of a
// key is shown.
func TestClientCertificateRefused(t *testing.T) {
	const canary = "QmVoYXZlIGFzIGlmIHRoaXMgd2VyZSBhIGtleQ"
	dir := t.TempDir()
	file := func(name, text string, mode os.FileMode) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return name
	}
	cert := file("cert.pem", string(servertest.PEM(servertest.Certificate(t))), 0o600)
	key := file("key.pem", canary, 0o600)
	for _, c := range []struct{ what, cert, key, bytes, says string }{
		{"no key", cert, "", "", "no key"},
		{"no certificate", "", key, "", "no certificate"},
		{"a key for a certificate", key, key, "", "does not begin with a certificate"},
		{"a certificate that is not there", cert + "x", key, "", "no such file"},
		{"a key that is not there", cert, filepath.Join(dir, canary), "", "no such file"},
		{"a directory", cert, dir, "", "regular file"},
		{"an empty key", cert, file("empty.pem", "", 0o600), "", "is empty"},
		{"a key that everybody reads", cert, file("open.pem", canary, 0o644), "", "chmod 600"},
		{"a key for a name", cert, "-----BEGIN PRIVATE KEY-----" + canary, "", "cannot be read"},
		{"a key in two lines", cert, canary + "\n" + canary, "", "cannot be read"},
		{"a key in the environment", cert, key, canary, "from files only"},
	} {
		t.Run(c.what, func(t *testing.T) {
			for name, value := range map[string]string{"VAULT_CLIENT_CERT": c.cert, "VAULT_CLIENT_KEY": c.key, "BAO_CLIENT_KEY_BYTES": c.bytes} {
				t.Setenv(name, value)
			}
			f := (&Process{Now: time.Now}).flagsOf(vaultstate.Rotate)
			if err := f.set.Set("address", "https://vault.example:8200"); err != nil {
				t.Fatal(err)
			}
			_, err := f.serverTarget()
			if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), canary) {
				t.Errorf("%v", err)
			}
		})
	}
}
