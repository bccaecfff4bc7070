package signature

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // old authorities name their certificate by it; the signature is never by it
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"math/big"
)

// signedBy finds the signer's certificate.
func (p *parsed) signedBy(certs []*x509.Certificate) *x509.Certificate {
	var id struct {
		Issuer asn1.RawValue
		Serial *big.Int
	}
	byIssuer := whole(p.signer.ID.FullBytes, &id) == nil
	for _, c := range certs {
		switch {
		case byIssuer && bytes.Equal(c.RawIssuer, id.Issuer.FullBytes) && c.SerialNumber.Cmp(id.Serial) == 0,
			!byIssuer && p.signer.ID.Tag == 0 && len(c.SubjectKeyId) > 0 && bytes.Equal(c.SubjectKeyId, p.signer.ID.Bytes):
			return c
		}
	}
	return nil
}

// names tells whether the signed attributes name this certificate: another one
// of the same key may not stand in for it (RFC 3161, 2.4.2; RFC 5816).
func (p *parsed) names(c *x509.Certificate) bool {
	var v1 struct {
		Certs []struct {
			Hash   []byte
			Issuer asn1.RawValue `asn1:"optional"`
		}
		Policies asn1.RawValue `asn1:"optional"`
	}
	if p.one(oidCertificate, &v1) {
		sum := sha1.Sum(c.Raw) //nolint:gosec // as above
		return len(v1.Certs) > 0 && bytes.Equal(v1.Certs[0].Hash, sum[:])
	}
	var v2 struct {
		Certs    []asn1.RawValue
		Policies asn1.RawValue `asn1:"optional"`
	}
	if !p.one(oidCertV2, &v2) || len(v2.Certs) == 0 {
		return false
	}
	return namesV2(v2.Certs[0], c)
}

// namesV2 reads one ESSCertIDv2, whose hash is SHA-256 unless it says another.
func namesV2(raw asn1.RawValue, c *x509.Certificate) bool {
	which := 0
	rest := raw.Bytes
	var a pkix.AlgorithmIdentifier
	if more, err := asn1.Unmarshal(rest, &a); err == nil {
		var ok bool
		if which, ok = hashOf(a.Algorithm); !ok {
			return false
		}
		rest = more
	}
	var hash []byte
	if _, err := asn1.Unmarshal(rest, &hash); err != nil {
		return false
	}
	h := hashes[which].hash.New()
	h.Write(c.Raw)
	return bytes.Equal(hash, h.Sum(nil))
}

// leads tells whether Trust's certificates lead to one that is for time-stamps
// and was valid at the time that it gives.
func (t *Trust) leads(c *x509.Certificate, p *parsed) bool {
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	for _, r := range t.certs {
		roots.AddCert(r)
	}
	for _, b := range p.certs {
		between.AddCert(b)
	}
	_, err := c.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: p.info.Time, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping}})
	return err == nil
}

// addCertificates reads certificates in PEM, and nothing else.
func (t *Trust) addCertificates(data []byte) error {
	for len(bytes.TrimSpace(data)) > 0 {
		var b *pem.Block
		if b, data = pem.Decode(data); b == nil || b.Type != "CERTIFICATE" {
			return errors.New("it is no list of certificates")
		}
		c, err := x509.ParseCertificate(b.Bytes)
		if err != nil {
			return errors.New("a certificate in it cannot be read")
		}
		t.certs = append(t.certs, c)
	}
	return nil
}
