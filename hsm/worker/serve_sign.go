//go:build cgo

package worker

import "github.com/miekg/pkcs11"

// mechanismEdwardsPair is CKM_EC_EDWARDS_KEY_PAIR_GEN of PKCS#11 3.0, which the
// binding does not name.
const mechanismEdwardsPair = 0x1055

// sign signs public data. A mechanism that hashes or takes parameters is refused.
func (s *server) sign(u *unpacker, p *packer) error {
	h := Handle{u.num(), u.num()}
	kind, data := uint(u.num()), u.bytes()
	if err := u.done(); err != nil {
		return err
	}
	if kind != MechanismEdDSA && kind != MechanismECDSA {
		return errBad
	}
	return s.m.useObject(h, func(sh pkcs11.SessionHandle, o pkcs11.ObjectHandle) error {
		if err := s.m.ctx.SignInit(sh, []*pkcs11.Mechanism{pkcs11.NewMechanism(kind, nil)}, o); err != nil {
			return fault("C_SignInit", err)
		}
		out, err := s.m.ctx.Sign(sh, data)
		p.bytes(out)
		return fault("C_Sign", err)
	})
}

// generatePair makes a pair that signs, in a read-write session of its own.
func (s *server) generatePair(u *unpacker) error {
	kind, params, label, id := uint(u.num()), u.bytes(), u.str(), u.bytes()
	if err := u.done(); err != nil {
		return err
	}
	how := map[uint]uint{KeyTypeEC: pkcs11.CKM_EC_KEY_PAIR_GEN, KeyTypeEdwards: mechanismEdwardsPair}[kind]
	if how == 0 {
		return errBad
	}
	m := s.m
	sh, end, err := m.write()
	if err != nil {
		return err
	}
	defer end()
	both := func(class uint, more ...*pkcs11.Attribute) []*pkcs11.Attribute {
		return append([]*pkcs11.Attribute{
			pkcs11.NewAttribute(pkcs11.CKA_CLASS, class),
			pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, kind),
			pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true),
			pkcs11.NewAttribute(pkcs11.CKA_LABEL, label),
			pkcs11.NewAttribute(pkcs11.CKA_ID, id),
		}, more...)
	}
	public := both(pkcs11.CKO_PUBLIC_KEY,
		pkcs11.NewAttribute(pkcs11.CKA_EC_PARAMS, params),
		pkcs11.NewAttribute(pkcs11.CKA_VERIFY, true))
	private := both(pkcs11.CKO_PRIVATE_KEY,
		pkcs11.NewAttribute(pkcs11.CKA_PRIVATE, true),
		pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, true),
		pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, false),
		pkcs11.NewAttribute(pkcs11.CKA_SIGN, true))
	_, _, err = m.ctx.GenerateKeyPair(sh, []*pkcs11.Mechanism{pkcs11.NewMechanism(how, nil)}, public, private)
	return fault("C_GenerateKeyPair", err)
}
