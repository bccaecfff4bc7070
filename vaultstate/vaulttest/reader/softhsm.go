//go:build cgo

package reader

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/miekg/pkcs11"
)

// Key says which key of which token unwraps, and how.
type Key struct {
	Lib, Conf, TokenLabel, PIN string // Conf is the library's configuration file
	Label                      string
	RSA                        bool // RSA-OAEP with SHA-1; else AES-GCM
	CBC                        uint // AES-CBC with an HMAC: 0x1082 or 0x1085
	MACLabel                   string
}

// one is held while the library is in use: it is loaded into this process, and
// finds its configuration in the environment.
var one sync.Mutex

// open loads the library. The second result unloads it.
func (k Key) open() (*pkcs11.Ctx, func(), error) {
	const name = "SOFTHSM2_CONF"
	one.Lock()
	before, was := os.LookupEnv(name)
	_ = os.Setenv(name, k.Conf)
	release := func() {
		if _ = os.Unsetenv(name); was {
			_ = os.Setenv(name, before)
		}
		one.Unlock()
	}
	p := pkcs11.New(k.Lib)
	if p == nil {
		release()
		return nil, nil, fmt.Errorf("loading %s", k.Lib)
	}
	if err := p.Initialize(); err != nil {
		p.Destroy()
		release()
		return nil, nil, fmt.Errorf("initialising the token: %w", err)
	}
	return p, func() {
		_ = p.Finalize()
		p.Destroy()
		release()
	}, nil
}

// SoftHSM calls use with a function that unwraps with the token's key. Another
// call waits until this one is done.
func SoftHSM(k Key, use func(Unwrap) error) error {
	p, closed, err := k.open()
	if err != nil {
		return err
	}
	defer closed()
	slots, err := p.GetSlotList(true)
	if err != nil {
		return fmt.Errorf("listing slots: %w", err)
	}
	for _, slot := range slots {
		if info, err := p.GetTokenInfo(slot); err != nil || info.Label != k.TokenLabel {
			continue
		}
		session, err := p.OpenSession(slot, pkcs11.CKF_SERIAL_SESSION)
		if err != nil {
			return fmt.Errorf("opening a session: %w", err)
		}
		if err := p.Login(session, pkcs11.CKU_USER, k.PIN); err != nil {
			return fmt.Errorf("logging in: %w", err)
		}
		return use(func(blob []byte) ([]byte, error) { return k.unwrap(p, session, blob) })
	}
	return fmt.Errorf("no token %q", k.TokenLabel)
}

func (k Key) unwrap(p *pkcs11.Ctx, s pkcs11.SessionHandle, blob []byte) ([]byte, error) {
	fields, err := protobuf(blob)
	if err != nil {
		return nil, err
	}
	if k.CBC != 0 {
		return k.unwrapCBC(p, s, fields)
	}
	class := uint(pkcs11.CKO_SECRET_KEY)
	mechanism := pkcs11.NewMechanism(pkcs11.CKM_RSA_PKCS_OAEP,
		pkcs11.NewOAEPParams(pkcs11.CKM_SHA_1, pkcs11.CKG_MGF1_SHA1, pkcs11.CKZ_DATA_SPECIFIED, nil))
	if k.RSA {
		class = pkcs11.CKO_PRIVATE_KEY
	} else {
		gcm := pkcs11.NewGCMParams(fields[2], nil, 128)
		defer gcm.Free()
		mechanism = pkcs11.NewMechanism(pkcs11.CKM_AES_GCM, gcm)
	}
	key, err := find(p, s, class, k.Label)
	if err != nil {
		return nil, err
	}
	if err := p.DecryptInit(s, []*pkcs11.Mechanism{mechanism}, key); err != nil {
		return nil, err
	}
	return p.Decrypt(s, fields[1])
}

func find(p *pkcs11.Ctx, s pkcs11.SessionHandle, class uint, label string) (pkcs11.ObjectHandle, error) {
	if err := p.FindObjectsInit(s, []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, class), pkcs11.NewAttribute(pkcs11.CKA_LABEL, label),
	}); err != nil {
		return 0, err
	}
	found, _, err := p.FindObjects(s, 2)
	if ferr := p.FindObjectsFinal(s); err == nil {
		err = ferr
	}
	if err != nil || len(found) != 1 {
		return 0, fmt.Errorf("found %d keys %q: %w", len(found), label, err)
	}
	return found[0], nil
}

// protobuf returns the fields of a message that are bytes, by number. Numbers
// are passed over.
func protobuf(b []byte) (map[uint64][]byte, error) {
	fields := map[uint64][]byte{}
	for len(b) > 0 {
		tag, n := binary.Uvarint(b)
		if n <= 0 {
			return nil, errors.New("a malformed message")
		}
		b = b[n:]
		v, n := binary.Uvarint(b)
		if n <= 0 {
			return nil, errors.New("a malformed message")
		}
		b = b[n:]
		switch tag & 7 {
		case 0:
		case 2:
			if v > uint64(len(b)) {
				return nil, errors.New("a malformed message")
			}
			fields[tag>>3], b = b[:v], b[v:]
		default:
			return nil, errors.New("a malformed message")
		}
	}
	return fields, nil
}
