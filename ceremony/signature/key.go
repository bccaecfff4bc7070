package signature

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"conclave/assets/clean"
	"conclave/vaultstate/pgp"
)

// PlanNamespace is what ssh-keygen -Y sign -n is given for the approval of a
// plan. A signature of a record is none of a plan.
const PlanNamespace = "conclave-plan"

// Key is the one public key of somebody who is known before they sign.
type Key struct {
	Kind  Kind
	ID    string   // ssh: SHA256:…; OpenPGP: the fingerprint; minisign: the whole key in base64
	Texts []string // what an OpenPGP key says of its owner

	trust Trust
}

// ReadKey reads the key of who: a line of ssh as in authorized_keys, one OpenPGP
// key, or a minisign key with or without its comment. More than one key, and a
// private one, are refused.
func ReadKey(who string, data []byte) (Key, error) {
	text := strings.TrimSpace(string(data))
	switch {
	case len(data) > MaxFile:
		return Key{}, errors.New("the file is too large")
	case strings.Contains(text, "PRIVATE KEY") || strings.HasPrefix(text, "untrusted comment: minisign encrypted secret key"):
		return Key{}, errors.New("it holds a private key: give the public key alone, and keep the private one off this machine")
	case len(data) > 0 && data[0]&0x80 != 0, strings.HasPrefix(text, "-----BEGIN PGP"):
		return readPGP(data)
	case strings.HasPrefix(text, "untrusted comment:"):
		return readMinisign(who, data)
	case strings.HasPrefix(text, "RW") && !strings.ContainsAny(text, " \n"):
		return readMinisign(who, []byte("untrusted comment:\n"+text+"\n"))
	}
	return readSSH(who, data)
}

func readPGP(data []byte) (Key, error) {
	ring, err := pgp.ReadRing(data)
	if err != nil {
		return Key{}, err
	}
	of := ring.Owners()
	if len(of) != 1 {
		return Key{}, errors.New("there is more than one key in it; exactly one is needed")
	}
	return Key{Kind: OpenPGP, ID: of[0].Fingerprint, Texts: of[0].UserIDs, trust: Trust{rings: []pgp.Ring{ring}}}, nil
}

func readMinisign(who string, data []byte) (Key, error) {
	k, err := parseMinisignKey(bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n")))
	if err != nil {
		return Key{}, err
	}
	k.comment = clean.Clean(who)
	raw := append(append([]byte("Ed"), k.id[:]...), k.key...)
	return Key{Kind: Minisign, ID: base64.StdEncoding.EncodeToString(raw), trust: Trust{minisign: []minisignKey{k}}}, nil
}

func readSSH(who string, data []byte) (Key, error) {
	key, _, options, rest, err := ssh.ParseAuthorizedKey(data)
	switch {
	case err != nil:
		return Key{}, errors.New("it is no public key of ssh, OpenPGP or minisign")
	case len(options) > 0:
		return Key{}, errors.New("there is something before the key: it begins with its kind, like ssh-ed25519")
	case len(bytes.TrimSpace(rest)) > 0:
		return Key{}, errors.New("there is more than one key in it; exactly one is needed")
	}
	return Key{Kind: SSH, ID: ssh.FingerprintSHA256(key), trust: Trust{ssh: []signer{{who: clean.Clean(who), key: key}}}}, nil
}

// CheckPlan checks the approval of a plan. The error is ErrWrong if the
// signature is of another text or by another key.
func (k Key) CheckPlan(text, sig []byte, now time.Time) (Result, error) {
	r, err := k.trust.check(text, sig, PlanNamespace, now)
	if err == nil && !r.Trusted {
		err = ErrOtherKey
	}
	return r, err
}
