package signature

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"time"

	"conclave/assets/clean"
)

// RFC3161 is an answer of a time-stamping authority. It is no person's signature.
const RFC3161 Kind = "RFC 3161"

// IsStamp tells an answer of a time-stamping authority from signatures.
func IsStamp(b []byte) bool { return len(b) > 0 && b[0] == 0x30 }

// Stamp is what an authority says: that it saw the checkpoint at a time.
type Stamp struct {
	Time      time.Time
	Authority string // its name in the answer, or in Trust's certificates
	Trusted   bool   // the signature is good, and Trust's certificates lead to it
}

// StampQuery asks an authority for an answer over a message, with its
// certificate. It names no number of its own: the message is the only one.
func StampQuery(message []byte) ([]byte, error) {
	sum := sha256.Sum256(message)
	return asn1.Marshal(query{Version: 1, Imprint: imprint{pkix.AlgorithmIdentifier{Algorithm: hashes[0].oid, Parameters: asn1.NullRawValue}, sum[:]}, Certs: true})
}

// check checks the signature with a certificate.
func (p *parsed) check(c *x509.Certificate) error {
	bad := errors.New("the authority's signature is not good")
	i, ok := hashOf(p.signer.Digest.Algorithm)
	if !ok {
		return errors.New("the authority signs with a hash that is not taken here")
	}
	h := hashes[i].hash.New()
	h.Write(p.raw)
	var kind asn1.ObjectIdentifier
	var sum []byte
	if !p.one(oidContentType, &kind) || !kind.Equal(oidTSTInfo) || !p.one(oidDigest, &sum) || !bytes.Equal(sum, h.Sum(nil)) || !p.names(c) {
		return bad
	}
	algorithm := x509.UnknownSignatureAlgorithm
	switch c.PublicKey.(type) {
	case *rsa.PublicKey:
		if oid := p.signer.Algorithm.Algorithm; len(oid) == len(oidRSA)+1 && oid[:len(oidRSA)].Equal(oidRSA) && !oid.Equal(oidPSS) {
			algorithm = hashes[i].rsa
		}
	case *ecdsa.PublicKey:
		algorithm = hashes[i].ec
	case ed25519.PublicKey:
		algorithm = x509.PureEd25519
	}
	if algorithm == x509.UnknownSignatureAlgorithm {
		return errors.New("the authority signs in a way that is not taken here")
	}
	if c.CheckSignature(algorithm, p.attrs, p.signer.Signature) != nil {
		return bad
	}
	return nil
}

// authority is the name that the answer gives.
func (p *parsed) authority() string {
	if p.cert != nil {
		return named(p.cert.Subject)
	}
	// A GeneralName of the kind directoryName.
	var rdn pkix.RDNSequence
	if p.info.Authority.Tag == 0 && len(p.info.Authority.Bytes) > 0 {
		var inner asn1.RawValue
		if whole(p.info.Authority.Bytes, &inner) == nil && inner.Tag == 4 && whole(inner.Bytes, &rdn) == nil {
			var n pkix.Name
			n.FillFromRDNSequence(&rdn)
			return named(n)
		}
	}
	return "without a name"
}

func named(n pkix.Name) string {
	name := n.CommonName
	if name == "" {
		name = n.String()
	}
	if len(n.Organization) > 0 && n.Organization[0] != name {
		name += ", " + n.Organization[0]
	}
	return clean.Cut(name, 120)
}

// CheckStamp checks an answer over message. The error is ErrWrong if it is of
// another text, and another one if the answer is none or not good. One whose
// authority Trust does not name is no error.
func (t *Trust) CheckStamp(message, b []byte) (Stamp, error) {
	p, err := parseStamp(b)
	if err != nil {
		return Stamp{}, err
	}
	i, ok := hashOf(p.info.Imprint.Algorithm.Algorithm)
	if !ok {
		return Stamp{}, errors.New("the answer is over a hash that is not taken here: ask with SHA-256")
	}
	h := hashes[i].hash.New()
	h.Write(message)
	s := Stamp{Time: p.info.Time.UTC(), Authority: p.authority()}
	if !bytes.Equal(h.Sum(nil), p.info.Imprint.Digest) {
		return s, ErrWrong
	}
	cert := p.cert
	if cert == nil {
		cert = p.signedBy(t.certs)
	}
	if cert == nil {
		return s, nil // only the certificate can tell
	}
	if err := p.check(cert); err != nil {
		return s, err
	}
	if len(t.certs) > 0 && t.leads(cert, p) {
		s.Authority, s.Trusted = named(cert.Subject), true
	}
	return s, nil
}
