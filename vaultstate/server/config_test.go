package server_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"conclave/hsm/secret"
	"conclave/vaultstate"
	"conclave/vaultstate/server"
	"conclave/vaultstate/server/servertest"
)

// TestAddresses: what must not go over the wire in the open, or to whom nobody
// vouches for, is refused before there is a connection.
func TestAddresses(t *testing.T) {
	for _, c := range []struct {
		what   string
		config server.Config
		unsafe bool // ErrUnsafe
		ok     bool // refused for no reason but that nobody answers
	}{
		{what: "https", config: server.Config{Address: "https://127.0.0.1:1"}, ok: true},
		{what: "http to this machine", config: server.Config{Address: "http://127.0.0.1:1"}, ok: true},
		{what: "http to this machine, IPv6", config: server.Config{Address: "http://[::1]:1"}, ok: true},
		{what: "http elsewhere", config: server.Config{Address: "http://192.0.2.1:8200"}, unsafe: true},
		{what: "http to a name", config: server.Config{Address: "http://localhost.example:8200"}, unsafe: true},
		{what: "http to this machine by a proxy", config: server.Config{Address: "http://127.0.0.1:1", Proxy: "http://127.0.0.1:1"}, unsafe: true},
		{what: "http elsewhere in a practice", config: server.Config{Address: "http://127.0.0.2:1", Practice: true}, ok: true},
		{what: "unchecked", config: server.Config{Address: "https://192.0.2.1:8200", SkipVerify: true}, unsafe: true},
		{what: "unchecked to this machine", config: server.Config{Address: "https://127.0.0.1:1", SkipVerify: true}, ok: true},
		{what: "unchecked further node", config: server.Config{Address: "https://127.0.0.1:1", Nodes: []string{"https://192.0.2.1:1"}, SkipVerify: true}, unsafe: true},
		{what: "a socket", config: server.Config{Address: "unix:///nowhere/socket"}, ok: true},
		{what: "nothing"},
		{what: "no scheme", config: server.Config{Address: "127.0.0.1:8200"}},
		{what: "another scheme", config: server.Config{Address: "ftp://127.0.0.1"}},
		{what: "a password", config: server.Config{Address: "https://u:p4ssw0rd@127.0.0.1"}},
		{what: "a query", config: server.Config{Address: "https://127.0.0.1/?a=b"}},
		{what: "an https proxy", config: server.Config{Address: "https://127.0.0.1:1", Proxy: "https://127.0.0.1:1"}},
		{what: "a token with a line end", config: server.Config{Address: "https://127.0.0.1:1", Token: secret.Take([]byte("s.x\n"))}},
	} {
		c.config.Timeout = time.Second
		_, err := server.Open(t.Context(), c.config)
		var unreached *net.OpError
		switch {
		case err == nil:
			t.Errorf("%s: no error", c.what)
		case errors.Is(err, server.ErrUnsafe) != c.unsafe:
			t.Errorf("%s: %v", c.what, err)
		case errors.As(err, &unreached) != c.ok:
			t.Errorf("%s: %v", c.what, err)
		}
		if err != nil && strings.Contains(err.Error(), "p4ssw0rd") {
			t.Errorf("%s: the error says the password: %v", c.what, err)
		}
	}
}

const idle = `{"type":"pkcs11","initialized":true,"sealed":false,"t":3,"n":5,"recovery_seal":true}`

// tlsServer answers every request alike; reached counts them.
func tlsServer(t *testing.T, answer func(w http.ResponseWriter, r *http.Request)) (s *httptest.Server, ca []byte, reached *atomic.Int32) {
	t.Helper()
	reached = new(atomic.Int32)
	s = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reached.Add(1)
		answer(w, r)
	}))
	s.Config.ErrorLog = discard
	s.StartTLS()
	t.Cleanup(s.Close)
	return s, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), reached
}

// TestPinned: another certificate for the same name stops everything, before a
// request is sent, also where the CA vouches for both or for none.
func TestPinned(t *testing.T) {
	s, ca, reached := tlsServer(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, idle) })
	first, second := s.TLS.Certificates[0], *servertest.Certificate(t)
	now := &first
	s.TLS.Certificates = nil
	s.TLS.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return now, nil }
	both := append(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: second.Certificate[0]})...)

	for _, c := range []server.Config{{Address: s.URL, CA: both}, {Address: s.URL, SkipVerify: true}} {
		now = &first
		v, err := server.Open(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		pins := v.Certificates()
		if pins[s.URL] == (vaultstate.Digest{}) {
			t.Fatalf("no certificate was learned: %v", pins)
		}
		now = &second
		before := reached.Load()
		if _, err := v.Status(t.Context()); !errors.Is(err, server.ErrPinned) {
			t.Errorf("another certificate: %v", err)
		}
		c.Pins = pins
		if _, err := server.Open(t.Context(), c); !errors.Is(err, server.ErrPinned) {
			t.Errorf("another certificate, pinned by the plan: %v", err)
		}
		if reached.Load() != before {
			t.Error("a request was sent all the same")
		}
		now = &first
		if _, err := server.Open(t.Context(), c); err != nil {
			t.Errorf("the right certificate, pinned: %v", err)
		}
	}
	if _, err := server.Open(t.Context(), server.Config{Address: s.URL}); err == nil || errors.Is(err, server.ErrPinned) {
		t.Errorf("a certificate that nobody vouches for: %v", err)
	}
}

