//go:build cgo

package worker

import "github.com/miekg/pkcs11"

// write opens a read-write session for one call. Until end, no other call can
// log out.
func (m *module) write() (sh pkcs11.SessionHandle, end func(), err error) {
	m.mu.RLock()
	if !m.in {
		m.mu.RUnlock()
		return 0, nil, ErrNotLoggedIn
	}
	if sh, err = m.ctx.OpenSession(m.slot, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION); err != nil {
		m.mu.RUnlock()
		return 0, nil, fault("C_OpenSession", err)
	}
	return sh, func() {
		_ = m.ctx.CloseSession(sh)
		m.mu.RUnlock()
	}, nil
}

// generate makes a key in a read-write session of its own.
func (s *server) generate(u *unpacker) error {
	kind, bits, label, id := uint(u.num()), uint(u.num()), u.str(), u.bytes()
	if err := u.done(); err != nil {
		return err
	}
	m := s.m
	sh, end, err := m.write()
	if err != nil {
		return err
	}
	defer end()
	both := func(class, keyType uint, more ...*pkcs11.Attribute) []*pkcs11.Attribute {
		return append([]*pkcs11.Attribute{
			pkcs11.NewAttribute(pkcs11.CKA_CLASS, class),
			pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, keyType),
			pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true),
			pkcs11.NewAttribute(pkcs11.CKA_LABEL, label),
			pkcs11.NewAttribute(pkcs11.CKA_ID, id),
		}, more...)
	}
	hidden := []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_PRIVATE, true),
		pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, true),
		pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, false),
	}
	if kind != KeyTypeGeneric {
		hidden = append(hidden, pkcs11.NewAttribute(pkcs11.CKA_DECRYPT, true))
	}
	switch kind {
	case KeyTypeGeneric:
		template := append(both(pkcs11.CKO_SECRET_KEY, pkcs11.CKK_GENERIC_SECRET,
			pkcs11.NewAttribute(pkcs11.CKA_VALUE_LEN, bits/8),
			pkcs11.NewAttribute(pkcs11.CKA_SIGN, true),
			pkcs11.NewAttribute(pkcs11.CKA_VERIFY, true)), hidden...)
		_, err = m.ctx.GenerateKey(sh, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_GENERIC_SECRET_KEY_GEN, nil)}, template)
		return fault("C_GenerateKey", err)
	case KeyTypeAES:
		template := append(both(pkcs11.CKO_SECRET_KEY, pkcs11.CKK_AES,
			pkcs11.NewAttribute(pkcs11.CKA_VALUE_LEN, bits/8),
			pkcs11.NewAttribute(pkcs11.CKA_ENCRYPT, true)), hidden...)
		_, err = m.ctx.GenerateKey(sh, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_AES_KEY_GEN, nil)}, template)
		return fault("C_GenerateKey", err)
	case KeyTypeRSA:
		public := both(pkcs11.CKO_PUBLIC_KEY, pkcs11.CKK_RSA,
			pkcs11.NewAttribute(pkcs11.CKA_MODULUS_BITS, bits),
			pkcs11.NewAttribute(pkcs11.CKA_PUBLIC_EXPONENT, []byte{1, 0, 1}),
			pkcs11.NewAttribute(pkcs11.CKA_ENCRYPT, true))
		private := append(both(pkcs11.CKO_PRIVATE_KEY, pkcs11.CKK_RSA), hidden...)
		_, _, err = m.ctx.GenerateKeyPair(sh, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_RSA_PKCS_KEY_PAIR_GEN, nil)}, public, private)
		return fault("C_GenerateKeyPair", err)
	}
	return errBad
}

// createData makes a data object in a read-write session of its own.
func (s *server) createData(u *unpacker) error {
	application, label, value := u.str(), u.str(), u.bytes()
	if err := u.done(); err != nil {
		return err
	}
	m := s.m
	sh, end, err := m.write()
	if err != nil {
		return err
	}
	defer end()
	_, err = m.ctx.CreateObject(sh, []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_DATA),
		pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true),
		pkcs11.NewAttribute(pkcs11.CKA_PRIVATE, true),
		pkcs11.NewAttribute(pkcs11.CKA_LABEL, label),
		pkcs11.NewAttribute(pkcs11.CKA_APPLICATION, application),
		pkcs11.NewAttribute(pkcs11.CKA_VALUE, value),
	})
	return fault("C_CreateObject", err)
}

// destroy destroys one object in a read-write session of its own.
func (s *server) destroy(u *unpacker) error {
	h := Handle{u.num(), u.num()}
	if err := u.done(); err != nil {
		return err
	}
	m := s.m
	sh, end, err := m.write()
	if err != nil {
		return err
	}
	defer end()
	if h.gen != m.gen {
		return ErrStale
	}
	return fault("C_DestroyObject", m.ctx.DestroyObject(sh, pkcs11.ObjectHandle(h.object)))
}

// initToken makes a token and its user PIN.
func (s *server) initToken(u *unpacker) error {
	m := s.m
	m.mu.Lock()
	defer m.mu.Unlock()
	slot, label, officer, user := uint(u.num()), u.str(), u.bytes(), u.bytes()
	if err := s.loaded(u); err != nil {
		return err
	}
	m.leave()
	if err := m.ctx.InitToken(slot, borrow(officer), label); err != nil {
		return fault("C_InitToken", err)
	}
	sh, err := m.ctx.OpenSession(slot, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	if err != nil {
		return fault("C_OpenSession", err)
	}
	defer func() { _ = m.ctx.CloseSession(sh) }()
	if err := m.ctx.Login(sh, pkcs11.CKU_SO, borrow(officer)); err != nil {
		return fault("C_Login", err)
	}
	defer func() { _ = m.ctx.Logout(sh) }()
	return fault("C_InitPIN", m.ctx.InitPIN(sh, borrow(user)))
}
