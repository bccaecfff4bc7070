// Package signature checks what people sign: a record after the ceremony, over
// the bytes of checkpoint.note, and a plan before it. Signatures are detached,
// by ssh-keygen, OpenPGP or minisign. Besides it checks the signature in the note
// by a key in the HSM, and answers of time-stamping authorities (RFC 3161).
//
// It promises that a signature of a record counts only if its key is in what the
// auditor brings (Trust): a key that comes with the record is named and never
// trusted. The approval of a plan counts only by the one Key that the plan names
// for its approver. SSH signatures are made for Namespace, which a rehearsal and
// a plan do not share; the other two sign a text that says itself what it is.
//
// It does not promise that a key belongs to the person whom the list names, nor
// when a signature was made, nor that an authority was not revoked.
package signature

import (
	"bytes"
	"crypto/x509"
	"errors"
	"time"

	"conclave/assets/clean"
	"conclave/ceremony/transcript"
	"conclave/vaultstate/pgp"
)

// MaxFile bounds a signature, and a list of keys.
const MaxFile = 1 << 20

// Kind is a format of signatures.
type Kind string

// The kinds.
const (
	SSH      Kind = "ssh"
	OpenPGP  Kind = "OpenPGP"
	Minisign Kind = "minisign"
)

// Ext is the end of the name of a file that holds such a signature.
func (k Kind) Ext() string {
	switch k {
	case SSH:
		return ".sshsig"
	case Minisign:
		return ".minisig"
	case OpenPGP, RFC3161:
	}
	return ".asc"
}

// Namespace is what ssh-keygen -Y sign -n is given.
func Namespace(practice bool) string {
	if practice {
		return "conclave-practice"
	}
	return "conclave-ceremony"
}

// Result is what a signature shows. Key is as the format names keys; of a
// signature that is not trusted it is what it says itself.
type Result struct {
	Kind    Kind
	Key     string
	Who     string // whom Trust names, if it is trusted
	Trusted bool   // it is good, and its key is in Trust
	Checked bool   // it is good; false where only the key could tell
}

// Errors of signatures.
var (
	ErrWrong    = errors.New("it is no signature of this text")
	ErrOtherKey = errors.New("it is by another key")
	errUnknown  = errors.New("it is no signature by ssh-keygen, OpenPGP or minisign")
)

// Trust is the keys that count, with whose they are.
type Trust struct {
	ssh      []signer
	rings    []pgp.Ring
	minisign []minisignKey
	hsm      []transcript.NoteKey
	certs    []*x509.Certificate // of time-stamping authorities, or of those above them
}

// Add reads a file of keys: allowed signers as for ssh-keygen, OpenPGP public
// keys, a minisign public key, the public key of an HSM that signs records, or
// certificates of time-stamping authorities.
func (t *Trust) Add(data []byte) error {
	switch {
	case len(data) > MaxFile:
		return errors.New("the file is too large")
	case bytes.HasPrefix(data, []byte("-----BEGIN CERTIFICATE-----")):
		return t.addCertificates(data)
	case isNoteKey(data):
		return t.addNoteKey(data)
	case bytes.HasPrefix(data, []byte("untrusted comment:")):
		k, err := parseMinisignKey(data)
		if err != nil {
			return err
		}
		t.minisign = append(t.minisign, k)
		return nil
	case len(data) > 0 && data[0]&0x80 != 0, bytes.HasPrefix(data, []byte("-----BEGIN PGP")):
		ring, err := pgp.ReadRing(data)
		if err != nil {
			return err
		}
		t.rings = append(t.rings, ring)
		return nil
	}
	list, err := parseAllowed(data)
	if err != nil {
		return err
	}
	t.ssh = append(t.ssh, list...)
	return nil
}

// KindOf tells what a signature is by its first bytes.
func KindOf(sig []byte) (Kind, error) {
	switch {
	case bytes.HasPrefix(sig, []byte(sshBegin)):
		return SSH, nil
	case bytes.HasPrefix(sig, []byte("untrusted comment:")):
		return Minisign, nil
	case len(sig) > 0 && sig[0]&0x80 != 0, bytes.HasPrefix(sig, []byte("-----BEGIN PGP SIGNATURE-----")):
		return OpenPGP, nil
	}
	return "", errUnknown
}

// Check checks a signature over message. The error is ErrWrong if it is of
// another text, and another one if it does not count for another reason; a good
// one by an unknown key is no error.
func (t *Trust) Check(message, sig []byte, practice bool, now time.Time) (Result, error) {
	return t.check(message, sig, Namespace(practice), now)
}

func (t *Trust) check(message, sig []byte, namespace string, now time.Time) (Result, error) {
	if len(sig) > MaxFile {
		return Result{}, errUnknown
	}
	kind, err := KindOf(sig)
	if err != nil {
		return Result{}, err
	}
	switch kind {
	case SSH:
		return t.checkSSH(message, sig, namespace, now)
	case Minisign:
		return t.checkMinisign(message, sig)
	case OpenPGP, RFC3161:
	}
	return t.checkPGP(message, sig, now)
}

func (t *Trust) checkPGP(message, sig []byte, now time.Time) (Result, error) {
	by, err := pgp.SignerOf(sig)
	if err != nil {
		return Result{}, err
	}
	r := Result{Kind: OpenPGP, Key: by}
	for _, ring := range t.rings {
		s, err := ring.Check(message, sig, now)
		switch {
		case errors.Is(err, pgp.ErrUnknownSigner):
			continue
		case errors.Is(err, pgp.ErrOtherSignature):
			return r, ErrWrong
		case err != nil:
			return r, err
		}
		r.Key, r.Who, r.Trusted, r.Checked = s.By, clean.Clean(s.UserID), true, true
		return r, nil
	}
	return r, nil
}