// TestEnvironmentUnread: neither proxies nor tokens nor addresses of the
// environment are used.
func TestEnvironmentUnread(t *testing.T) {
	var asked atomic.Int32
	proxy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer proxy.Close()
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "BAO_HTTP_PROXY", "BAO_PROXY_ADDR", "VAULT_PROXY_ADDR", "BAO_AGENT_ADDR", "BAO_ADDR", "VAULT_ADDR"} {
		t.Setenv(name, proxy.URL)
	}
	t.Setenv("BAO_SKIP_VERIFY", "true")
	t.Setenv("BAO_TOKEN", "s.environment")
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	if _, err := server.Open(ctx, server.Config{Address: "https://192.0.2.1:8200"}); err == nil {
		t.Error("TEST-NET answers")
	}
	if asked.Load() > 0 {
		t.Error("the environment's proxy was asked")
	}
	if _, err := server.Open(t.Context(), server.Config{Address: "https://192.0.2.1:8200", Proxy: proxy.URL}); err == nil {
		t.Error("TEST-NET answers")
	}
	if asked.Load() == 0 {
		t.Error("the proxy that was named was not asked: this test shows nothing")
	}
	s, ca, _ := tlsServer(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Vault-Token") != "" {
			t.Error("a token was sent")
		}
		_, _ = io.WriteString(w, idle)
	})
	if _, err := server.Open(t.Context(), server.Config{Address: s.URL}); err == nil {
		t.Error("an unknown CA was accepted")
	}
	if _, err := server.Open(t.Context(), server.Config{Address: s.URL, CA: ca}); err != nil {
		t.Error(err)
	}
}

// TestAnswersAreHeld: what a server can answer with that is no answer. Each
// request is sent once.
func TestAnswersAreHeld(t *testing.T) {
	// Who waits for the client to hang up can be answering while it does.
	over := make(chan struct{})
	defer close(over)
	for _, c := range []struct {
		what   string
		answer func(w http.ResponseWriter, r *http.Request)
		want   error
		text   string
		most   int32 // requests
	}{
		{"a redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://192.0.2.1/", http.StatusTemporaryRedirect)
		}, server.ErrStandby, "points to https://192.0.2.1/, which is not followed", 2}, // it asks for the leader
		{"no end", func(w http.ResponseWriter, _ *http.Request) {
			for range 9 << 10 {
				_, _ = io.WriteString(w, strings.Repeat(" ", 1<<10))
			}
		}, nil, "too long", 1},
		{"a dropped connection", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, nil, "EOF", 1},
		{"no JSON", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>\x1b[31m") }, nil, "not what this API says", 1},
		{"a page that is an error", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadGateway)
			_, _ = io.WriteString(w, "<html>\x1b[31m")
		}, nil, "502", 1},
		{"control characters", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = io.WriteString(w, `{"errors":["red \u001b[31m"]}`)
		}, nil, `red \x1b[31m`, 1},
		{"negative shares", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"n":-1}`) }, nil, "not what this API says", 1},
		{"nothing for long", func(http.ResponseWriter, *http.Request) { <-over }, context.DeadlineExceeded, "", 1},
	} {
		s, ca, reached := tlsServer(t, c.answer)
		_, err := server.Open(t.Context(), server.Config{Address: s.URL, CA: ca, Timeout: time.Second})
		if err == nil || c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v", c.what, err)
		}
		if err != nil && strings.Contains(err.Error(), "\x1b") {
			t.Errorf("%s: the error holds a control character", c.what)
		}
		if n := reached.Load(); n > c.most {
			t.Errorf("%s: %d requests", c.what, n)
		}
	}
}

func TestSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := new(net.ListenConfig).Listen(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/sys/seal-status" || r.Header.Get("X-Vault-Namespace") != "team" || r.Header.Get("X-Vault-Request") != "true" {
			t.Errorf("the request is %s with %v", r.URL.Path, r.Header)
		}
		_, _ = io.WriteString(w, idle)
	})}
	go func() { _ = s.Serve(l) }()
	defer func() { _ = s.Close() }()
	v, err := server.Open(t.Context(), server.Config{Address: "unix://" + path, Namespace: "team"})
	if err != nil {
		t.Fatal(err)
	}
	if len(v.Certificates()) != 0 || len(v.Exchanges()) != 1 || v.Exchanges()[0].Status != http.StatusOK {
		t.Errorf("%v %v", v.Certificates(), v.Exchanges())
	}
}

func TestVariables(t *testing.T) {
	environ := []string{"BAO_TOKEN=s.canary", "VAULT_ADDR=https://v:8200", "https_proxy=http://u:canary@p", "HTTP_PROXY=http://p:1",
		"PATH=/bin", "VAULT_SKIP_VERIFY=true", "BAO_NAMESPACE=", "BAO_CLIENT_KEY=/canary", "SSL_CERT_FILE=/ca.pem", "VAULT_TOKEN=other", "BAO_X\x1b=1"}
	var got []string
	for _, v := range server.Variables(environ) {
		got = append(got, v.Name+"="+v.Value)
	}
	want := `BAO_CLIENT_KEY=set BAO_TOKEN=set BAO_X\x1b=set HTTP_PROXY=http://p:1 SSL_CERT_FILE=/ca.pem VAULT_ADDR=https://v:8200 VAULT_SKIP_VERIFY=true VAULT_TOKEN=set https_proxy=set`
	if strings.Join(got, " ") != want {
		t.Errorf("%s\nwant %s", strings.Join(got, " "), want)
	}
	c := server.FromEnvironment(environ)
	defer c.Token.Wipe()
	if c.Address != "https://v:8200" || string(c.Token.Expose()) != "s.canary" || !c.SkipVerify || c.Proxy != "" {
		t.Errorf("%+v", c)
	}
}

