//go:build cgo

package worker

import (
	"fmt"
	"slices"

	"github.com/miekg/pkcs11"
)

// The requests, in the child: each reads its fields, refuses what does not
// parse, calls the library and packs the answer.

func (s *server) load(u *unpacker, p *packer) error {
	path := u.str()
	if err := u.done(); err != nil {
		return err
	}
	l, err := s.m.load(path)
	if err != nil {
		return err
	}
	for _, v := range []string{l.Path, l.Manufacturer, l.Description, l.Version} {
		p.str(v)
	}
	return nil
}

// loaded refuses what comes before load.
func (s *server) loaded(u *unpacker) error {
	if err := u.done(); err != nil {
		return err
	}
	if s.m.ctx == nil {
		return errBad
	}
	return nil
}

func (s *server) slots(u *unpacker, p *packer) error {
	s.m.mu.RLock()
	defer s.m.mu.RUnlock()
	from := u.num()
	if err := s.loaded(u); err != nil {
		return err
	}
	slots, err := s.m.ctx.GetSlotList(true)
	if err != nil {
		return fault("C_GetSlotList", err)
	}
	slots = slots[min(from, uint64(len(slots))):]
	slots = slots[:min(len(slots), maxSlots)]
	p.num(uint64(len(slots)))
	for _, slot := range slots {
		p.num(uint64(slot))
	}
	return nil
}

func (s *server) token(u *unpacker, p *packer) error {
	s.m.mu.RLock()
	defer s.m.mu.RUnlock()
	slot := uint(u.num())
	if err := s.loaded(u); err != nil {
		return err
	}
	i, err := s.m.ctx.GetTokenInfo(slot)
	if err != nil {
		return fault("C_GetTokenInfo", err)
	}
	firmware := fmt.Sprintf("%d.%d", i.FirmwareVersion.Major, i.FirmwareVersion.Minor)
	for _, v := range []string{Trim(i.Label), Trim(i.ManufacturerID), Trim(i.Model), Trim(i.SerialNumber), firmware} {
		p.str(v)
	}
	p.num(uint64(i.Flags))
	p.num(uint64(i.MinPinLen))
	p.num(uint64(i.MaxPinLen))
	p.str(Trim(i.UTCTime))
	return nil
}

func (s *server) login(u *unpacker) error {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	slot, rw, pin := uint(u.num()), u.flag(), u.bytes()
	if err := s.loaded(u); err != nil {
		return err
	}
	s.m.leave()
	s.m.mode = pkcs11.CKF_SERIAL_SESSION
	if rw {
		s.m.mode |= pkcs11.CKF_RW_SESSION
	}
	return s.m.login(slot, pin)
}

func (s *server) relogin(u *unpacker, p *packer) error {
	restart := u.flag()
	if err := u.done(); err != nil {
		return err
	}
	if err := s.m.relogin(restart); err != nil {
		return err
	}
	p.num(uint64(s.m.slot))
	return nil
}

func (s *server) logout(u *unpacker) error {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	if err := s.loaded(u); err != nil {
		return err
	}
	if !s.m.in {
		return ErrNotLoggedIn
	}
	s.m.leave()
	return nil
}

func (s *server) find(u *unpacker, p *packer) error {
	label, id := u.str(), u.bytes()
	var classes []uint
	for n := u.num(); n > 0 && !u.bad; n-- {
		classes = append(classes, uint(u.num()))
	}
	if err := u.done(); err != nil {
		return err
	}
	return s.m.use(func(sh pkcs11.SessionHandle) error {
		p.num(s.m.gen)
		for _, class := range classes {
			template := []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_CLASS, class)}
			if label != "" {
				template = append(template, pkcs11.NewAttribute(pkcs11.CKA_LABEL, label))
			}
			if len(id) > 0 {
				template = append(template, pkcs11.NewAttribute(pkcs11.CKA_ID, id))
			}
			found, err := findAll(s.m.ctx, sh, template, maxHandles)
			if err != nil {
				return err
			}
			p.num(uint64(len(found)))
			for _, h := range found {
				p.num(uint64(h))
			}
		}
		return nil
	})
}

// list answers with the handles after one, in the order of their numbers: so a
// list that is longer than a frame goes on where it was, though each request
// looks anew.
func (s *server) list(u *unpacker, p *packer) error {
	after := u.num()
	if err := u.done(); err != nil {
		return err
	}
	return s.m.use(func(sh pkcs11.SessionHandle) error {
		found, err := findAll(s.m.ctx, sh, nil, MostObjects)
		if err != nil {
			return err
		}
		slices.Sort(found)
		rest := slices.DeleteFunc(slices.Clone(found), func(h pkcs11.ObjectHandle) bool { return uint64(h) <= after })
		rest = rest[:min(len(rest), maxHandles)]
		p.num(s.m.gen)
		p.num(uint64(len(found)))
		p.num(uint64(len(rest)))
		for _, h := range rest {
			p.num(uint64(h))
		}
		return nil
	})
}

// findAll asks until nothing more comes: some tokens give one at a time.
func findAll(ctx *pkcs11.Ctx, sh pkcs11.SessionHandle, template []*pkcs11.Attribute, most int) ([]pkcs11.ObjectHandle, error) {
	if err := ctx.FindObjectsInit(sh, template); err != nil {
		return nil, fault("C_FindObjectsInit", err)
	}
	var all []pkcs11.ObjectHandle
	for len(all) < most {
		some, _, err := ctx.FindObjects(sh, min(maxHandles, most-len(all)))
		if err != nil {
			return nil, fault("C_FindObjects", err)
		}
		if len(some) == 0 {
			break
		}
		all = append(all, some...)
	}
	if err := ctx.FindObjectsFinal(sh); err != nil {
		return nil, fault("C_FindObjectsFinal", err)
	}
	return all, nil
}

func (s *server) attributes(u *unpacker, p *packer) error {
	h := Handle{u.num(), u.num()}
	var types []uint
	for n := u.num(); n > 0 && !u.bad; n-- {
		types = append(types, uint(u.num()))
	}
	if err := u.done(); err != nil {
		return err
	}
	return s.m.useObject(h, func(sh pkcs11.SessionHandle, o pkcs11.ObjectHandle) error {
		var got []*pkcs11.Attribute
		for _, t := range types {
			// One by one: a single one that the token lacks fails a list as a whole.
			a, err := s.m.ctx.GetAttributeValue(sh, o, []*pkcs11.Attribute{{Type: t}})
			switch {
			case err == nil:
				got = append(got, a...)
			case err == pkcs11.Error(pkcs11.CKR_ATTRIBUTE_TYPE_INVALID), err == pkcs11.Error(pkcs11.CKR_ATTRIBUTE_SENSITIVE): //nolint:errorlint // the binding returns it plain
			default:
				return fault("C_GetAttributeValue", err)
			}
		}
		p.num(uint64(len(got)))
		for _, a := range got {
			p.num(uint64(a.Type))
			p.bytes(a.Value)
		}
		return nil
	})
}

// random draws from the token's generator.
func (s *server) random(u *unpacker, p *packer) error {
	n := u.num()
	if err := u.done(); err != nil {
		return err
	}
	if n < 1 || n > MaxRandom {
		return errBad
	}
	return s.m.use(func(sh pkcs11.SessionHandle) error {
		b, err := s.m.ctx.GenerateRandom(sh, int(n)) //nolint:gosec // it is between 1 and MaxRandom
		if err != nil {
			return fault("C_GenerateRandom", err)
		}
		p.bytes(b)
		clear(b)
		return nil
	})
}
