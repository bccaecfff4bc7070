package command

import (
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"conclave/assets/clean"
	"conclave/ceremony/plan"
	"conclave/vaultstate"
	"conclave/vaultstate/server"
)

// maxClientKey is more than any private key in PEM takes.
const maxClientKey = 64 << 10

// inBytes are the variables that hold a certificate or key itself. A key is not
// taken from there: whoever reads the environment would have it.
var inBytes = []string{"CLIENT_CERT_BYTES", "CLIENT_KEY_BYTES"}

// identity reads the certificate that shows the server who we are, and its key.
// No error has a name in it that somebody said: it could be the key itself.
func (t *serverTarget) identity(environ []string, cert, keyFile string) error {
	for _, e := range environ {
		name, value, _ := strings.Cut(e, "=")
		for _, end := range inBytes {
			if value != "" && (name == "BAO_"+end || name == "VAULT_"+end) {
				return usage("environment %s: a client's certificate and key are taken from files only. Nothing was touched; unset it, and name the files with -client-cert and -client-key.", name)
			}
		}
	}
	switch {
	case cert == "" && keyFile == "":
		return nil
	case cert == "":
		return usage("-client-cert: there is a key, -client-key, and no certificate. Nothing was touched; say both or none.")
	case keyFile == "":
		return usage("-client-key: there is a certificate, -client-cert, and no key. Nothing was touched; say both or none.")
	}
	text, _, err := readFile(cert, maxConfig)
	if err != nil {
		return usage("-client-cert: the file that is named there, or in *_CLIENT_CERT, cannot be read (%s). Nothing was touched.", whyNot(err))
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "CERTIFICATE" {
		return usage("-client-cert: the file does not begin with a certificate in PEM. Nothing was touched.")
	}
	t.values = append(t.values, plan.Value{Name: "client-cert", Text: "SHA-256 " + sha256Hex(block.Bytes), Source: "of the certificate"})
	key, info, err := readSecret(keyFile, maxClientKey)
	if err != nil {
		return usage("-client-key: the file that is named there, or in *_CLIENT_KEY, cannot be read (%s). Nothing was touched.", whyNot(err))
	}
	t.config.ClientCert, t.config.ClientKey = text, key
	if mode := info.Mode().Perm(); mode&0o007 != 0 {
		return usage("-client-key: everybody on this machine can read or write the file (mode %04o). It was not used; chmod 600 it, and think of who has read it.", mode)
	}
	if key.Len() == 0 {
		return usage("-client-key: the file is empty. Nothing was touched.")
	}
	return nil
}

// whyNot leaves the file's name out.
func whyNot(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return "it is no regular file, or too large"
}

// readCAPath reads who vouches for the server.
func (t *serverTarget) readCAPath() error {
	c := &t.config
	if c.CAPath == "" || len(c.CA) > 0 {
		return nil
	}
	all, err := server.ReadCAPath(c.CAPath)
	if err != nil {
		return usage("*_CAPATH: %v. Nothing was touched.", err)
	}
	c.CA = all
	t.values = append(t.values, plan.Value{Name: "ca-path", Text: "SHA-256 " + sha256Hex(all), Source: "of its files"})
	return nil
}

// pin has each address show the certificate that is named for it: the server's
// first, then those of further nodes.
func (t *serverTarget) pin(certificates string) error {
	if certificates == "" {
		return nil
	}
	t.plan.Certificates = strings.Split(certificates, ",")
	t.config.Pins = map[string]vaultstate.Digest{}
	addresses := t.plan.Addresses()
	for i, c := range t.plan.Certificates {
		sum, err := digestOf(c)
		switch {
		case err != nil:
			return err
		case i >= len(addresses):
			return fmt.Errorf("it names %d certificates, and there are %d addresses", len(t.plan.Certificates), len(addresses))
		}
		if was, twice := t.config.Pins[addresses[i]]; twice && was != sum {
			return fmt.Errorf("it names two certificates for %s", clean.Clean(addresses[i]))
		}
		t.config.Pins[addresses[i]] = sum
	}
	return nil
}

func digestOf(text string) (d vaultstate.Digest, err error) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != len(d) {
		return d, errors.New("it is not 64 hex digits")
	}
	copy(d[:], b)
	if d == (vaultstate.Digest{}) {
		return d, errors.New("no key has this SHA-256")
	}
	return d, nil
}
