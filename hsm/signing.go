package hsm

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"slices"

	"conclave/hsm/worker"
)

// SigningKey is a key pair in the token that signs the records of ceremonies.
type SigningKey struct {
	Label, ID  string            // ID: hex of CKA_ID
	Type       string            // "Ed25519" or "ECDSA P-256"
	Public     []byte            // SubjectPublicKeyInfo, DER
	Generated  bool              // made by this run
	Attributes map[string]string // of the private key, as the token states them
}

// The curves as CKA_EC_PARAMS names them. Of Ed25519 PKCS#11 3.0 knows a name
// and an identifier, and tokens know one of the two.
var (
	paramsP256    = []byte{0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07}
	paramsEdName  = append([]byte{0x13, 0x0C}, "edwards25519"...)
	paramsEdIdent = []byte{0x06, 0x03, 0x2B, 0x65, 0x70}
)

// signing is a signing key with its handles.
type signing struct {
	key  SigningKey
	use  worker.Handle
	kind uint
}

// FindSigningKey finds exactly one key pair with this label that signs: Ed25519
// or ECDSA on P-256.
func (t *Token) FindSigningKey(ctx context.Context, label string) (SigningKey, error) {
	var s signing
	err := t.try(ctx, label+":", func(w *worker.Client) (err error) {
		s, err = t.signing(ctx, w, label)
		return err
	})
	return s.key, err
}

func (t *Token) signing(ctx context.Context, w *worker.Client, label string) (signing, error) {
	if label == "" {
		return signing{}, fmt.Errorf("%w: no label of a signing key was given", ErrKeyNotFound)
	}
	o, err := t.objects(ctx, w, label, nil)
	switch {
	case err != nil:
		return signing{}, err
	case len(o.private) == 0 && len(o.public) == 0 && len(o.secret) == 0:
		return signing{}, fmt.Errorf("%w: %q, to sign the record. Nothing was created", ErrKeyNotFound, label)
	case len(o.private) != 1 || len(o.public) != 1 || len(o.secret) != 0:
		return signing{}, fmt.Errorf("%w: %d private, %d public and %d secret keys are called %q. One pair is needed", ErrKeyAmbiguous,
			len(o.private), len(o.public), len(o.secret), label)
	}
	s := signing{use: o.private[0], key: SigningKey{Label: label, Attributes: map[string]string{}}}
	attrs := []uint{worker.AttrKeyType, worker.AttrID}
	for _, a := range statedOfSigning {
		attrs = append(attrs, a.attr)
	}
	private, err := w.Attributes(ctx, t.cfg.Timeout, o.private[0], attrs...)
	if err != nil {
		return signing{}, err
	}
	public, err := w.Attributes(ctx, t.cfg.Timeout, o.public[0], worker.AttrKeyType, worker.AttrECParams, worker.AttrECPoint, worker.AttrID)
	if err != nil {
		return signing{}, err
	}
	if s.kind, err = asNumber(private[worker.AttrKeyType]); err != nil {
		return signing{}, err
	}
	if !bytes.Equal(public[worker.AttrKeyType], private[worker.AttrKeyType]) || !bytes.Equal(public[worker.AttrID], private[worker.AttrID]) {
		return signing{}, fmt.Errorf("%w: the public and the private key %q are not a pair", ErrKeyAmbiguous, label)
	}
	s.key.ID = hex.EncodeToString(private[worker.AttrID])
	s.key.Type, s.key.Public, err = publicKey(s.kind, public[worker.AttrECParams], public[worker.AttrECPoint])
	if err != nil {
		return signing{}, fmt.Errorf("the key %q: %w", label, err)
	}
	for _, a := range statedOfSigning {
		if v := private[a.attr]; len(v) == 1 {
			s.key.Attributes[a.name] = fmt.Sprint(v[0] != 0)
		}
	}
	return s, nil
}

// statedOfSigning are stated, with CKA_SIGN in place of what a pair that signs
// has no use for.
var statedOfSigning = append(slices.Clone(stated), struct {
	attr uint
	name string
}{worker.AttrSign, "CKA_SIGN"})

// publicKey makes a SubjectPublicKeyInfo of what the token says of a key. The
// point is an OCTET STRING around the point by the standard, and the point
// itself in some libraries.
func publicKey(kind uint, params, point []byte) (name string, spki []byte, err error) {
	raw := point
	var inner []byte
	if rest, err := asn1.Unmarshal(point, &inner); err == nil && len(rest) == 0 {
		raw = inner
	}
	var key any
	switch {
	case kind == worker.KeyTypeEdwards && len(raw) == ed25519.PublicKeySize &&
		(bytes.Equal(params, paramsEdName) || bytes.Equal(params, paramsEdIdent)):
		name, key = "Ed25519", ed25519.PublicKey(raw)
	case kind == worker.KeyTypeEC && bytes.Equal(params, paramsP256):
		k, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), raw)
		if err != nil {
			return "", nil, errors.New("its public key is no point of P-256")
		}
		name, key = "ECDSA P-256", k
	default:
		return "", nil, fmt.Errorf("it is neither an Ed25519 nor an ECDSA P-256 key (CKA_KEY_TYPE 0x%X)", kind)
	}
	spki, err = x509.MarshalPKIXPublicKey(key)
	return name, spki, err
}

