package hsm

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"conclave/hsm/worker"
)

// MostObjects is how many objects an Inventory describes; the rest is counted.
const MostObjects = 500

// Inventory is what a login sees in the token.
type Inventory struct {
	Objects []Object // ordered by class, label and id
	Count   int      // of all; up to worker.MostObjects
}

// Object is an object of the token in its own words. Of its value nothing is
// read.
type Object struct {
	Class      string // "secret key", "certificate", …
	Label, ID  string // ID: hex of CKA_ID
	Type       string // "AES-256", "" if it is no key
	Attributes map[string]string
	Unread     string // why the token did not describe it
}

// Inventory lists what the login sees. An object that the token does not
// describe is in the list, too, without its attributes.
func (t *Token) Inventory(ctx context.Context) (Inventory, error) {
	var inv Inventory
	err := t.try(ctx, t.ref(), func(w *worker.Client) error {
		list, count, err := w.List(ctx, t.cfg.Timeout, MostObjects)
		if err != nil {
			return err
		}
		inv = Inventory{Count: count}
		for _, h := range list {
			o, err := t.object(ctx, w, h)
			if err != nil {
				if o, err = t.unread(err); err != nil {
					return err
				}
			}
			inv.Objects = append(inv.Objects, o)
		}
		return nil
	})
	slices.SortFunc(inv.Objects, func(a, b Object) int {
		return cmp.Or(cmp.Compare(a.Class, b.Class), cmp.Compare(a.Label, b.Label), cmp.Compare(a.ID, b.ID))
	})
	return inv, err
}

// unread is an object whose attributes the token refused. An error that is of
// the login, the token or the process is none of the object's.
func (t *Token) unread(err error) (Object, error) {
	var f *worker.Fault
	told := t.explain(err, t.cfg.Timeout)
	if !errors.As(err, &f) || passing(err) || errors.Is(told, ErrTokenGone) || errors.Is(told, ErrNotLoggedIn) {
		return Object{}, err
	}
	return Object{Class: "object", Unread: f.Error()}, nil
}

func (t *Token) object(ctx context.Context, w *worker.Client, h worker.Handle) (Object, error) {
	a, err := w.Attributes(ctx, t.cfg.Timeout, h, append(statedTypes(), worker.AttrClass, worker.AttrLabel, worker.AttrID, worker.AttrKeyType)...)
	if err != nil {
		return Object{}, err
	}
	o := Object{Class: "object", Label: string(a[worker.AttrLabel]), ID: hex.EncodeToString(a[worker.AttrID]), Attributes: statements(a)}
	class, err := asNumber(a[worker.AttrClass])
	if err != nil {
		return o, nil //nolint:nilerr // a token that does not say what it is
	}
	o.Class = className(class)
	if kind, err := asNumber(a[worker.AttrKeyType]); err == nil && isKey(class) {
		o.Type, err = t.typeOf(ctx, w, h, class, kind)
		if err != nil {
			return Object{}, err
		}
	}
	return o, nil
}

func isKey(class uint) bool {
	return class == worker.ClassPublicKey || class == worker.ClassPrivateKey || class == worker.ClassSecretKey
}

// typeOf says what a key is, and how long where the token tells.
func (t *Token) typeOf(ctx context.Context, w *worker.Client, h worker.Handle, class, kind uint) (string, error) {
	name, known := keyTypes[kind]
	if !known {
		name = fmt.Sprintf("key type 0x%X", kind)
	}
	attr := uint(worker.AttrValueLen)
	switch {
	case kind == worker.KeyTypeRSA:
		attr = worker.AttrModulus
	case kind == worker.KeyTypeEC:
		attr = worker.AttrECParams
	case class != worker.ClassSecretKey:
		return name, nil
	}
	a, err := w.Attributes(ctx, t.cfg.Timeout, h, attr)
	if err != nil {
		return "", err
	}
	n, lengthErr := asNumber(a[attr])
	switch {
	case kind == worker.KeyTypeRSA && len(a[attr]) > 0:
		return fmt.Sprintf("%s-%d", name, 8*len(a[attr])), nil
	case kind == worker.KeyTypeEC && curves[string(a[attr])] != "":
		return name + " " + curves[string(a[attr])], nil
	case attr == worker.AttrValueLen && lengthErr == nil:
		return fmt.Sprintf("%s-%d", name, 8*n), nil
	}
	return name, nil
}

// className names an object's class as PKCS#11 does.
func className(class uint) string {
	if name, ok := classes[class]; ok {
		return name
	}
	return fmt.Sprintf("object of class 0x%X", class)
}

var classes = map[uint]string{0: "data", 1: "certificate", worker.ClassPublicKey: "public key", worker.ClassPrivateKey: "private key",
	worker.ClassSecretKey: "secret key", 5: "hardware feature", 6: "domain parameters", 7: "mechanism", 8: "OTP key", 9: "profile"}

var keyTypes = map[uint]string{worker.KeyTypeRSA: "RSA", 1: "DSA", 2: "DH", worker.KeyTypeEC: "EC", 0x10: "generic secret", 0x13: "DES",
	0x14: "DES2", 0x15: "DES3", worker.KeyTypeAES: "AES", 0x2B: "SHA256-HMAC", 0x40: "EC Edwards", 0x41: "EC Montgomery"}

// curves are those of FIPS 186, by their CKA_EC_PARAMS.
var curves = map[string]string{
	"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07": "P-256",
	"\x06\x05\x2b\x81\x04\x00\x22":             "P-384",
	"\x06\x05\x2b\x81\x04\x00\x23":             "P-521",
}
