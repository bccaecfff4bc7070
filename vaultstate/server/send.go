package server

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/openbao/openbao/api/v2"

	"conclave/assets/clean"
	"conclave/hsm/secret"
	"conclave/vaultstate"
)

// Target is one node, with all that a connection to it needs: no variable, no
// file, no other state. Nothing of it is secret but ClientKey, which stays the
// caller's.
type Target struct {
	Address    string
	CA         []byte // PEM; empty: whom the system trusts
	ServerName string
	ClientCert []byte       // PEM; empty: none
	ClientKey  secret.Bytes // PEM
	Namespace  string
	Proxy      string
	SkipVerify bool
	Pin        vaultstate.Digest // zero: any that the CA vouches for
	Timeout    time.Duration
}

// Request is one request. Token and Body stay the caller's.
type Request struct {
	Target Target
	Method string
	Path   string       // below /v1/
	Token  secret.Bytes // empty: none
	Body   secret.Bytes // JSON; empty: none
}

// Answer is what came back, whatever its status. The caller wipes Body.
type Answer struct {
	Status   int
	Body     secret.Bytes
	Location string            // of a redirect, which nobody followed
	Date     time.Time         // the server's clock, by its header; zero from the courier
	Pin      vaultstate.Digest // of the certificate; zero without TLS
}

// Sender sends one request that may carry a secret, or be answered with one, and
// returns the answer. It sends it once, and follows nothing. Its error means that
// there was no whole answer; the request may have arrived (but for ErrPinned,
// which comes before it).
type Sender func(ctx context.Context, r Request) (Answer, error)

// maxAnswer is more than 255 shares encrypted to large keys take, in both
// encodings.
const maxAnswer = 4 << 20

// Send is the Sender of this process. Every request has a connection of its own:
// the certificate is compared each time, and net/http, which sends a request
// again when a kept connection turns out to be closed, has none.
func Send(ctx context.Context, r Request) (Answer, error) {
	a, err := send(ctx, r)
	if err != nil {
		return a, fmt.Errorf("asking %s for %s: %w", clean.Clean(r.Target.Address), clean.Clean(r.Path), err)
	}
	return a, nil
}

func send(ctx context.Context, r Request) (Answer, error) {
	var seen vaultstate.Digest
	client, base, err := connection(r.Target, func(pin vaultstate.Digest) { seen = pin })
	if err != nil {
		return Answer{}, err
	}
	if r.Target.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, r.Target.Timeout)
		defer cancel()
	}
	var body io.Reader = http.NoBody
	if r.Body.Len() > 0 {
		body = bytes.NewReader(r.Body.Expose()) // read in place
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, base+"/v1/"+r.Path, body)
	if err != nil {
		return Answer{}, errors.New("the address and the path make no URL")
	}
	req.Header.Set(api.RequestHeaderName, "true")
	if r.Target.Namespace != "" {
		req.Header.Set(api.NamespaceHeaderName, r.Target.Namespace)
	}
	if r.Token.Len() > 0 {
		// A header is a string; this copy is the library's.
		req.Header.Set(api.AuthHeaderName, string(r.Token.Expose()))
	}
	if r.Body.Len() > 0 {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := client.Do(req)
	if err != nil {
		return Answer{Pin: seen}, plain(err)
	}
	defer func() { _ = resp.Body.Close() }()
	a := Answer{Status: resp.StatusCode, Pin: seen}
	if a.Status >= 300 && a.Status < 400 {
		a.Location = clean.Clean(resp.Header.Get("Location"))
	}
	if at, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		a.Date = at
	}
	if a.Body, err = readAll(resp.Body); err != nil {
		return Answer{Pin: seen}, fmt.Errorf("reading the answer: %w", plain(err))
	}
	return a, nil
}

