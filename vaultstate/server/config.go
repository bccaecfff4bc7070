package server

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"conclave/assets/clean"
	"conclave/hsm/secret"
	"conclave/vaultstate"
)

// Config says which server, and how it is reached.
type Config struct {
	Address string   // https://host:port, unix:///path, or http:// to this machine
	Nodes   []string // further nodes of the same cluster, which an unseal goes to

	// Who vouches for the server: CA (PEM), or else what Open reads, once, in
	// CAFile, or else in the directory CAPath. With none of them, whom the system
	// trusts; with one of them, nobody else.
	CA             []byte
	CAFile, CAPath string
	ServerName     string // other than the address's

	// ClientCert and ClientKey (PEM) are for servers that want a certificate. The
	// key is the caller's, who wipes it after Close. With one, every request goes
	// through Sender: what TLS makes of it stays in that process.
	ClientCert []byte
	ClientKey  secret.Bytes
	// ClientCertFile and ClientKeyFile are their files, as FromEnvironment names
	// them. Open reads neither.
	ClientCertFile, ClientKeyFile string

	Namespace string
	Proxy     string // "": none, whatever the environment says

	// SkipVerify has the certificate compared with the pin alone. It is refused
	// but in a practice and to this machine.
	SkipVerify bool
	Practice   bool

	// Pins are SPKI digests by address. The certificate of an address that has
	// none is learned with the first connection.
	Pins map[string]vaultstate.Digest

	Token secret.Bytes // the caller's; empty: none

	Timeout     time.Duration // of a request; 0: a minute
	InitTimeout time.Duration // of an init, whose HSM may be slow; 0: ten minutes

	Sender Sender // of all but a look without a token; nil: Send
}

const (
	defaultTimeout     = time.Minute
	defaultInitTimeout = 10 * time.Minute
	maxCA              = 1 << 20
)

// checked fills in what is left out.
func (c Config) checked() (Config, error) {
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	if c.InitTimeout == 0 {
		c.InitTimeout = defaultInitTimeout
	}
	if c.Sender == nil {
		c.Sender = Send
	}
	if err := checkToken(c.Token); err != nil {
		return c, err
	}
	if (len(c.ClientCert) == 0) != (c.ClientKey.Len() == 0) {
		return c, errors.New("a client's certificate and its key go together, and one of them is missing")
	}
	var err error
	switch {
	case len(c.CA) > 0:
	case c.CAFile != "":
		c.CA, err = readCA(c.CAFile)
	case c.CAPath != "":
		c.CA, err = ReadCAPath(c.CAPath)
	}
	return c, err
}

func readCA(name string) ([]byte, error) {
	pem, err := os.ReadFile(name) // #nosec G304 -- the operator's choice
	if err == nil && len(pem) > maxCA {
		err = fmt.Errorf("%q is too large", clean.Clean(name))
	}
	if err != nil {
		return nil, fmt.Errorf("reading the CA certificates: %w", err)
	}
	return pem, nil
}

// ReadCAPath reads the files of a directory, in the order of their names.
func ReadCAPath(dir string) ([]byte, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("reading the CA certificates: %w", err)
	}
	var all []byte
	for _, e := range entries {
		name := filepath.Join(dir, e.Name())
		info, err := os.Stat(name) // directories of this kind are full of links
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		pem, err := readCA(name)
		if err != nil {
			return nil, err
		}
		all = append(append(all, pem...), '\n')
	}
	switch {
	case len(all) == 0:
		return nil, fmt.Errorf("reading the CA certificates: there is no file in %q", clean.Clean(dir))
	case len(all) > maxCA:
		return nil, fmt.Errorf("reading the CA certificates: %q has too many", clean.Clean(dir))
	}
	return all, nil
}

// checkToken refuses what no header may hold.
func checkToken(token secret.Bytes) error {
	for _, b := range token.Expose() {
		if b <= ' ' || b > '~' {
			return errors.New("the token holds a character that no token has: a line end, perhaps")
		}
	}
	return nil
}

// target is all that a connection to one node needs to know.
func (c Config) target(address string) (Target, error) {
	t := Target{
		Address: address, CA: c.CA, ServerName: c.ServerName, ClientCert: c.ClientCert, ClientKey: c.ClientKey,
		Namespace: c.Namespace, Proxy: c.Proxy, SkipVerify: c.SkipVerify,
		Pin: c.Pins[address], Timeout: c.Timeout,
	}
	u, err := url.Parse(address)
	if err != nil || strings.TrimSpace(address) == "" {
		return t, fmt.Errorf("the address %q: it is no URL", clean.Clean(address))
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return t, fmt.Errorf("the address %q: only scheme, host, port and path may be in it", clean.Clean(u.Redacted()))
	}
	here := loopback(u.Hostname())
	switch {
	case u.Scheme == "unix":
		here = true
	case u.Scheme != "https" && u.Scheme != "http" || u.Host == "":
		return t, fmt.Errorf("the address %q: it does not begin with https://, http:// or unix://", clean.Clean(address))
	case u.Scheme == "http" && (!here || c.Proxy != "") && !c.Practice:
		return t, fmt.Errorf("%w: %q: plain http sends shares and tokens in the open; use https", ErrUnsafe, clean.Clean(address))
	}
	if c.SkipVerify && (!here || c.Proxy != "") && !c.Practice {
		return t, fmt.Errorf("%w: %q: the certificate is not to be checked, so anybody could be the server", ErrUnsafe, clean.Clean(address))
	}
	if u.Scheme == "unix" && c.Proxy != "" {
		return t, fmt.Errorf("%w: %q: there is no proxy to a unix socket", ErrUnsafe, clean.Clean(address))
	}
	if c.Proxy != "" {
		p, err := url.Parse(c.Proxy)
		if err != nil || p.Host == "" || p.Scheme != "http" && p.Scheme != "socks5" {
			return t, errors.New("the proxy: it is no URL that begins with http:// or socks5://")
		}
	}
	return t, nil
}

// loopback tells whether a host is this machine by its very name. A name that
// only resolves to it can be made to resolve to another.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
