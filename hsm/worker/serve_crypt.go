//go:build cgo

package worker

import (
	"github.com/miekg/pkcs11"

	"conclave/hsm/secret"
)

// mostOut is the longest result: an RSA key of 8192 bits makes 1024 bytes.
const mostOut = 1536

// mechanism reads a mechanism that this package gives parameters to.
func (u *unpacker) mechanism() Mechanism {
	m := Mechanism{Type: uint(u.num()), IV: u.bytes(), Hash: uint(u.num()), MGF: uint(u.num())}
	size := u.num()
	m.Size = mostOut
	if size > 0 {
		m.Size = int(min(size, mostOut))
	}
	want := map[uint]int{MechanismAESGCM: 12, MechanismAESCBC: 16, MechanismAESCBCPad: 16, MechanismRSAOAEP: 0}
	if n, ok := want[m.Type]; !ok || len(m.IV) != n {
		u.bad = true
	}
	return m
}

func (s *server) encrypt(u *unpacker, p *packer) error {
	h := Handle{u.num(), u.num()}
	m := u.mechanism()
	plain := u.bytes()
	if err := u.done(); err != nil {
		return err
	}
	return s.m.useObject(h, func(sh pkcs11.SessionHandle, o pkcs11.ObjectHandle) error {
		out := make([]byte, m.Size)
		n, err := encrypting.do(s.m.ctx, sh, o, m, plain, out)
		if err != nil {
			return err
		}
		p.bytes(out[:n])
		p.bytes(m.IV)
		return nil
	})
}

func (s *server) decrypt(u *unpacker, p *packer) error {
	h := Handle{u.num(), u.num()}
	m := u.mechanism()
	data := u.bytes()
	if err := u.done(); err != nil {
		return err
	}
	return s.m.useObject(h, func(sh pkcs11.SessionHandle, o pkcs11.ObjectHandle) error {
		out := secret.New(m.Size)
		defer out.Wipe()
		// Not inside secret.Do: with runtime/secret, a call into C crashes there
		// (Go 1.26). The packer's copy leaves nothing in vector registers.
		n, err := decrypting.do(s.m.ctx, sh, o, m, data, out.Expose())
		if err != nil {
			return err
		}
		p.bytes(out.Expose()[:n])
		return nil
	})
}

// mac is C_Sign with CKM_SHA256_HMAC. C_Verify is not used: some tokens accept
// a MAC of one byte.
func (s *server) mac(u *unpacker, p *packer) error {
	h := Handle{u.num(), u.num()}
	data := u.bytes()
	if err := u.done(); err != nil {
		return err
	}
	return s.m.useObject(h, func(sh pkcs11.SessionHandle, o pkcs11.ObjectHandle) error {
		out := make([]byte, mostOut)
		n, err := signing.do(s.m.ctx, sh, o, Mechanism{Type: MechanismSHA256HMAC}, data, out)
		if err != nil {
			return err
		}
		p.bytes(out[:n])
		return nil
	})
}