// connection configures the library's HTTP client for one request. Only its
// configuration is used: its own requests are sent again after an error and
// follow a redirect.
func connection(t Target, see func(vaultstate.Digest)) (*http.Client, string, error) {
	cfg := api.NewConfig() // not DefaultConfig, which reads the environment
	if cfg.Error != nil {
		return nil, "", fmt.Errorf("setting up the connection: %w", cfg.Error)
	}
	cfg.MaxRetries = 0
	cfg.Address = t.Address
	transport, ok := cfg.HttpClient.Transport.(*http.Transport)
	if !ok {
		return nil, "", errors.New("setting up the connection: the library has another transport")
	}
	if err := certificates(transport.TLSClientConfig, t); err != nil {
		return nil, "", err
	}
	transport.Proxy = nil // the library's asks the environment
	if t.Proxy != "" {
		proxy, err := url.Parse(t.Proxy)
		if err != nil {
			return nil, "", errors.New("the proxy: it is no URL")
		}
		transport.Proxy = http.ProxyURL(proxy)
	}
	transport.DisableKeepAlives = true
	transport.DisableCompression = true // a body that unpacks to any size
	transport.MaxResponseHeaderBytes = 64 << 10
	// HTTP/2 keeps headers, and so the token, in tables.
	transport.ForceAttemptHTTP2 = false
	transport.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
	transport.TLSClientConfig.NextProtos = nil
	transport.TLSClientConfig.VerifyConnection = func(s tls.ConnectionState) error {
		pin, err := pinOf(s)
		if err != nil {
			return err
		}
		see(pin)
		if t.Pin != (vaultstate.Digest{}) && pin != t.Pin {
			return fmt.Errorf("%w: it is %s, and was %s", ErrPinned, pin, t.Pin)
		}
		return nil
	}
	if _, err := api.NewClient(cfg); err != nil { // it knows what unix:// means
		return nil, "", errors.New("the address is no URL")
	}
	if strings.HasPrefix(t.Address, "unix://") {
		return cfg.HttpClient, "http://localhost", nil
	}
	return cfg.HttpClient, strings.TrimRight(t.Address, "/"), nil
}

// certificates says who vouches for the server, and who we are. The library's own
// way trusts whom the system trusts besides the CA that was named, and quotes
// files in its errors.
func certificates(c *tls.Config, t Target) error {
	c.ServerName, c.InsecureSkipVerify = t.ServerName, t.SkipVerify
	if len(t.CA) > 0 {
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(t.CA) {
			return errors.New("the CA certificates: there is none in what was named (want PEM)")
		}
	}
	if t.ClientKey.Len() == 0 {
		return nil
	}
	mine, err := tls.X509KeyPair(t.ClientCert, t.ClientKey.Expose())
	if err != nil {
		return errors.New("the client's certificate and key: they do not go together, or cannot be read (want PEM, the key not encrypted)")
	}
	// Whatever CAs the server says that it likes: it has to judge.
	c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &mine, nil }
	return nil
}

func pinOf(s tls.ConnectionState) (vaultstate.Digest, error) {
	if len(s.PeerCertificates) == 0 {
		return vaultstate.Digest{}, errors.New("the server shows no certificate")
	}
	return sha256.Sum256(s.PeerCertificates[0].RawSubjectPublicKeyInfo), nil
}

// plain drops the URL that net/http puts before an error, and cleans the rest.
// What callers branch on stays.
func plain(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return cleanError{err}
}

type cleanError struct{ err error }

func (e cleanError) Error() string { return clean.Clean(e.err.Error()) }
func (e cleanError) Unwrap() error { return e.err }

// readAll reads into locked memory.
func readAll(r io.Reader) (secret.Bytes, error) {
	buf := secret.New(4 << 10)
	n := 0
	for {
		if n == buf.Len() {
			if n >= maxAnswer {
				buf.Wipe()
				return secret.Bytes{}, errors.New("it is too long for an answer")
			}
			more := secret.New(2 * n)
			secret.Copy(more.Expose(), buf.Expose())
			buf.Wipe()
			buf = more
		}
		m, err := r.Read(buf.Expose()[n:])
		n += m
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			buf.Wipe()
			return secret.Bytes{}, err
		}
	}
	defer buf.Wipe()
	return buf.Slice(0, n), nil
}
