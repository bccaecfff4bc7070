package signature

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"
)

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
