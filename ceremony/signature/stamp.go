package signature

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // old authorities name their certificate by it; the signature is never by it
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"slices"
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

// The parts of RFC 3161 and of RFC 5652 that an answer consists of. DER only.
type (
	imprint struct {
		Algorithm pkix.AlgorithmIdentifier
		Digest    []byte
	}
	query struct {
		Version int
		Imprint imprint
		Certs   bool
	}
	answer struct {
		Status struct {
			Status int
			Text   asn1.RawValue  `asn1:"optional"`
			Fail   asn1.BitString `asn1:"optional"`
		}
		Token asn1.RawValue `asn1:"optional"`
	}
	contentInfo struct {
		Type    asn1.ObjectIdentifier
		Content signedData `asn1:"explicit,tag:0"`
	}
	signedData struct {
		Version int
		Digests []pkix.AlgorithmIdentifier `asn1:"set"`
		Content struct {
			Type asn1.ObjectIdentifier
			Data []byte `asn1:"explicit,tag:0"`
		}
		Certs   asn1.RawValue `asn1:"optional,tag:0"`
		CRLs    asn1.RawValue `asn1:"optional,tag:1"`
		Signers []signerInfo  `asn1:"set"`
	}
	signerInfo struct {
		Version    int
		ID         asn1.RawValue
		Digest     pkix.AlgorithmIdentifier
		Attributes asn1.RawValue `asn1:"tag:0"`
		Algorithm  pkix.AlgorithmIdentifier
		Signature  []byte
		Unsigned   asn1.RawValue `asn1:"optional,tag:1"`
	}
	attribute struct {
		Type   asn1.ObjectIdentifier
		Values asn1.RawValue `asn1:"set"`
	}
	tstInfo struct {
		Version  int
		Policy   asn1.ObjectIdentifier
		Imprint  imprint
		Serial   *big.Int
		Time     time.Time `asn1:"generalized"`
		Accuracy struct {
			Seconds int `asn1:"optional"`
			Millis  int `asn1:"optional,tag:0"`
			Micros  int `asn1:"optional,tag:1"`
		} `asn1:"optional"`
		Ordering   bool             `asn1:"optional"`
		Nonce      *big.Int         `asn1:"optional"`
		Authority  asn1.RawValue    `asn1:"optional,explicit,tag:0"`
		Extensions []pkix.Extension `asn1:"optional,tag:1"`
	}
)

var (
	oidSignedData  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}
	oidTSTInfo     = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 4}
	oidContentType = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 3}
	oidDigest      = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 4}
	oidCertificate = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 12}
	oidCertV2      = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 47}

	hashes = []struct {
		oid  asn1.ObjectIdentifier
		hash crypto.Hash
		rsa  x509.SignatureAlgorithm
		ec   x509.SignatureAlgorithm
	}{
		{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}, crypto.SHA256, x509.SHA256WithRSA, x509.ECDSAWithSHA256},
		{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 2}, crypto.SHA384, x509.SHA384WithRSA, x509.ECDSAWithSHA384},
		{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 3}, crypto.SHA512, x509.SHA512WithRSA, x509.ECDSAWithSHA512},
	}

	oidRSA = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1}
	oidPSS = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 10}

	errStamp = errors.New("it is no answer of a time-stamping authority (RFC 3161)")
)

func hashOf(oid asn1.ObjectIdentifier) (int, bool) {
	for i, h := range hashes {
		if h.oid.Equal(oid) && h.hash.Available() {
			return i, true
		}
	}
	return 0, false
}

// StampQuery asks an authority for an answer over a message, with its
// certificate. It names no number of its own: the message is the only one.
func StampQuery(message []byte) ([]byte, error) {
	sum := sha256.Sum256(message)
	return asn1.Marshal(query{Version: 1, Imprint: imprint{pkix.AlgorithmIdentifier{Algorithm: hashes[0].oid, Parameters: asn1.NullRawValue}, sum[:]}, Certs: true})
}

// parsed is an answer taken apart.
type parsed struct {
	info    tstInfo
	raw     []byte // of info
	signer  signerInfo
	certs   []*x509.Certificate
	cert    *x509.Certificate // of the signer, nil if it did not come along
	attrs   []byte            // as they are signed
	content []attribute
}

// whole decodes all of b.
func whole(b []byte, into any) error {
	if rest, err := asn1.Unmarshal(b, into); err != nil || len(rest) > 0 {
		return errStamp
	}
	return nil
}

func parseStamp(b []byte) (*parsed, error) {
	var a answer
	if len(b) > MaxFile {
		return nil, errStamp
	}
	if err := whole(b, &a); err != nil {
		return nil, err
	}
	if a.Status.Status != 0 && a.Status.Status != 1 {
		return nil, fmt.Errorf("the authority refused (status %d): there is no time in its answer", a.Status.Status)
	}
	var c contentInfo
	if err := whole(a.Token.FullBytes, &c); err != nil {
		return nil, err
	}
	d := c.Content
	if !c.Type.Equal(oidSignedData) || !d.Content.Type.Equal(oidTSTInfo) || len(d.Signers) != 1 {
		return nil, errStamp
	}
	p := &parsed{raw: d.Content.Data, signer: d.Signers[0]}
	if err := whole(p.raw, &p.info); err != nil {
		return nil, err
	}
	if p.info.Version != 1 || slices.ContainsFunc(p.info.Extensions, func(e pkix.Extension) bool { return e.Critical }) {
		return nil, errStamp
	}
	if len(d.Certs.Bytes) > 0 {
		var err error
		if p.certs, err = x509.ParseCertificates(d.Certs.Bytes); err != nil {
			return nil, errStamp
		}
	}
	// Signed is the SET itself, not what stands in for its tag.
	p.attrs = bytes.Clone(p.signer.Attributes.FullBytes)
	if len(p.attrs) == 0 {
		return nil, errStamp
	}
	p.attrs[0] = 0x31
	if rest, err := asn1.UnmarshalWithParams(p.attrs, &p.content, "set"); err != nil || len(rest) > 0 {
		return nil, errStamp
	}
	p.cert = p.signedBy(p.certs)
	return p, nil
}

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

// one is the single value of a signed attribute, decoded.
func (p *parsed) one(oid asn1.ObjectIdentifier, into any) bool {
	var found []attribute
	for _, a := range p.content {
		if a.Type.Equal(oid) {
			found = append(found, a)
		}
	}
	return len(found) == 1 && whole(found[0].Values.Bytes, into) == nil
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
