package hsm

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"conclave/hsm/worker"
)

// ErrKeyExists is returned by GenerateKey when something has the label or id.
var ErrKeyExists = errors.New("the token already has a key of this label or id")

// objects are the keys under one label and id.
type objects struct{ secret, private, public []worker.Handle }

func (o objects) none() bool { return len(o.secret)+len(o.private)+len(o.public) == 0 }

// key is one key: a secret key, or a pair.
type key struct {
	use    worker.Handle // the secret or the private key
	public worker.Handle // of a pair
	kind   uint          // CKA_KEY_TYPE
	name   string        // by which it was found, for Calls
	size   int           // of the modulus of a pair, in bytes
}

// configured is the label and id of the configuration.
func (t *Token) configured() (label string, id []byte, err error) {
	if t.cfg.KeyLabel == "" {
		return "", nil, fmt.Errorf("%w: no key label was given", ErrKeyNotFound)
	}
	if id, err = hex.DecodeString(t.cfg.KeyID); err != nil {
		return "", nil, fmt.Errorf("the key id %q is not hexadecimal", t.cfg.KeyID)
	}
	return t.cfg.KeyLabel, id, nil
}

// ref is how blobs name the configured key, byte for byte as the server does.
func (t *Token) ref() string { return t.cfg.KeyLabel + ":" + t.cfg.KeyID }

// objects finds all keys with a label and an id, where these are not empty.
func (t *Token) objects(ctx context.Context, w *worker.Client, label string, id []byte) (objects, error) {
	found, err := w.Find(ctx, t.cfg.Timeout, worker.Object{Label: label, ID: id},
		worker.ClassSecretKey, worker.ClassPrivateKey, worker.ClassPublicKey)
	if err != nil {
		return objects{}, err
	}
	return objects{secret: found[0], private: found[1], public: found[2]}, nil
}

// keyName names a key by what it was asked for.
func keyName(label string, id []byte) string {
	if len(id) == 0 {
		return strconv.Quote(label)
	}
	return fmt.Sprintf("%q with id %x", label, id)
}

// key finds exactly one secret key or one pair, as the server does.
func (t *Token) key(ctx context.Context, w *worker.Client, label string, id []byte) (key, error) {
	o, err := t.objects(ctx, w, label, id)
	if err != nil {
		return key{}, err
	}
	name := keyName(label, id)
	switch {
	case len(o.secret) == 0 && len(o.private) == 0 && t.had(name):
		return key{}, fmt.Errorf("%w: its key %s was there before, and is not now. Nothing was created", ErrTokenGone, name)
	case len(o.secret) == 0 && len(o.private) == 0:
		return key{}, fmt.Errorf("%w: %s. Wrong token or label, key deleted, or token initialised anew; this PIN may also not see it. Nothing was created", ErrKeyNotFound, name)
	case len(o.secret) > 1 || len(o.private) > 1 || len(o.secret) == 1 && len(o.private)+len(o.public) > 0:
		ids, err := t.ids(ctx, w, slices.Concat(o.secret, o.private, o.public))
		if err != nil {
			return key{}, err
		}
		return key{}, fmt.Errorf("%w: %d secret and %d private keys are called %s (ids %s). Give the key id", ErrKeyAmbiguous, len(o.secret), len(o.private), name, ids)
	case len(o.secret) == 1:
		kind, err := t.number(ctx, w, o.secret[0], worker.AttrKeyType)
		if err == nil {
			t.has(name)
		}
		return key{use: o.secret[0], kind: kind, name: name}, err
	}
	k, err := t.pair(ctx, w, o, name)
	if err == nil {
		t.has(name)
	}
	return k, err
}

// has notes that a key was found, and had tells whether it ever was. One that was
// and is no longer means that the token is another than before, or that the library
// has lost sight of it: only a new process is sure to see.
func (t *Token) has(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.found == nil {
		t.found = map[string]bool{}
	}
	t.found[name] = true
}

func (t *Token) had(name string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.found[name]
}

// forget is for keys that were destroyed.
func (t *Token) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.found = nil
}

// pair completes a private key with its public one: by label and id, else by
// the private key's CKA_ID. Both must have the same modulus.
func (t *Token) pair(ctx context.Context, w *worker.Client, o objects, name string) (key, error) {
	private, err := w.Attributes(ctx, t.cfg.Timeout, o.private[0], worker.AttrKeyType, worker.AttrID, worker.AttrModulus)
	if err != nil {
		return key{}, err
	}
	if len(o.public) == 0 && len(private[worker.AttrID]) > 0 {
		found, err := t.objects(ctx, w, "", private[worker.AttrID])
		if err != nil {
			return key{}, err
		}
		o.public = found.public
	}
	if len(o.public) != 1 {
		return key{}, fmt.Errorf("%w: %d public keys belong to the private key %s. Exactly one is needed", ErrKeyAmbiguous, len(o.public), name)
	}
	public, err := w.Attributes(ctx, t.cfg.Timeout, o.public[0], worker.AttrModulus)
	if err != nil {
		return key{}, err
	}
	if string(public[worker.AttrModulus]) != string(private[worker.AttrModulus]) {
		return key{}, fmt.Errorf("%w: the public and the private key %s are not a pair", ErrKeyAmbiguous, name)
	}
	kind, err := asNumber(private[worker.AttrKeyType])
	size := len(bytes.TrimLeft(public[worker.AttrModulus], "\x00"))
	return key{use: o.private[0], public: o.public[0], kind: kind, name: name, size: size}, err
}

