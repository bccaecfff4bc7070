//go:build cgo

package reader

import (
	"crypto/rsa"
	"fmt"
	"math/big"

	"github.com/miekg/pkcs11"
)

// PublicKey reads the public half of an RSA key out of a token, as anybody can:
// without a PIN.
func PublicKey(lib, conf, tokenLabel, label string) (*rsa.PublicKey, error) {
	p, closed, err := Key{Lib: lib, Conf: conf}.open()
	if err != nil {
		return nil, err
	}
	defer closed()
	slots, err := p.GetSlotList(true)
	if err != nil {
		return nil, fmt.Errorf("listing slots: %w", err)
	}
	for _, slot := range slots {
		if info, err := p.GetTokenInfo(slot); err != nil || info.Label != tokenLabel {
			continue
		}
		session, err := p.OpenSession(slot, pkcs11.CKF_SERIAL_SESSION)
		if err != nil {
			return nil, fmt.Errorf("opening a session: %w", err)
		}
		if err := p.FindObjectsInit(session, []*pkcs11.Attribute{
			pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PUBLIC_KEY), pkcs11.NewAttribute(pkcs11.CKA_LABEL, label),
		}); err != nil {
			return nil, fmt.Errorf("looking for the key: %w", err)
		}
		found, _, err := p.FindObjects(session, 2)
		if err != nil || len(found) != 1 {
			return nil, fmt.Errorf("found %d public keys %q: %w", len(found), label, err)
		}
		a, err := p.GetAttributeValue(session, found[0], []*pkcs11.Attribute{
			pkcs11.NewAttribute(pkcs11.CKA_MODULUS, nil), pkcs11.NewAttribute(pkcs11.CKA_PUBLIC_EXPONENT, nil)})
		if err != nil {
			return nil, fmt.Errorf("reading the public key: %w", err)
		}
		return &rsa.PublicKey{N: new(big.Int).SetBytes(a[0].Value), E: int(new(big.Int).SetBytes(a[1].Value).Int64())}, nil
	}
	return nil, fmt.Errorf("no token %q", tokenLabel)
}