// Sign signs a message as a signed note has it: Ed25519 over the message, ECDSA
// over its SHA-256 and in DER. The signature is checked with the public key
// before it is returned.
func (t *Token) Sign(ctx context.Context, label string, message []byte) ([]byte, error) {
	var s signing
	var out []byte
	err := t.try(ctx, label+":", func(w *worker.Client) (err error) {
		if s, err = t.signing(ctx, w, label); err != nil {
			return err
		}
		if s.kind == worker.KeyTypeEdwards {
			out, err = w.Sign(ctx, t.cfg.Timeout, s.use, worker.MechanismEdDSA, message)
			t.count("C_Sign", label+":"+s.key.ID, err)
			return err
		}
		sum := sha256.Sum256(message)
		out, err = w.Sign(ctx, t.cfg.Timeout, s.use, worker.MechanismECDSA, sum[:])
		t.count("C_Sign", label+":"+s.key.ID, err)
		if err != nil {
			return err
		}
		out, err = inDER(out)
		return err
	})
	if err != nil {
		return nil, err
	}
	if !s.key.Verify(message, out) {
		return nil, fmt.Errorf("the token made a signature with %q that does not check: it was thrown away", label)
	}
	return out, nil
}

// inDER makes of the r and s that PKCS#11 puts one after the other what X9.62
// says.
func inDER(raw []byte) ([]byte, error) {
	if len(raw) == 0 || len(raw)%2 != 0 {
		return nil, errors.New("the token gave no signature where PKCS#11 wants one")
	}
	half := len(raw) / 2
	return asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(raw[:half]), new(big.Int).SetBytes(raw[half:])})
}

// Verify checks a signature by the key over a message.
func (k SigningKey) Verify(message, signature []byte) bool {
	key, err := x509.ParsePKIXPublicKey(k.Public)
	if err != nil {
		return false
	}
	switch pub := key.(type) {
	case ed25519.PublicKey:
		return ed25519.Verify(pub, message, signature)
	case *ecdsa.PublicKey:
		sum := sha256.Sum256(message)
		return ecdsa.VerifyASN1(pub, sum[:], signature)
	}
	return false
}

// GenerateSigningKey makes a pair with this label, only if nothing in the token
// has it: Ed25519, or ECDSA on P-256 where the token has no Ed25519. It is found
// again after the library was restarted, and has to sign.
func (t *Token) GenerateSigningKey(ctx context.Context, label string) (SigningKey, error) {
	if label == "" {
		return SigningKey{}, errors.New("making a key that signs the record: no label was given")
	}
	if err := t.try(ctx, label+":", func(w *worker.Client) error { return t.nothingThere(ctx, w, label, nil) }); err != nil {
		return SigningKey{}, err
	}
	if err := t.makePair(ctx, label); err != nil {
		return SigningKey{}, err
	}
	if err := t.relogin(ctx, true); err != nil {
		return SigningKey{}, fmt.Errorf("looking for the new key after a restart of the library: %w", err)
	}
	k, err := t.FindSigningKey(ctx, label)
	if errors.Is(err, ErrKeyNotFound) {
		return SigningKey{}, fmt.Errorf("the token reported success but did not keep the key; its store is missing or read-only: %w", err)
	}
	if err != nil {
		return SigningKey{}, fmt.Errorf("reading back the key that was made: %w", err)
	}
	if why := mayLeave(k.Attributes); why != "" {
		return SigningKey{}, fmt.Errorf("the token made a key that may leave it (%s). It signed nothing: delete the key %q with the vendor's tool", why, label)
	}
	if _, err := t.Sign(ctx, label, []byte("Conclave: a trial of a new key, no record\n")); err != nil {
		return SigningKey{}, fmt.Errorf("trying the new key: %w", err)
	}
	k.Generated = true
	return k, nil
}

// makePair asks for one kind after the other. Only a token that says that it
// has not this kind or curve is asked for the next: no key was made then.
func (t *Token) makePair(ctx context.Context, label string) error {
	id := make([]byte, 16)
	_, _ = rand.Read(id) // never fails
	t.turn.RLock()
	defer t.turn.RUnlock()
	w, err := t.session(ctx)
	if err != nil {
		return err
	}
	limit := 4 * t.cfg.Timeout
	for _, kind := range []struct {
		keyType uint
		params  []byte
	}{{worker.KeyTypeEdwards, paramsEdName}, {worker.KeyTypeEdwards, paramsEdIdent}, {worker.KeyTypeEC, paramsP256}} {
		err = w.GeneratePair(ctx, limit, kind.keyType, kind.params, label, id)
		t.count("C_GenerateKeyPair", label+":"+hex.EncodeToString(id), err)
		if !unknownKind(err) {
			break
		}
	}
	return t.check(w, t.explain(err, limit))
}

// unknownKind tells the errors with which a token refuses a kind of key.
func unknownKind(err error) bool {
	var f *worker.Fault
	if !errors.As(err, &f) {
		return false
	}
	const (
		attributeTypeInvalid  = 0x12
		attributeValueInvalid = 0x13
		notSupported          = 0x54
		mechanismInvalid      = 0x70
		mechanismParam        = 0x71
		templateInconsistent  = 0xD1
		domainParams          = 0x130
		curveNotSupported     = 0x140
	)
	switch f.Code {
	case attributeTypeInvalid, attributeValueInvalid, notSupported, mechanismInvalid, mechanismParam, templateInconsistent, domainParams, curveNotSupported:
		return true
	}
	return false
}