// ids lists the CKA_IDs of objects.
func (t *Token) ids(ctx context.Context, w *worker.Client, list []worker.Handle) (string, error) {
	var s []string
	for _, h := range list {
		a, err := w.Attributes(ctx, t.cfg.Timeout, h, worker.AttrID)
		if err != nil {
			return "", err
		}
		s = append(s, strconv.Quote(hex.EncodeToString(a[worker.AttrID])))
	}
	return strings.Join(s, ", "), nil
}

func (t *Token) number(ctx context.Context, w *worker.Client, h worker.Handle, attr uint) (uint, error) {
	a, err := w.Attributes(ctx, t.cfg.Timeout, h, attr)
	if err != nil {
		return 0, err
	}
	return asNumber(a[attr])
}

// asNumber reads a CK_ULONG, which is in the machine's own byte order.
func asNumber(b []byte) (uint, error) {
	switch len(b) {
	case 8:
		return uint(binary.NativeEndian.Uint64(b)), nil
	case 4:
		return uint(binary.NativeEndian.Uint32(b)), nil
	}
	return 0, errors.New("the token gave no number where PKCS#11 wants one")
}

// stated are the attributes that are read for the record.
var stated = []struct {
	attr uint
	name string
}{
	{worker.AttrToken, "CKA_TOKEN"},
	{worker.AttrPrivate, "CKA_PRIVATE"},
	{worker.AttrSensitive, "CKA_SENSITIVE"},
	{worker.AttrAlwaysSensitive, "CKA_ALWAYS_SENSITIVE"},
	{worker.AttrExtractable, "CKA_EXTRACTABLE"},
	{worker.AttrNeverExtractable, "CKA_NEVER_EXTRACTABLE"},
	{worker.AttrLocal, "CKA_LOCAL"},
	{worker.AttrEncrypt, "CKA_ENCRYPT"},
	{worker.AttrDecrypt, "CKA_DECRYPT"},
	{worker.AttrWrap, "CKA_WRAP"},
	{worker.AttrUnwrap, "CKA_UNWRAP"},
	{worker.AttrSign, "CKA_SIGN"},
	{worker.AttrVerify, "CKA_VERIFY"},
	{worker.AttrDerive, "CKA_DERIVE"},
	{worker.AttrModifiable, "CKA_MODIFIABLE"},
}

// attributes are those for the record, as the token states them.
func (t *Token) attributes(ctx context.Context, w *worker.Client, h worker.Handle) (map[string]string, error) {
	a, err := w.Attributes(ctx, t.cfg.Timeout, h, statedTypes()...)
	if err != nil {
		return nil, err
	}
	return statements(a), nil
}

// describe reads what the token says of a key.
func (t *Token) describe(ctx context.Context, w *worker.Client, k key) (Key, error) {
	a, err := w.Attributes(ctx, t.cfg.Timeout, k.use, worker.AttrLabel, worker.AttrID, worker.AttrValueLen)
	if err != nil {
		return Key{}, err
	}
	m, err := t.settled()
	if err != nil {
		return Key{}, err
	}
	if m == 0 && k.kind == worker.KeyTypeRSA {
		m = worker.MechanismRSAOAEP // the only one that there is
	}
	if m != 0 || k.kind != worker.KeyTypeAES {
		if err := fits(m, k.kind); err != nil {
			return Key{}, err
		}
	}
	r := Key{Label: string(a[worker.AttrLabel]), ID: hex.EncodeToString(a[worker.AttrID]), Ref: t.ref(), Mechanism: mechanismName(m)}
	if k.kind == worker.KeyTypeRSA {
		h, err := oaep(t.cfg.OAEPHash)
		if err != nil {
			return Key{}, err
		}
		r.Type, r.OAEPHash = fmt.Sprintf("RSA-%d", 8*k.size), h.name
	} else if n, err := asNumber(a[worker.AttrValueLen]); err == nil {
		r.Type = fmt.Sprintf("AES-%d", 8*n)
	} else {
		r.Type = "AES" // some tokens do not say how long a hidden key is
	}
	if r.Attributes, err = t.attributes(ctx, w, k.use); err != nil {
		return Key{}, err
	}
	if needsMAC(m) {
		err = t.describeMAC(ctx, w, &r)
	}
	return r, err
}

func statedTypes() []uint {
	var types []uint
	for _, s := range stated {
		types = append(types, s.attr)
	}
	return types
}

// statements are the attributes of stated that the token gave.
func statements(a map[uint][]byte) map[string]string {
	m := map[string]string{}
	for _, s := range stated {
		if v := a[s.attr]; len(v) == 1 {
			m[s.name] = strconv.FormatBool(v[0] != 0)
		}
	}
	return m
}

// FindKey finds exactly one key under the configured label and id, and the HMAC
// key where the mechanism needs one.
func (t *Token) FindKey(ctx context.Context) (Key, error) {
	var r Key
	err := t.try(ctx, t.ref(), func(w *worker.Client) error {
		k, err := t.configuredKey(ctx, w)
		if err != nil {
			return err
		}
		r, err = t.describe(ctx, w, k)
		return err
	})
	return r, err
}