// TestOneConnectionEach: no connection is used again, over which net/http might
// send a request a second time, or past the look at the certificate.
func TestOneConnectionEach(t *testing.T) {
	var opened atomic.Int32
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !r.Close {
			t.Error("the connection is to stay open")
		}
		_, _ = io.WriteString(w, idle)
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	s.Start()
	defer s.Close()
	v, err := server.Open(t.Context(), server.Config{Address: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	_, _ = v.Ways(t.Context())
	if n := len(v.Exchanges()); n < 3 || int(opened.Load()) != n {
		t.Errorf("%d requests over %d connections", n, opened.Load())
	}
}

// TestCertificateFiles: the CA comes from a file or from a directory, which are
// read once.
func TestCertificateFiles(t *testing.T) {
	s, ca, _ := tlsServer(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, idle) })
	dir := t.TempDir()
	file := func(name string, raw []byte) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	other := servertest.PEM(servertest.Certificate(t))
	cas := file("cas/a.pem", other)
	file("cas/b.pem", ca)
	file("cas/dir/c.pem", other)
	for what, c := range map[string]server.Config{
		"a file":      {Address: s.URL, CAFile: file("ca.pem", ca)},
		"a directory": {Address: s.URL, CAPath: filepath.Dir(cas)},
	} {
		v, err := server.Open(t.Context(), c)
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		_ = os.RemoveAll(c.CAFile)
		_ = os.RemoveAll(c.CAPath)
		if _, err := v.Status(t.Context()); err != nil {
			t.Errorf("%s was read again: %v", what, err)
		}
	}
	for what, c := range map[string]server.Config{
		"no such file":      {Address: s.URL, CAFile: filepath.Join(dir, "nothing")},
		"a file of no CA":   {Address: s.URL, CAFile: file("none.pem", []byte("none"))},
		"another CA":        {Address: s.URL, CAFile: file("other.pem", other)},
		"no such directory": {Address: s.URL, CAPath: filepath.Join(dir, "nothing")},
		"an empty one":      {Address: s.URL, CAPath: t.TempDir()},
	} {
		if _, err := server.Open(t.Context(), c); err == nil {
			t.Errorf("%s: no error", what)
		}
	}
}

// TestClientKey: with a client's key every request goes through the Sender, also
// one that carries nothing else; a certificate without a key is no request at all.
func TestClientKey(t *testing.T) {
	s, ca, reached := tlsServer(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, idle) })
	s.TLS.ClientAuth = tls.RequireAnyClientCert
	mine := servertest.Certificate(t)
	raw, err := x509.MarshalPKCS8PrivateKey(mine.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	key := secret.Take(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}))
	defer key.Wipe()
	if _, err := server.Open(t.Context(), server.Config{Address: s.URL, CA: ca}); err == nil {
		t.Fatal("the server wants no certificate: this test shows nothing")
	}
	sent := 0
	v, err := server.Open(t.Context(), server.Config{Address: s.URL, CA: ca, ClientCert: servertest.PEM(mine), ClientKey: key,
		Sender: func(ctx context.Context, r server.Request) (server.Answer, error) { sent++; return server.Send(ctx, r) }})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Status(t.Context()); err != nil {
		t.Error(err)
	}
	if n := len(v.Exchanges()); sent != n || n < 2 {
		t.Errorf("%d of %d requests went through the sender", sent, n)
	}
	before := reached.Load()
	for what, c := range map[string]server.Config{"no key": {Address: s.URL, CA: ca, ClientCert: servertest.PEM(mine)}, "no certificate": {Address: s.URL, CA: ca, ClientKey: key}} {
		if _, err := server.Open(t.Context(), c); err == nil || !strings.Contains(err.Error(), "go together") || reached.Load() != before {
			t.Errorf("%s: %v", what, err)
		}
	}
}
